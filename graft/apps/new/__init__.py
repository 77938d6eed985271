"""A project of one's own, made from the graft that is installed and brought up to date with it."""

from pathlib import Path

_SHIPPED = Path(__file__).with_name("files")
TEMPLATE = _SHIPPED if _SHIPPED.is_dir() else Path(__file__).resolve().parents[3]
"""Where pipeline, scripts, settings and presets lie: in the wheel beside this module, else in graft's repository."""

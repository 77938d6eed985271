"""``python -m graft`` is ``graft``."""

from graft.apps.cli import run

run()

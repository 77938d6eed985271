"""``python -m graft`` is ``graft``."""

from graft.cli import run

run()

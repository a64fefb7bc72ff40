"""`python -m mien_cli` is `mien`."""

from mien_cli.app import run

run()

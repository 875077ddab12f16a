"""`python -m cais`."""

from cais.cli.main import entry

entry()

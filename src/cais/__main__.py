"""`python -m cais`."""

from cais.cli.entry import entry

entry()

"""The console script: what has to come before all imports, then `main`."""

from __future__ import annotations

from typing import NoReturn

from cais.cli.quickstart import import_msgspec


def entry() -> NoReturn:
    """Run the command line of this process and leave it."""
    import_msgspec()
    from cais.cli.main import entry as run

    run()

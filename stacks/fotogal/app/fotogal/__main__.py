"""The command line: `python -m fotogal provision`."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from fotogal.catalogue.interface import Unavailable
from fotogal.objects.interface import StoreUnavailable
from fotogal.settings import BadSetting, Settings, from_environment


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code: 0 done, 1 a store does not answer, 2 a wrong argument or setting."""
    options = _parser().parse_args(arguments)
    try:
        return int(options.run(from_environment(os.environ), options))
    except BadSetting as error:
        print(f"fotogal: {error}", file=sys.stderr)
        return 2
    except (Unavailable, StoreUnavailable) as error:
        print(f"fotogal: {error}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="fotogal", description="FotoGal's tasks beside its web application.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    provision = commands.add_parser("provision", help="create what the chosen stores need; again it does nothing")
    provision.set_defaults(run=_provision)
    return parser


def _provision(settings: Settings, _options: argparse.Namespace) -> int:
    from fotogal.provision import provision

    done = provision(settings)
    print("\n".join(done) if done else "nothing to do: everything is there")
    return 0


if __name__ == "__main__":
    sys.exit(main())

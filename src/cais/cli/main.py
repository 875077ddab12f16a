"""The entry point: global options, the verb's module, exceptions to exit codes. Only the chosen verb's module is imported."""

from __future__ import annotations

import argparse
import functools
import gc
import importlib
import os
import signal
import sys
from collections.abc import Sequence
from typing import NoReturn, Protocol, cast

from cais.cli.options import GlobalOptions
from cais.cli.wire import Wire
from cais.errors import CaisError, PermissionNeeded, UsageError

# verb: (module under cais.cli, what it does). The order is that of the help.
VERBS: dict[str, tuple[str, str]] = {
    "up": ("up", "build what is missing, create and start the services in the order of their health"),
    "down": ("down", "stop and remove the containers and networks (with -v the volumes)"),
    "ps": ("ps", "list the containers"),
    "logs": ("logs", "show what the services wrote"),
    "exec": ("exec", "run a command in a running container"),
    "run": ("run", "run a one-off command on a service"),
    "build": ("build", "build the services' images"),
    "config": ("config", "check and show the project as Cais understands it"),
    "start": ("start", "start existing containers"),
    "stop": ("stop", "stop running containers"),
    "restart": ("restart", "restart containers"),
    "kill": ("kill", "send a signal to containers"),
    "rm": ("rm", "remove stopped containers"),
    "create": ("create", "create containers without starting them"),
    "top": ("top", "show the processes of the containers"),
    "port": ("port", "print the host address of a published port"),
    "events": ("events", "show what happens to the containers"),
    "ls": ("ls", "list the projects"),
    "images": ("images", "list the images the services use"),
    "pull": ("pull", "fetch the services' images"),
    "push": ("push", "give the services' built images to their registries"),
    "login": ("login", "log in to a registry"),
    "logout": ("logout", "log out of a registry"),
    "image": ("image", "list, inspect, import, save, load, remove images"),
    "builder": ("builder", "what the builder keeps: how much it takes, and room made of it"),
    "version": ("version", "show the version"),
    "doctor": ("doctor", "what this machine can do, what is missing and how to get it"),
}
# What these do to the machine needs root; said before anything is begun.
NEED_ROOT = frozenset({"up", "create", "run", "exec", "build", "start", "stop", "restart", "kill", "rm"})
GC_THRESHOLD = 50_000
MIN_WIDTH = 40
EXIT_UNEXPECTED = 70
EXIT_INTERRUPTED = 130


class Verb(Protocol):
    """A module under `cais.cli` that is a verb."""

    def configure(self, parser: argparse.ArgumentParser) -> None:
        """Add the verb's flags."""

    def run(self, args: argparse.Namespace, wire: Wire) -> int:
        """Do it; the exit code."""


class _Parser(argparse.ArgumentParser):
    """argparse that raises our error instead of leaving the process."""

    def error(self, message: str) -> NoReturn:
        import difflib

        wrong = [word for word in message.split() if word.startswith("--")] if "unrecognized" in message else []
        known = [flag for action in self._actions for flag in action.option_strings]
        near = difflib.get_close_matches(wrong[0].partition("=")[0], known, 1) if wrong else []
        raise UsageError(message, hint=f'did you mean "{near[0]}"?' if near else f"see `{self.prog} --help`")


def entry() -> NoReturn:
    """The console script."""
    # As a daemon has it: what is made in images, volumes and containers must not depend on who calls.
    os.umask(0o022)
    # A command lives for a tenth of a second: collecting cycles while modules load costs 5 ms and frees nothing.
    gc.set_threshold(GC_THRESHOLD)
    code = main(sys.argv[1:])
    sys.stdout.flush()
    # The interpreter's orderly end costs 10 ms and waits for threads that only wait themselves.
    os._exit(code)


def main(argv: Sequence[str]) -> int:
    """Run one command line; never raises, never leaves the process."""
    debug = "--debug" in argv
    try:
        return _run(argv)
    except SystemExit as leave:  # argparse's --help and --version
        return int(leave.code or 0) if not isinstance(leave.code, str) else 1
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        # The reader of our output left (`cais logs | head`): not an error of ours. Nothing more can be printed.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 128 + signal.SIGPIPE
    except CaisError as error:
        return _fail(error, debug=debug)
    except OSError as error:
        return _fail(_translate(error), debug=debug)
    except Exception as error:  # the one place where an unforeseen exception becomes an exit code
        if debug:
            raise
        print(f"error: a bug in Cais: {type(error).__name__}: {error}", file=sys.stderr)
        print("  hint: run the command again with --debug and report what it shows", file=sys.stderr)
        return EXIT_UNEXPECTED


def _fail(error: CaisError, *, debug: bool) -> int:
    from cais.cli.view.problems import render_error

    if debug:
        import traceback

        traceback.print_exception(error)
    sys.stdout.flush()
    sys.stderr.write(render_error(error, color=sys.stderr.isatty()))
    return error.exit_code


def _translate(error: OSError) -> CaisError:
    """An error of the operating system that no edge has translated, in our words."""
    import errno

    from cais.errors import HostError, NoSpace, PermissionNeeded

    where = f' "{error.filename}"' if error.filename else ""
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return NoSpace(
            f"no space left on the device{where}", hint="free some: `cais image prune` removes unused images"
        )
    if error.errno in {errno.EACCES, errno.EPERM, errno.EROFS}:
        return PermissionNeeded(
            f"{(error.strerror or 'permission denied').lower()}{where}",
            hint="run as root, or set CAIS_ROOT to a folder of yours",
        )
    return HostError(f"{error.strerror or error}{where}")


def _run(argv: Sequence[str]) -> int:
    parser = global_parser()
    parsed = parser.parse_args(argv)
    if parsed.version:
        parsed.verb, parsed.arguments = "version", []
    if parsed.verb is None:
        parser.print_help()
        return 0
    verb = _load(parsed.verb)
    args = verb_parser(parsed.verb, verb, dry_run=parsed.dry_run).parse_args(parsed.arguments)
    wire = Wire(GlobalOptions.of(parsed), dict(os.environ), os.getcwd(), os.getuid())
    if parsed.verb in NEED_ROOT and wire.uid != 0 and not args.dry_run:
        raise PermissionNeeded(
            f"`cais {parsed.verb}` needs root: containers cannot be run without it yet",
            hint=f"sudo cais {parsed.verb} ... (`cais doctor` shows what this machine can do)",
        )
    return verb.run(args, wire)


def global_parser() -> argparse.ArgumentParser:
    """The parser of what stands before the verb."""
    parser = _Parser(
        prog="cais",
        description=_DESCRIPTION,
        epilog=_verb_help(),
        formatter_class=_formatter(argparse.RawDescriptionHelpFormatter),
    )
    GlobalOptions.configure(parser)
    parser.add_argument("verb", nargs="?", help=argparse.SUPPRESS)
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    return parser


def verb_parser(name: str, verb: Verb, *, dry_run: bool = False) -> argparse.ArgumentParser:
    """The parser of what stands after the verb. `dry_run`: it was given before."""
    parser = _Parser(
        prog=f"cais {name}", description=VERBS[name][1], formatter_class=_formatter(argparse.HelpFormatter)
    )
    parser.add_argument(
        "--dry-run", action="store_true", default=dry_run, help="show what would be done, change nothing"
    )
    parser.add_argument("--debug", action="store_true", help=argparse.SUPPRESS)
    verb.configure(parser)
    return parser


def _formatter(kind: type[argparse.HelpFormatter]) -> functools.partial[argparse.HelpFormatter]:
    """`kind` with the terminal's width. argparse makes one for every flag added, and imports shutil to ask for the width."""
    columns = os.environ.get("COLUMNS", "")
    if columns.isdecimal() and int(columns):
        width = int(columns)
    else:
        width = os.get_terminal_size().columns if os.isatty(1) else 80
    return functools.partial(kind, width=max(width, MIN_WIDTH) - 2)


def _load(name: str) -> Verb:
    module = VERBS[name][0] if name in VERBS else None
    if module is None:
        import difflib

        near = difflib.get_close_matches(name, VERBS, 1)
        hint = f'did you mean "{near[0]}"?' if near else "see `cais --help`"
        raise UsageError(f'unknown command "{name}"', hint=hint)
    return cast("Verb", importlib.import_module(f"cais.cli.{module}"))


_DESCRIPTION = "Takes a Compose project from source to release with no Docker, no daemon and no registry."


def _verb_help() -> str:
    lines = [f"  {name:<9} {text}" for name, (_, text) in VERBS.items()]
    return "commands:\n" + "\n".join(lines) + "\n\n`cais COMMAND --help` shows a command's flags."

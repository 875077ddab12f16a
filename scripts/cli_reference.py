"""The reference of the command line, made from the parsers and the errors: `python scripts/cli_reference.py > docs/cli.md`.

A test compares (`tests/unit/test_papers.py`), so the page cannot drift from the program.
"""

# ruff: noqa: SLF001  # argparse has no public way to list its flags
from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Iterable, Iterator
from typing import Protocol, cast

from cais.cli import main
from cais.errors import CaisError

# Variables of the environment: what is read, and what for. Those Docker has mean what they mean there.
VARIABLES = (
    ("CAIS_ROOT", "where everything is kept (default: `/var/lib/cais`); several roots do not know of each other"),
    ("CAIS_RUN", "where sockets, locks and network namespaces are (default: `/run/cais`, or `run` below `CAIS_ROOT`)"),
    ("CAIS_OFFLINE", "any value but empty and `0`: as `--offline`"),
    ("CAIS_REGISTRIES", "the file that says how registries are reached ([registries.md](registries.md))"),
    ("COMPOSE_FILE", "the Compose files, when there is no `-f`"),
    ("COMPOSE_PATH_SEPARATOR", "what separates them (default: `:`)"),
    ("COMPOSE_PROJECT_NAME", "as `-p`"),
    ("COMPOSE_PROFILES", "as `--profile`, separated by commas"),
    ("COMPOSE_ENV_FILES", "as `--env-file`, separated by commas"),
    ("COMPOSE_DISABLE_ENV_FILE", "true: do not read `.env`"),
    ("DOCKER_CONFIG", "the folder of Docker's `config.json`, for the credentials of registries (default: `~/.docker`)"),
    ("SOURCE_DATE_EPOCH", "what files and images of a build are dated with, in seconds (default: 1980)"),
    ("CAIS_BUILD_CACHE", "how much the builder may keep, such as `20g` (default: a tenth of the disk, at least 10 GB)"),
    ("NO_COLOR", "no colours in what a command prints"),
)

HEAD = """# The command line

Made from the program itself by `scripts/cli_reference.py` (a test compares). Verbs, flags and exit codes are those of `docker compose`, and
`cais image` does what `docker image` does; a flag that is not listed here is refused. `cais COMMAND --help` shows the same.

    cais [OPTIONS] COMMAND [ARGUMENTS]

`--dry-run` may also stand after the command.
"""


class _Chosen(Protocol):
    """What `add_subparsers` keeps of a subcommand for its list."""

    dest: str
    help: str


def document() -> str:
    """The page."""
    parts = [HEAD, "## Options before the command\n", _table(main.global_parser()), "## Commands\n", _contents()]
    for name, (_, text) in main.VERBS.items():
        parts += [f"### cais {name}\n", f"{text[:1].upper()}{text[1:]}.\n", *_command(_verb(name))]
    parts += ["## Exit codes\n", _exit_codes(), "## Variables of the environment\n", _variables()]
    return "\n".join(parts)


def _verb(name: str) -> argparse.ArgumentParser:
    module = importlib.import_module(f"cais.cli.{main.VERBS[name][0]}")
    return main.verb_parser(name, cast("main.Verb", module))


def _contents() -> str:
    rows = [f"| [`{name}`](#cais-{name}) | {text} |" for name, (_, text) in main.VERBS.items()]
    return "\n".join(("| command | what it does |", "|--|--|", *rows, ""))


def _command(parser: argparse.ArgumentParser) -> Iterator[str]:
    """Usage and flags; of a command with subcommands, those of each."""
    subcommands = next((a for a in parser._actions if isinstance(a, argparse._SubParsersAction)), None)
    if subcommands is None:
        yield from _flags(parser)
        return
    for entry in subcommands._choices_actions:
        chosen = cast("_Chosen", entry)
        name = chosen.dest.split(" ")[0]
        yield f"#### {parser.prog} {name}\n"
        yield f"{chosen.help[:1].upper()}{chosen.help[1:]}.\n"
        yield from _flags(subcommands.choices[name])


def _flags(parser: argparse.ArgumentParser) -> Iterator[str]:
    yield f"    {_usage(parser)}\n"
    if table := _table(parser):
        yield table


def _shown(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    """What is told of each command: not what all of them have."""
    common = {"help"} if parser.prog == "cais" else {"help", "debug", "dry_run"}
    return [a for a in parser._actions if a.help != argparse.SUPPRESS and a.dest not in common]


def _usage(parser: argparse.ArgumentParser) -> str:
    shown = _shown(parser)
    options = ["[OPTIONS]"] if any(action.option_strings for action in shown) else []
    return " ".join((parser.prog, *options, *(_positional(action) for action in shown if not action.option_strings)))


def _positional(action: argparse.Action) -> str:
    name = str(action.metavar or action.dest.upper())
    return {"*": f"[{name}...]", "+": f"{name}...", argparse.REMAINDER: f"{name} [ARGUMENT...]"}.get(
        str(action.nargs or ""), name
    )


def _table(parser: argparse.ArgumentParser) -> str:
    rows = [f"| {_flag(action)} | {_cell(action.help)} |" for action in _shown(parser) if action.option_strings]
    return "\n".join(("| option | meaning |", "|--|--|", *rows, "")) if rows else ""


def _flag(action: argparse.Action) -> str:
    value = ""
    if action.nargs != 0:
        names = "\\|".join(str(choice) for choice in action.choices) if action.choices else None
        value = f" {action.metavar or names or action.dest.upper()}"
    return ", ".join(f"`{option}`" for option in action.option_strings) + (f" {_cell(value.strip())}" if value else "")


def _cell(text: str | None) -> str:
    if not text:
        raise ValueError("a flag has no help")
    return text if "\\|" in text else text.replace("|", "\\|")


def _exit_codes() -> str:
    rows = [f"| {code} | {meaning} |" for code, meaning in exit_codes()]
    note = (
        "`cais exec`, and `cais run` without `-d`, end with the exit code of the command they run.\n"
        "A message says what failed, where (file, line, column) and what to do; `--debug` adds the traceback.\n"
    )
    return "\n".join(("| code | when |", "|--|--|", *rows, "", note))


def exit_codes() -> list[tuple[int, str]]:
    """Each exit code, with the first sentences of the errors that end with it."""
    found: dict[int, list[str]] = {
        0: ["It worked."],
        128 + 13: ["The reader of the output left (`cais logs \\| head`)."],
    }
    for error in _family(CaisError):
        inherits = error is not CaisError and error.exit_code == error.__mro__[1].exit_code  # type: ignore[attr-defined]
        if not inherits and error is not CaisError:
            found.setdefault(error.exit_code, []).append(_first_sentence(error))
    found[1] = [
        "Anything else: the machine lacks something, a service died or did not become healthy, `cais doctor` found something missing."
    ]
    return [(code, " ".join(found[code])) for code in sorted(found)]


def _family(error: type[CaisError]) -> Iterable[type[CaisError]]:
    yield error
    for child in error.__subclasses__():
        yield from _family(child)


def _first_sentence(error: type[CaisError]) -> str:
    return (error.__doc__ or "").split("\n", 1)[0].split(". ")[0].rstrip(".") + "."


def _variables() -> str:
    return "\n".join(("| variable | meaning |", "|--|--|", *(f"| `{name}` | {text} |" for name, text in VARIABLES), ""))


if __name__ == "__main__":
    sys.stdout.write(document())

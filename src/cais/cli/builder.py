"""`cais builder du|prune|shell`: what the builder keeps, and a look at what a failed step left."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

import msgspec

from cais.cli import buildflags
from cais.cli.view.table import ago, size, table
from cais.cli.wire import Wire
from cais.errors import UsageError
from cais.events import MessageEvent, Phase

if TYPE_CHECKING:
    from cais.build.eviction import Choice, Kept, Kind


def configure(parser: argparse.ArgumentParser) -> None:
    """A parser for each subcommand."""
    commands = parser.add_subparsers(dest="subcommand", required=True, metavar="COMMAND")
    du = commands.add_parser("du", help="list what the builder keeps, and what it takes on disk")
    du.add_argument("--format", choices=("table", "json"), default="table", help="how it is shown")
    _add_filter(du)
    du.set_defaults(act=_du)
    prune = commands.add_parser("prune", help="remove what the builder keeps, and what killed builds left")
    _add_filter(prune)
    prune.add_argument("-a", "--all", action="store_true", help="also what is known of files and of earlier runs")
    prune.add_argument(
        "--keep-storage",
        "--max-used-space",
        metavar="SIZE",
        help="what was unused for longest, until the rest takes no more than this",
    )
    prune.add_argument("-f", "--force", action="store_true", help="do not ask (it never asks)")
    prune.set_defaults(act=_prune)
    shell = commands.add_parser("shell", help="open a shell in what the last failed RUN left")
    shell.set_defaults(act=_shell)
    for each in (prune, shell):
        # Before the subcommand it is the verb's.
        each.add_argument("--dry-run", action="store_true", default=argparse.SUPPRESS, help="show what would be done")


def _add_filter(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--filter",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="until=24h (unused for so long), type=layer|cache-mount|download|repository|context, id=ID; may be repeated",
    )


def run(args: argparse.Namespace, wire: Wire) -> int:
    """Dispatch to the subcommand."""
    code: int = args.act(args, wire)
    return code


def _du(args: argparse.Namespace, wire: Wire) -> int:
    from cais.build.belongings import everything

    choice = _choice(args.filter, wire)
    found = [each for each in everything(wire.images, wire.locations.build) if each.is_shared or choice.allows(each)]
    found.sort(key=lambda each: -each.used_at)
    own = [each for each in found if not each.is_shared]
    if args.format == "json":
        sys.stdout.write("".join(msgspec.json.encode(each).decode() + "\n" for each in own))
        return 0
    rows = [
        (
            each.id[:14],
            each.kind.value,
            size(each.size_bytes),
            f"{ago(wire.clock.now() - each.used_at)} ago",
            _words(each),
        )
        for each in own
    ]
    sys.stdout.write(table(("ID", "TYPE", "SIZE", "LAST USED", "DESCRIPTION"), rows))
    shared = [each.size_bytes for each in found if each.is_shared]
    sys.stdout.write(f"\nReclaimable:  {size(sum(each.size_bytes for each in own))}\n")
    sys.stdout.write(f"Shared:       {size(sum(shared))} in {len(shared)} layers that images have too\n")
    return 0


def _words(kept: Kept) -> str:
    return kept.words if len(kept.words) <= 60 else kept.words[:59] + "…"


def _prune(args: argparse.Namespace, wire: Wire) -> int:
    from cais.build.prune import prune

    most_bytes = buildflags.size(args.keep_storage, "--keep-storage")
    pruned = prune(
        msgspec.structs.replace(_choice(args.filter, wire), most_bytes=most_bytes),
        store=wire.images,
        executor=wire.build_executor(),
        locations=wire.locations,
        clock=wire.clock,
        everything=args.all,
        dry_run=args.dry_run,
    )
    for each in pruned.removed:
        print(f"{'would remove' if args.dry_run else 'Deleted:'} {each.kind.value} {each.id[:14]}  {_words(each)}")
    if pruned.swept:
        print(f"Deleted: {pruned.swept} things that killed builds left")
    if pruned.held_by_build:
        text = "a build runs, so what it may need was kept: prune again when it has ended"
        wire.tell(MessageEvent(phase=Phase.WARNING, text=text))
    verb = "would reclaim" if args.dry_run else "reclaimed"
    wire.tell(MessageEvent(phase=Phase.DONE, text=f"{verb} {size(pruned.freed_bytes)}"))
    return 0


def _shell(args: argparse.Namespace, wire: Wire) -> int:
    from cais.build.aftermath import last_failed, open_shell

    failed = last_failed(wire.images)
    if args.dry_run:
        print(f"would open a shell in what was left by {failed.words}")
        return 0
    sys.stderr.write(f"What was left by {failed.words}; what you change here is lost, `exit` leaves it.\n")
    sys.stderr.flush()
    return open_shell(failed, wire.images, wire.build_executor())


def _choice(words: list[str], wire: Wire) -> Choice:
    from cais.build.eviction import Choice
    from cais.compose.quantities import parse_duration

    before: float | None = None
    kinds: set[Kind] = set()
    ids: set[str] = set()
    for word in words:
        name, _, value = word.partition("=")
        if name == "until" and (seconds := parse_duration(value)) is not None:
            before = wire.clock.now() - seconds
        elif name == "type":
            kinds.add(_kind(value))
        elif name == "id" and value:
            ids.add(value)
        else:
            raise UsageError(f'"{word}" is not a filter', hint="until=24h, type=KIND, id=ID")
    return Choice(kinds=frozenset(kinds), before=before, ids=frozenset(ids))


def _kind(text: str) -> Kind:
    from cais.build.eviction import Kind

    try:
        return Kind(text)
    except ValueError:
        known = ", ".join(kind.value for kind in Kind)
        raise UsageError(f'the builder keeps nothing of type "{text}"', hint=f"the types are {known}") from None

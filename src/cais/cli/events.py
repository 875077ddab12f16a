"""`cais events`."""

from __future__ import annotations

import argparse
import sys

import msgspec

from cais.cli.view.moments import moment
from cais.cli.wire import Wire
from cais.clock import rfc3339
from cais.errors import UsageError
from cais.supervise.channel import SupervisorLost
from cais.supervise.events import SupervisorEvent
from cais.supervise.history import History


def configure(parser: argparse.ArgumentParser) -> None:
    """Flags of `events`."""
    parser.add_argument("services", nargs="*", metavar="SERVICE")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    parser.add_argument("--since", metavar="TIME", help="begin with what happened then: a time, or how long ago (42m)")
    parser.add_argument("--until", metavar="TIME", help="only up to then; does not go on")


def run(args: argparse.Namespace, wire: Wire) -> int:
    """Show what happened, and go on showing unless --until is given."""
    name = wire.project_name()
    now = wire.clock.now()
    history = History(wire.database, name)
    if args.since or args.until:
        since = moment(args.since, now) if args.since else None
        for event in history.read(since=since, until=moment(args.until, now) if args.until else None):
            _show(event, args)
    if args.until:
        return 0
    client = wire.supervisor(name).existing()
    if client is None:
        if args.since:
            return 0
        raise UsageError(
            f'nothing of project "{name}" runs, so nothing will happen', hint="--since shows what happened before"
        )
    try:
        with client.subscribe() as subscription:
            for event in subscription:
                _show(event, args)
    except SupervisorLost:
        return 0  # it ends when nothing is left to watch
    return 0


def _show(event: SupervisorEvent, args: argparse.Namespace) -> None:
    if args.services and event.service not in args.services:
        return
    if args.json:
        sys.stdout.write(msgspec.json.encode(event).decode() + "\n")
    else:
        fields = msgspec.to_builtins(event)
        about = {
            key: value
            for key, value in fields.items()
            if key not in {"type", "at", "container", "container_id"} and value not in {"", None}
        }
        details = ", ".join(f"{key}={value}" for key, value in about.items())
        sys.stdout.write(f"{rfc3339(event.at)} container {fields['type']} {event.container} ({details})\n")
    sys.stdout.flush()

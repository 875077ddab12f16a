"""Carries out a plan for a verb: progress on stderr, Ctrl-C ends it in order, the supervisor told."""

from __future__ import annotations

import contextlib
import functools
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from cais.cli.wire import Wire
from cais.errors import CaisError, Interrupted, Span
from cais.project.actions import Action, Plan
from cais.project.execute import execute


@contextmanager
def interruptible() -> Iterator[threading.Event]:
    """An event that Ctrl-C or SIGTERM sets instead of raising; a second Ctrl-C raises KeyboardInterrupt."""
    asked = threading.Event()

    def ask(number: int, _frame: object) -> None:
        if asked.is_set() and number == signal.SIGINT:
            raise KeyboardInterrupt
        asked.set()

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _place_of(wire: Wire, action: Action, error: CaisError) -> Span | None:
    from cais.project.places import place_of

    return place_of(wire.loaded, action, error) if wire.loaded is not None else None


def perform(plan: Plan, wire: Wire, project: str, *, dry_run: bool, deadline_s: float | None = None) -> None:
    """Execute `plan`, or print it with `dry_run`. Raises the first error of an action, Interrupted after Ctrl-C."""
    if dry_run:
        print(plan if plan.actions else "nothing to do")
        return
    if not plan.actions:
        return
    with contextlib.closing(wire.view()) as view, interruptible() as asked:
        waiter = wire.waiter(project, view, deadline_s=deadline_s)
        place_of = functools.partial(_place_of, wire)
        outcome = execute(plan, wire.engine, waiter, view, cancelled=asked.is_set, place_of=place_of)
    outcome.check()
    if asked.is_set():
        raise Interrupted("interrupted", hint="run the command again to go on")

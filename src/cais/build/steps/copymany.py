"""A COPY of many files of a context: over the layer of an earlier one where there is one, else from nothing (see `build.reuse`)."""

from __future__ import annotations

import errno

import msgspec

from cais.build import reuse
from cais.build.place import place
from cais.build.select import Match
from cais.build.session import Session
from cais.build.sources import Context
from cais.build.steps.copy import placement_of, selection_of
from cais.build.steps.model import CopyStep
from cais.build.tree import Tree


class Standing(msgspec.Struct, frozen=True):
    """What a step stands on: the key of the step before, and its snapshot."""

    key: str
    snapshot: str


def copy_many(session: Session, step: CopyStep, on: Standing) -> str | None:
    """The snapshot that the step makes; None when it is not of this kind. Raises BuildError."""
    if not (isinstance(step.source, Context) and reuse.can_be_reused(step)):
        return None
    tree = session.context(step.source.name)
    matches = session.matches(step.source, selection_of(step), step.span)
    if not reuse.is_worth_it(matches):
        return None
    kind = reuse.kind_key(step, on.key)
    snapshot = _over_earlier(session, step, on, kind, tree, matches[0]) or _make(session, step, on, tree, matches[0])
    session.store.put_cached(kind, snapshot, {})
    return snapshot


def _over_earlier(session: Session, step: CopyStep, on: Standing, kind: str, tree: Tree, match: Match) -> str | None:
    row = session.store.get_cached(kind)
    if row is None:
        return None
    earlier = row["snapshot"]
    rows = reuse.read(session.locations.build, earlier)
    expected = (*session.store.snapshots.chain(on.snapshot), earlier)
    if rows is None or session.store.snapshots.chain(earlier) != expected:
        return None
    try:
        return _make(session, step, on, tree, match, like=earlier, rows=rows)
    except reuse.NotReusable:
        return None
    except OSError as error:
        if error.errno != errno.EMLINK:  # a file can have so many names and no more
            raise
        return None


def _make(
    session: Session,
    step: CopyStep,
    on: Standing,
    tree: Tree,
    match: Match,
    *,
    like: str = "",
    rows: dict[str, reuse.Row] | None = None,
) -> str:
    snapshots = session.store.snapshots
    with snapshots.prepare(on.snapshot, like=like) as prepared:
        ledger = reuse.Ledger(tree, rows or {}, snapshots.paths(on.snapshot))
        placement = msgspec.structs.replace(placement_of(session, step, prepared.merged), ledger=ledger)
        place(tree, (match,), placement)
        snapshot = prepared.commit(epoch_s=session.epoch_s)
    reuse.write(session.locations.build, snapshot, ledger.rows)
    return snapshot

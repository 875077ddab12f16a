"""Why a step is made: what its stage consisted of in earlier runs, and what is otherwise now. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from cais.build.cachekey import Components, changes, differences

MOST_RUNS = 6
_MOST_WORDS = 3


class StepRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One step of a run: its first line, what its key was made of, short digests of the files it took in by path, and whether it failed."""

    text: str
    components: Components
    files: dict[str, str] = {}
    failed: bool = False


class StageBase(msgspec.Struct, frozen=True, kw_only=True):
    """What a stage began with: its name (of an image or a stage, "" for nothing) and its identity."""

    name: str = ""
    identity: str = ""


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """One run of a stage, as far as it came."""

    base: StageBase
    steps: tuple[StepRecord, ...]


def remembered(runs: Sequence[Run], run: Run) -> tuple[Run, ...]:
    """`runs` with `run` in front, without another that was the same, and not too many."""
    return (run, *(each for each in runs if each != run))[:MOST_RUNS]


class Now(msgspec.Struct, frozen=True, kw_only=True):
    """A run as it goes on: where the next step stands (from 0), the first lines of all its steps, what it began with, and which step was
    made already, in words ("" for none)."""

    number: int = 0
    texts: frozenset[str] = frozenset()
    base: StageBase = StageBase()
    made_before: str = ""


def cause(step: StepRecord, now: Now, runs: Sequence[Run]) -> str:
    """Why `step`, the next one, is not in the cache, compared with the most similar one of earlier runs; "" when there were none."""
    if not runs:
        return ""
    run, earlier = _nearest(step, now, runs)
    if earlier is None:
        return "it is new"
    found = _files(step, earlier) or differences(earlier.components, step.components)
    if found:
        more = f" and {len(found) - _MOST_WORDS} more" if len(found) > _MOST_WORDS else ""
        return "; ".join(found[:_MOST_WORDS]) + more
    if step.components.parent == earlier.components.parent:
        return "it failed the last time" if earlier.failed else "its result is no longer there"
    return now.made_before or _base(now.base, run.base) or "what comes before it is otherwise"


def _nearest(step: StepRecord, now: Now, runs: Sequence[Run]) -> tuple[Run, StepRecord | None]:
    """The step of the same kind that differs least; of equals the one nearest in place, then in time."""
    best: tuple[tuple[int, int, int], Run, StepRecord] | None = None
    for age, run in enumerate(runs):
        for index, each in enumerate(run.steps):
            if each.components.what != step.components.what:
                continue
            # What stands in its place is an earlier version of it, unless that is still there, elsewhere.
            takes_its_place = index == now.number and each.text not in now.texts
            if not takes_its_place and not _is_same_work(each, step):
                continue
            rank = (len(differences(each.components, step.components)), abs(index - now.number), age)
            if best is None or rank < best[0]:
                best = rank, run, each
    return (best[1], best[2]) if best else (runs[0], None)


def _is_same_work(earlier: StepRecord, step: StepRecord) -> bool:
    names = ("command", "destination", "path", "sources")
    then, now = earlier.components.details, step.components.details
    return all(then.get(name) == now.get(name) for name in names)


def _files(step: StepRecord, earlier: StepRecord) -> tuple[str, ...]:
    """The files that changed, when nothing but they did."""
    then, now = earlier.components, step.components
    if then.inputs == now.inputs or then.details != now.details or not (step.files or earlier.files):
        return ()
    return tuple(f'"{name}" {how}' for name, how in changes(earlier.files, step.files))


def _base(now: StageBase, then: StageBase) -> str:
    if now == then:
        return ""
    if now.name == then.name:
        return f'"{now.name}", which the stage begins with, changed'
    return f'the stage begins with "{now.name}", no longer with "{then.name}"'

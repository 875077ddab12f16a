"""What a stage consisted of, kept from one build to the next, so that a step that is made can say why."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Sequence

import msgspec

from cais import decoding
from cais.build.cachekey import Components
from cais.build.runs import Now, Run, StageBase, StepRecord, cause, remembered
from cais.build.select import Selection, file_digests, select
from cais.build.session import Session
from cais.build.sources import Context
from cais.build.steps.copy import selection_of
from cais.build.steps.model import BindMount, CopyStep, RunStep, Step

_MOST_FILES = 300


class Explainer:
    """One stage's memory. `title` tells the stage from others of its Dockerfile; `steps` are all of it."""

    def __init__(self, session: Session, title: str, steps: Sequence[Step]) -> None:
        self._session = session
        self._texts = frozenset(step.first_line for step in steps)
        request = session.request
        place = f"{request.context}\0{request.dockerfile}\0{request.name}\0{title}"
        self._key = "stage " + hashlib.sha256(place.encode(errors="surrogateescape")).hexdigest()
        self._steps: list[StepRecord] = []
        self._base = StageBase()
        self._made_before = ""
        self._latest: StepRecord | None = None

    def begin(self, base: StageBase) -> None:
        """The stage begins with this."""
        self._base = base

    def cause(self, step: Step, components: Components) -> str:
        """Why `step`, the next one, is made; "" the first time."""
        record = self._record(step, components)
        now = Now(number=len(self._steps), texts=self._texts, base=self._base, made_before=self._made_before)
        return cause(record, now, self._runs)

    def done(self, step: Step, components: Components, *, made: bool) -> None:
        """`step` is through."""
        self._steps.append(self._record(step, components))
        if made and not self._made_before:
            self._made_before = f"a step before it, at line {step.span.line}, was made"

    def failed(self, step: Step, components: Components) -> None:
        """`step` failed, and with it the run."""
        self._steps.append(msgspec.structs.replace(self._record(step, components), failed=True))
        self.save()

    def save(self) -> None:
        """Keep this run for the next ones."""
        run = Run(base=self._base, steps=tuple(self._steps))
        runs = msgspec.json.encode(remembered(self._runs, run)).decode()
        self._session.store.put_cached(self._key, "", {"runs": runs})

    @functools.cached_property
    def _runs(self) -> tuple[Run, ...]:
        row = self._session.store.get_cached(self._key)
        return () if row is None else decoding.decode(row["runs"], tuple[Run, ...])

    def _record(self, step: Step, components: Components) -> StepRecord:
        # Asked of a step that is made before it, for the cause, and after it: its files are read once.
        if self._latest is None or self._latest.components != components:
            self._latest = self._new_record(step, components)
        return self._latest

    def _new_record(self, step: Step, components: Components) -> StepRecord:
        known = next((each for run in self._runs for each in run.steps if each.components == components), None)
        files = self._files(step) if known is None else known.files
        return StepRecord(text=step.first_line, components=components, files=files)

    def _files(self, step: Step) -> dict[str, str]:
        """Short digests of what the step takes in, by path; of the first files only where there are many."""
        if isinstance(step, CopyStep) and step.sources:
            if isinstance(step.source, Context):
                matches = self._session.matches(step.source, selection_of(step), step.span)
                return file_digests(self._session.context(step.source.name), matches, _MOST_FILES)
            with self._session.tree(step.source, step.span) as tree:
                return file_digests(tree, select(tree, selection_of(step), step.span), _MOST_FILES)
        found: dict[str, str] = {}
        for mount in step.mounts if isinstance(step, RunStep) else ():
            if isinstance(mount, BindMount):
                selection = Selection(sources=(mount.path or ".",))
                with self._session.tree(mount.source, step.span) as tree:
                    found |= file_digests(tree, select(tree, selection, step.span), _MOST_FILES)
        return found

"""One stage on its way through its steps: from the cache as far as that goes, made from there on."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping

import msgspec

from cais.build.cachekey import CacheKey, Components, base_key, cache_key
from cais.build.evaluate import Evaluated
from cais.build.explain import Explainer
from cais.build.failure import StepFailed
from cais.build.runs import StageBase
from cais.build.select import Selection
from cais.build.session import Session, StageResult, Trail
from cais.build.sources import Base, Image, Source, StageOutput
from cais.build.steplock import step_lock
from cais.build.steps.copy import copy, selection_of
from cais.build.steps.copymany import Standing, copy_many
from cais.build.steps.model import BindMount, CopyStep, RunStep, Step, WorkdirStep, sources_of
from cais.build.steps.workdir import make_workdir
from cais.build.translate import at_step
from cais.clock import rfc3339
from cais.errors import CaisError, Span
from cais.events import OutputEvent, Phase, StepEvent
from cais.images.clone import clone_into
from cais.images.model import History
from cais.images.protocol import PreparedSnapshot

COMMENT = "cais"
FAILED_PREFIX = "failed "


class NotReady(Exception):
    """A step takes files from a stage that is not made yet."""


class StageWork:
    """A stage that is evaluated; `title` and `first_number` are for progress."""

    def __init__(
        self,
        session: Session,
        index: int,
        *,
        base: Base,
        base_span: Span,
        evaluated: Evaluated,
        title: str,
        first_number: int,
        proxies: dict[str, str],
        without_cache: bool,
    ) -> None:
        self._session = session
        self._without_cache = without_cache
        self.index = index
        self._base = base
        self._base_span = base_span
        self.evaluated = evaluated
        self._title = title
        self._first_number = first_number
        self._proxies = proxies
        self._explainer = Explainer(session, title, evaluated.steps)
        self._started = False
        self._done = 0
        self._key = ""
        self._snapshot = ""
        self._history: list[History] = []
        self._made_layer: list[bool] = []
        self._made_any = False
        self._trail: list[tuple[str, str]] = []
        self._found: list[tuple[Step, Components]] = []

    @property
    def remaining_sources(self) -> tuple[Source, ...]:
        """What the steps that are still to be made take files from, and the base if nothing was begun."""
        found = [source for step in self.evaluated.steps[self._done :] for source in sources_of(step)]
        if not self._started and isinstance(self._base, StageOutput):
            found.append(self._base)
        return tuple(found)

    def probe(self) -> StageResult | None:
        """Go as far as the cache leads; the result if that is the end."""
        try:
            return self._advance(execute=False)
        except NotReady:
            return None

    def final_key(self) -> str:
        """The key that the stage will have, also where its files are not there (any more). Raises NotReady when it takes files to know it."""
        key = self._key if self._started else self._base_key()
        for step in self.evaluated.steps[self._done :]:
            key = cache_key(step, key, self._inputs(step)).digest
        return key

    def _base_key(self) -> str:
        if isinstance(self._base, StageOutput):
            return self._session.stage_key(self._base.index)
        identity = (
            self._session.image(self._base.reference, self._base_span).id if isinstance(self._base, Image) else ""
        )
        return base_key(identity, self._session.epoch_s)

    def make(self) -> StageResult:
        """Go to the end. Raises BuildError."""
        result = self._advance(execute=True)
        assert result is not None
        return result

    def _advance(self, *, execute: bool) -> StageResult | None:
        if not self._started:
            self._begin()
        steps = self.evaluated.steps
        while self._done < len(steps):
            if not self._step(steps[self._done], execute=execute):
                return None
        if self._made_any:
            self._explainer.save()
        base = self._base.index if isinstance(self._base, StageOutput) else None
        self._session.trails[self.index] = Trail(base=base, steps=tuple(self._trail))
        return StageResult(key=self._key, snapshot=self._snapshot, history=(*self._history, *self._own_history()))

    def _step(self, step: Step, *, execute: bool) -> bool:
        """Find the step in the cache, or make it; False when it would have to be made."""
        with at_step(step.span, "reading the sources"):
            inputs = self._inputs(step)
            key = cache_key(step, self._key, inputs)
        snapshot = self._cached(key)
        if snapshot is None:
            snapshot = self._linked(step, key, inputs)
        made = snapshot is None
        if snapshot is None:
            if not execute:
                return False
            self._catch_up()
            snapshot = self._make(step, key)
            self._explainer.done(step, key.components, made=True)
        else:
            self._tell(step, Phase.DONE, cached=True)
            self._found.append((step, key.components))
        self._session.count(cached=not made)
        self._made_any = self._made_any or made
        self._made_layer.append(snapshot != self._snapshot)
        self._key, self._snapshot = key.digest, snapshot
        self._trail.append((key.digest, self._words(step)))
        self._done += 1
        return True

    def _catch_up(self) -> None:
        """Tell the explainer of the steps that were in the cache: only where something is made does anybody ask."""
        for step, components in self._found:
            self._explainer.done(step, components, made=False)
        self._found.clear()

    def _begin(self) -> None:
        if isinstance(self._base, StageOutput):
            result = self._session.stage_result(self._base.index)
            self._key, self._snapshot, self._history = result.key, result.snapshot, list(result.history)
            self._explainer.begin(StageBase(name=f"stage {self._base.index}", identity=result.key))
        elif isinstance(self._base, Image):
            image = self._session.image(self._base.reference, self._base_span)
            self._key = base_key(image.id, self._session.epoch_s)
            self._snapshot = image.chain_ids[-1] if image.chain_ids else ""
            self._history = list(image.config.history)
            self._explainer.begin(StageBase(name=self._base.reference, identity=image.id))
        else:
            self._key = base_key("", self._session.epoch_s)
        self._started = True

    def _inputs(self, step: Step) -> dict[str, str]:
        found: dict[str, str] = {}
        if isinstance(step, CopyStep) and step.sources:
            found["files"] = self._session.digest(step.source, selection_of(step), step.span)
        if isinstance(step, CopyStep):
            for address in step.addresses:
                found[address] = self._session.downloads.fetch(address, step.checksum, step.span).digest
            for number, repository in enumerate(step.repositories, start=1):
                # Two refs of one repository are two inputs.
                name = f"{repository.shown} ({number})" if repository.shown in found else repository.shown
                found[name] = self._session.repositories.commit(repository, step.span)
        if isinstance(step, RunStep):
            for mount in step.mounts:
                if isinstance(mount, BindMount):
                    selection = Selection(sources=(mount.path or ".",))
                    found[f"mount {mount.target}"] = self._session.digest(mount.source, selection, step.span)
        return found

    def _cached(self, key: CacheKey) -> str | None:
        made = self._session.made.get(key.digest)
        if made is not None or self._without_cache:
            return made
        row = self._session.store.get_cached(key.digest)
        if row is None:
            return self._session.imported.snapshot(key.digest)
        self._session.used_keys.append(key.digest)
        return row["snapshot"]

    def _linked(self, step: Step, key: CacheKey, inputs: Mapping[str, str]) -> str | None:
        """The result of a COPY --link that was made on something else: the layer is the same, whatever it lies on."""
        if not isinstance(step, CopyStep) or not step.link or self._without_cache:
            return None
        store = self._session.store
        row = store.get_cached(_link_key(step, inputs))
        if row is None:
            return None
        with at_step(step.span, "COPY --link"), store.snapshots.unpacking(self._snapshot) as layer:
            clone_into(store.snapshots.path(row["snapshot"]), layer.upper)
            snapshot = layer.commit(epoch_s=self._session.epoch_s)
        store.put_cached(key.digest, snapshot, {"text": self._words(step)})
        return snapshot

    def _make(self, step: Step, key: CacheKey) -> str:
        self._tell(step, Phase.WORKING, detail=self._cause(step, key))
        began = self._session.clock.monotonic()
        try:
            with (
                at_step(step.span, key.components.what),
                step_lock(f"{self._session.locations.build}/steps", key.digest),
            ):
                snapshot = self._cached(key)  # somebody else may have made it while this waited
                cached = snapshot is not None
                if snapshot is None:
                    snapshot = self._execute(step)
                    self._session.made[key.digest] = snapshot
                    self._session.store.put_cached(key.digest, snapshot, {"text": self._words(step)})
                    if isinstance(step, CopyStep) and step.link:
                        self._session.store.put_cached(_link_key(step, key.components.inputs), snapshot, {})
        except CaisError as error:
            self._explainer.failed(step, key.components)
            self._tell(step, Phase.ERROR, elapsed_s=self._session.clock.monotonic() - began, detail=error.message)
            raise
        self._tell(step, Phase.DONE, cached=cached, elapsed_s=self._session.clock.monotonic() - began)
        return snapshot

    def _execute(self, step: Step) -> str:
        if isinstance(step, CopyStep) and not self._without_cache:
            snapshot = copy_many(self._session, step, Standing(self._key, self._snapshot))
            if snapshot is not None:
                return snapshot
        if isinstance(step, CopyStep) and step.link:
            with self._session.store.snapshots.unpacking(self._snapshot) as layer:
                copy(self._session, step, layer.upper)
                return layer.commit(epoch_s=self._session.epoch_s)
        with self._session.working(self._snapshot, lend=isinstance(step, RunStep)) as prepared:
            if isinstance(step, WorkdirStep):
                if not make_workdir(step, prepared.merged):
                    return self._snapshot
            elif isinstance(step, CopyStep):
                copy(self._session, step, prepared.merged)
            else:
                from cais.build.steps.run import run

                try:
                    run(self._session, step, prepared.merged, self._output, self._proxies)
                except StepFailed as failure:
                    self._keep_failed(step, prepared, failure)
                    raise
            return prepared.commit(epoch_s=self._session.epoch_s, fold=isinstance(step, RunStep))

    def _keep_failed(self, step: RunStep, prepared: PreparedSnapshot, failure: StepFailed) -> None:
        """Keep what a failed command left, in place of what it left the last time, and say how to look at it."""
        snapshot = failure.snapshot = prepared.commit(epoch_s=self._session.epoch_s, fold=True)
        facts = {"step": msgspec.json.encode(step).decode(), "text": f"{self._words(step)} (failed)"}
        self._session.store.put_cached(FAILED_PREFIX + self._place(), snapshot, facts)

        def open_shell() -> int:
            from cais.build.steps.run import shell

            with self._session.working(snapshot, lend=True) as kept:
                return shell(self._session, step, kept.merged, self._proxies)

        failure.open_shell = open_shell

    def _cause(self, step: Step, key: CacheKey) -> str:
        return "the cache is not used" if self._without_cache else self._explainer.cause(step, key.components)

    def _place(self) -> str:
        """Which step of which Dockerfile this is, whatever it says."""
        request = self._session.request
        place = f"{request.context}\0{request.dockerfile}\0{request.name}\0{self._title}\0{self._done}"
        return hashlib.sha256(place.encode(errors="surrogateescape")).hexdigest()

    def _words(self, step: Step) -> str:
        return f"{self._session.request.name}: {step.first_line}"

    def _own_history(self) -> list[History]:
        created = rfc3339(self._session.epoch_s)
        return [
            History(
                created=created,
                created_by=line.created_by,
                comment=COMMENT,
                empty_layer=line.step is None or not self._made_layer[line.step],
            )
            for line in self.evaluated.lines
        ]

    def _output(self, text: str) -> None:
        number = self._first_number + self._done
        self._session.events.emit(OutputEvent(build=self._session.request.name, step=number, text=text))

    def _tell(
        self, step: Step, phase: Phase, *, cached: bool = False, elapsed_s: float = 0.0, detail: str = ""
    ) -> None:
        total = len(self.evaluated.steps) + 1
        label = f"{self._title} {self._done + 2}/{total}".strip()
        self._session.events.emit(
            StepEvent(
                build=self._session.request.name,
                step=self._first_number + self._done,
                name=f"[{label}] {step.first_line}",
                place=f"{os.path.basename(step.span.file)}:{step.span.line}",
                phase=phase,
                cached=cached,
                elapsed_s=elapsed_s,
                detail=detail,
            )
        )


def _link_key(step: CopyStep, inputs: Mapping[str, str]) -> str:
    """What a COPY --link depends on: not on what it lies on."""
    return "link " + cache_key(step, "", inputs).digest

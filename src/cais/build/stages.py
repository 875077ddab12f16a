"""Makes the stages of a Dockerfile ready for work: finds their base images and evaluates their text."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from cais.build.evaluate import SCRATCH, Evaluated, evaluate
from cais.build.graph import Graph, stage_title
from cais.build.parallel import run_side_by_side
from cais.build.platform import require_this
from cais.build.scope import Arguments
from cais.build.session import Session
from cais.build.sources import Image, Scratch, StageOutput
from cais.build.stage import StageWork
from cais.build.steps.model import sources_of
from cais.dockerfile.expand import expand
from cais.dockerfile.instructions import Dockerfile, StageInstruction
from cais.dockerfile.parser import parse_trigger
from cais.errors import BuildError
from cais.events import Phase, StepEvent
from cais.images.model import StoredImage


class Stages:
    """The stages one build needs, in an order in which each comes after those it needs."""

    def __init__(
        self, session: Session, dockerfile: Dockerfile, graph: Graph, order: Sequence[int], arguments: Arguments
    ) -> None:
        self._session = session
        self._dockerfile = dockerfile
        self._graph = graph
        self._order = order
        self._arguments = arguments
        self._next_number = 1
        self.works: dict[int, StageWork] = {}

    def prepare(self) -> dict[int, StageWork]:
        """Every stage ready to be probed and made. Raises PullError, BuildError, InvalidDockerfile."""
        self._fetch_bases()
        for index in self._order:
            evaluated = self._evaluate(index)
            self.works[index] = StageWork(
                self._session,
                index,
                base=self._graph.bases[index],
                base_span=self._dockerfile.stages[index].base.span,
                evaluated=evaluated,
                title=self._title(index),
                first_number=self._take_numbers(len(evaluated.steps)),
                proxies=dict(self._arguments.predefined()),
            )
        return self.works

    def _title(self, index: int) -> str:
        return stage_title(self._dockerfile.stages[index]) if len(self._order) > 1 else ""

    def _take_numbers(self, count: int) -> int:
        first = self._next_number
        self._next_number += count
        return first

    def _fetch_bases(self) -> None:
        """Find every base image; those that are not in the store side by side, for they take long."""
        missing: dict[str, tuple[int, int]] = {}
        for index in self._order:
            self._check_platform(index)
            base = self._graph.bases[index]
            if not isinstance(base, Image) or base.reference in missing:
                continue
            number = self._take_numbers(1)
            if self._session.request.pull or self._session.store.find(base.reference) is None:
                missing[base.reference] = (index, number)
            else:
                self._tell_base(index, number, Phase.DONE, cached=True)
        jobs = {
            reference: (lambda reference=reference, index=index, number=number: self._fetch(reference, index, number))
            for reference, (index, number) in missing.items()
        }
        if jobs:
            run_side_by_side(jobs, self._session.cancelled)

    def _fetch(self, reference: str, index: int, number: int) -> None:
        began = self._session.clock.monotonic()
        self._tell_base(index, number, Phase.WORKING)
        try:
            self._session.image(reference, self._dockerfile.stages[index].base.span)
        except BaseException:
            self._tell_base(index, number, Phase.ERROR)
            raise
        self._tell_base(index, number, Phase.DONE, elapsed_s=self._session.clock.monotonic() - began)

    def _tell_base(
        self, index: int, number: int, phase: Phase, *, cached: bool = False, elapsed_s: float = 0.0
    ) -> None:
        stage = self._dockerfile.stages[index]
        label = self._title(index)
        self._session.events.emit(
            StepEvent(
                build=self._session.request.name,
                step=number,
                name=f"[{label}] {stage.base.text}" if label else stage.base.text,
                phase=phase,
                cached=cached,
                elapsed_s=elapsed_s,
            )
        )

    def _check_platform(self, index: int) -> None:
        stage = self._dockerfile.stages[index]
        text = expand(stage.base.platform, self._arguments.of_from, escape=self._arguments.escape, span=stage.base.span)
        require_this(text, span=stage.base.span)

    def _evaluate(self, index: int) -> Evaluated:
        stage = self._dockerfile.stages[index]
        base = self._graph.bases[index]
        instructions: tuple[StageInstruction, ...] = stage.instructions
        if isinstance(base, StageOutput):
            start = self.works[base.index].evaluated
        elif isinstance(base, Scratch):
            start = SCRATCH
        else:
            image = self._session.image(base.reference, stage.base.span)
            start = _start_from(image)
            triggers = tuple(
                parse_trigger(text, f"ONBUILD of {base.reference}") for text in image.config.config.on_build
            )
            instructions = (*triggers, *instructions)
        evaluated = evaluate(start, instructions, self._arguments, self._graph.source)
        for step in evaluated.steps:
            for source in sources_of(step):
                if isinstance(source, StageOutput) and source.index not in self.works:
                    raise BuildError(
                        "an ONBUILD of the base image takes files from a stage that comes later",
                        span=stage.base.span,
                        hint="put that stage before this one",
                    )
        return evaluated


def _start_from(image: StoredImage) -> Evaluated:
    # The triggers run now and are not handed on (Dockerfile reference, ONBUILD).
    config = msgspec.structs.replace(image.config.config, on_build=())
    return Evaluated(config=config, author=image.config.author)

"""Makes the stages of a Dockerfile ready for work: finds their base images and evaluates their text."""

from __future__ import annotations

import functools
import os
from collections.abc import Sequence

import msgspec

from cais.build.evaluate import SCRATCH, Evaluated, beginning_with, evaluate
from cais.build.graph import Graph, stage_title
from cais.build.parallel import run_side_by_side
from cais.build.platform import require_this
from cais.build.scope import Arguments
from cais.build.session import Session
from cais.build.sources import Context, Image, Scratch, StageOutput
from cais.build.stage import StageWork
from cais.dockerfile.expand import expand
from cais.dockerfile.instructions import Dockerfile
from cais.dockerfile.parser import parse_trigger
from cais.events import Phase, StepEvent
from cais.images.model import StoredImage


class Stages:
    """The stages one build needs, in an order in which each comes after those it needs."""

    def __init__(
        self, session: Session, dockerfile: Dockerfile, graph: Graph, target: int, arguments: Arguments
    ) -> None:
        self._session = session
        self._dockerfile = dockerfile
        self._graph = graph
        self._target = target
        self._arguments = arguments
        self._next_number = 1
        self._order: Sequence[int] = ()
        self._fetched: set[str] = set()
        self._expected: set[int] = set()
        self.works: dict[int, StageWork] = {}

    def prepare(self) -> dict[int, StageWork]:
        """Every stage ready to be probed and made. Raises PullError, BuildError, InvalidDockerfile."""
        self._settle_order()
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
                without_cache=self._is_without_cache(index),
            )
        return self.works

    def _is_without_cache(self, index: int) -> bool:
        request = self._session.request
        name = self._dockerfile.stages[index].name
        return request.no_cache or bool(name and name in [each.lower() for each in request.no_cache_stages])

    def _settle_order(self) -> None:
        """Find the stages and their base images. The ONBUILD of a base may need a further stage, and that a further base."""
        more = True
        while more:
            self._order = self._graph.order(self._target)
            self._fetch_bases()
            # Every one is asked, also after one that has some.
            more = True in [self._expect_triggers(index) for index in self._order if index not in self._expected]

    def _expect_triggers(self, index: int) -> bool:
        self._expected.add(index)
        base = self._graph.bases[index]
        if not isinstance(base, Image):
            return False
        image = self._session.image(base.reference, self._dockerfile.stages[index].base.span)
        name = f"ONBUILD of {base.reference}"
        self._graph.add_triggers(index, [parse_trigger(text, name) for text in image.config.config.on_build])
        return bool(image.config.config.on_build)

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
            if not isinstance(base, Image) or base.reference in self._fetched:
                continue
            self._fetched.add(base.reference)
            number = self._take_numbers(1)
            if self._session.present(base.reference, self._dockerfile.stages[index].base.span) is not None:
                self._tell_base(index, number, Phase.DONE, cached=True)
            else:
                missing[base.reference] = (index, number)
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
                place=f"{os.path.basename(stage.base.span.file)}:{stage.base.span.line}",
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
        base = self._graph.bases[index]
        if isinstance(base, StageOutput):
            start = msgspec.structs.replace(self.works[base.index].evaluated, steps=(), lines=())
        elif isinstance(base, Scratch):
            start = SCRATCH
        elif isinstance(base, Context):
            start = beginning_with(base, self._dockerfile.stages[index].base)
        else:
            start = _start_from(self._session.image(base.reference, self._dockerfile.stages[index].base.span))
        find = functools.partial(self._graph.source, stage=index)
        return evaluate(start, self._graph.instructions(index), self._arguments, find)


def _start_from(image: StoredImage) -> Evaluated:
    # The triggers run now and are not handed on (Dockerfile reference, ONBUILD).
    config = msgspec.structs.replace(image.config.config, on_build=())
    return Evaluated(config=config, author=image.config.author)

"""Which stages a target needs, and in which order they can be had. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import msgspec

from cais.build.scope import Arguments
from cais.build.sources import IMAGE_CONTEXT, LAYOUT_CONTEXT, Base, Context, Image, Scratch, Source, StageOutput
from cais.dockerfile.expand import expand
from cais.dockerfile.instructions import Copy, Dockerfile, Run, Stage, StageInstruction
from cais.dockerfile.suggest import did_you_mean
from cais.errors import CaisError, InvalidDockerfile, NotFoundError, Problem, Span
from cais.images.reference import parse_reference


class Need(msgspec.Struct, frozen=True):
    """Something a stage takes files from, and the line that says so."""

    source: Source | Scratch
    span: Span


class Graph:
    """The stages of a Dockerfile with what each needs. Raises InvalidDockerfile for a stage that does not exist.

    A stage takes only from earlier ones, so there are no circles. `add_triggers` tells what the ONBUILD of a base image adds to a stage.
    """

    def __init__(self, dockerfile: Dockerfile, arguments: Arguments, contexts: Mapping[str, str]) -> None:
        self._dockerfile = dockerfile
        self._contexts = contexts
        self._last = {stage.name: stage.index for stage in dockerfile.stages if stage.name}
        self._triggers: dict[int, tuple[StageInstruction, ...]] = {}
        self.bases: tuple[Base, ...] = tuple(self._base(stage, arguments) for stage in dockerfile.stages)

    def target(self, name: str) -> int:
        """The index of the stage `name` (a name or a number; "" is the last). Raises NotFoundError."""
        stages = self._dockerfile.stages
        if not name:
            return len(stages) - 1
        index = self._stage(name)
        if index is None:
            known = [stage.name for stage in stages if stage.name]
            raise NotFoundError(
                f'"{self._dockerfile.file}" has no stage "{name}"',
                hint=did_you_mean(name, known, "its stages are " + (", ".join(known) or "unnamed")),
            )
        return index

    def add_triggers(self, index: int, triggers: Sequence[StageInstruction]) -> None:
        """Stage `index` begins with these, which its base image brought."""
        self._triggers[index] = tuple(triggers)

    def instructions(self, index: int) -> tuple[StageInstruction, ...]:
        """What stage `index` consists of, triggers first."""
        return (*self._triggers.get(index, ()), *self._dockerfile.stages[index].instructions)

    def source(self, name: str, span: Span, stage: int) -> Source:
        """What `--from=name` in stage `stage` means: a named context, an earlier stage, else an image. Raises InvalidDockerfile."""
        named = self._named(name)
        if named is not None:
            return named
        index = self._stage(name)
        if index is not None and index < stage:
            return StageOutput(index)
        if index is not None:
            which = "is this stage itself" if index == stage else "comes later"
            hint = "put that stage before this one" if index > stage else "take the files from another stage"
            raise InvalidDockerfile([Problem(f'stage "{name}" {which}', span, hint)])
        if name.isascii() and name.isdecimal():
            hint = f"stages are numbered from 0 to {stage - 1}" if stage > 1 else "there is only stage 0 before"
            raise InvalidDockerfile([Problem(f"there is no stage {name}", span, hint if stage else None)])
        return Image(name)

    def needs(self, index: int) -> Iterator[Need]:
        """What stage `index` is made from."""
        yield Need(self.bases[index], self._dockerfile.stages[index].base.span)
        for instruction in self.instructions(index):
            for name in source_names(instruction):
                yield Need(self.source(name, instruction.span, index), instruction.span)

    def order(self, target: int) -> tuple[int, ...]:
        """The stages `target` needs, each after those it needs itself, `target` last."""
        needed = {target}
        for index in range(target, -1, -1):
            if index in needed:
                needed.update(need.source.index for need in self.needs(index) if isinstance(need.source, StageOutput))
        return tuple(sorted(needed))

    def _stage(self, name: str) -> int | None:
        if name.isascii() and name.isdecimal():
            return int(name) if int(name) < len(self._dockerfile.stages) else None
        return self._last.get(name.lower())

    def _named(self, name: str) -> Context | Image | None:
        """The named context that stands for `name`; for an image's name it may be written otherwise."""
        for key in (name, *(each for each in self._contexts if _is_same_image(each, name))):
            given = self._contexts.get(key)
            if given is not None:
                is_image = given.startswith((IMAGE_CONTEXT, LAYOUT_CONTEXT))
                return Image(given.removeprefix(IMAGE_CONTEXT)) if is_image else Context(key)
        return None

    def _base(self, stage: Stage, arguments: Arguments) -> Base:
        span = stage.base.span
        image = expand(stage.base.image, arguments.of_from, escape=arguments.escape, span=span)
        if not image:
            hint = f'give the argument in "{stage.base.image}" a default: ARG NAME=VALUE before the first FROM'
            raise InvalidDockerfile([Problem("FROM has no image after its variables are replaced", span, hint)])
        named = self._named(image)
        if named is not None:
            return named
        if image == "scratch":
            return Scratch()
        # A name in capitals is an image's, which is none, as with BuildKit.
        earlier = [each.index for each in self._dockerfile.stages[: stage.index] if each.name and each.name == image]
        return StageOutput(earlier[-1]) if earlier else Image(image)


def _is_same_image(one: str, other: str) -> bool:
    try:
        return parse_reference(one).key == parse_reference(other).key
    except CaisError:  # not both are names of images
        return False


def stage_title(stage: Stage) -> str:
    """How a stage is called in messages."""
    return stage.name or f"stage-{stage.index}"


def source_names(instruction: StageInstruction) -> Iterator[str]:
    """The names an instruction gives after `from=`."""
    if isinstance(instruction, Copy) and instruction.from_:
        yield instruction.from_
    if isinstance(instruction, Run):
        for mount in instruction.mounts:
            yield from (value for name, value in mount if name == "from" and value)

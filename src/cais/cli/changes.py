"""`--change INSTRUCTION` of `cais image import`: Dockerfile instructions that only change the image config."""

from __future__ import annotations

from collections.abc import Sequence

from cais.build.evaluate import SCRATCH, evaluate
from cais.build.platform import automatic_arguments, this_platform
from cais.build.scope import read_arguments
from cais.build.sources import Source
from cais.dockerfile.instructions import Cmd, Entrypoint, Env, Expose, Label, StopSignal, User, Volume, Workdir
from cais.dockerfile.parser import parse
from cais.errors import InternalError, Span, UsageError
from cais.images.model import ImageConfig

ALLOWED = (Cmd, Entrypoint, Env, Expose, Label, StopSignal, User, Volume, Workdir)


def config_with_changes(changes: Sequence[str]) -> ImageConfig:
    """An image config for this machine's platform with `changes` applied. Raises InvalidDockerfile, UsageError for other instructions."""
    dockerfile = parse("\n".join(("FROM scratch", *changes)), "--change")
    instructions = dockerfile.stages[0].instructions
    for instruction in instructions:
        if not isinstance(instruction, ALLOWED):
            allowed = ", ".join(kind.__name__.upper() for kind in ALLOWED)
            raise UsageError(f'--change "{instruction.text}" is not possible', hint=f"these are: {allowed}")
    platform = this_platform()
    arguments = read_arguments(dockerfile, {}, automatic_arguments(platform, ""))
    config = evaluate(SCRATCH, instructions, arguments, _no_source).config
    return ImageConfig(architecture=platform.architecture, os=platform.os, variant=platform.variant, config=config)


def _no_source(name: str, span: Span) -> Source:
    raise InternalError(f'a change of the config asks for the source "{name}"', span=span)

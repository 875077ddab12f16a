"""Renders what a case of `cases/` reads as, one line an instruction or a problem. `python corpus.py` rewrites the expectations for review."""

from __future__ import annotations

from pathlib import Path

from cais.dockerfile.instructions import Dockerfile, Instruction
from cais.dockerfile.parser import parse
from cais.errors import InvalidDockerfile

CASES = Path(__file__).parent / "cases"
_COMMON = ("span", "text", "end_line")


def render(text: str) -> str:
    """The parse of `text`, or its problems."""
    try:
        return _render(parse(text, "Dockerfile"))
    except InvalidDockerfile as error:
        return "".join(
            f"{each.span.line}:{each.span.column}+{each.span.length} {each.message} | {each.hint}\n"
            for each in error.problems
            if each.span
        )


def read(case: Path) -> str:
    """The case's Dockerfile, line ends as they are."""
    return (case / "Dockerfile").read_bytes().decode()


def _render(dockerfile: Dockerfile) -> str:
    lines = [f"directive {name}={value}" for name, value in dockerfile.directives]
    lines += [_instruction(each) for each in dockerfile.global_arguments]
    for stage in dockerfile.stages:
        lines.append(f"stage {stage.index} {stage.name!r}")
        lines += [_instruction(stage.base), *map(_instruction, stage.instructions)]
    return "\n".join(lines) + "\n"


def _instruction(instruction: Instruction) -> str:
    shown = (f"{name}={getattr(instruction, name)!r}" for name in instruction.__struct_fields__ if name not in _COMMON)
    place = f"{instruction.span.line}:{instruction.span.column}-{instruction.end_line}"
    return f"{place} {type(instruction).__name__} {' '.join(shown)}"


if __name__ == "__main__":
    for case in sorted(CASES.iterdir()):
        (case / "expected").write_text(render(read(case)))

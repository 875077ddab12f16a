"""Which fields are expanded."""

from __future__ import annotations

import typing

import pytest

from cais.dockerfile.expansion import EXPANDED_FIELDS, expand_instruction
from cais.dockerfile.instructions import Instruction, StageInstruction
from cais.dockerfile.parser import parse
from cais.errors import InvalidDockerfile

VARIABLES = {"V": "a b", "N": "name"}


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("ENV A=$V B='$V' $N=1", {"variables": (("A", "a b"), ("B", "$V"), ("name", "1"))}),
        ("ENV OLD it is $V", {"variables": (("OLD", "it is a b"),)}),
        ('LABEL "x y"="$V"', {"labels": (("x y", "a b"),)}),
        ("ARG A=$V B", {"arguments": (("A", "a b"), ("B", None))}),
        ("COPY --chown=$N:1 --exclude=$N $V x$N /$N", {"sources": ("a b", "xname"), "destination": "/name", "chown": "name:1"}),
        ("ADD --checksum=$N x /", {"checksum": "name"}),
        ("WORKDIR /$V", {"path": "/a b"}),
        ("USER ${N}:${U:-0}", {"user": "name:0"}),
        ("EXPOSE $V 80", {"ports": ("a", "b", "80")}),
        ('VOLUME ["/$V"]', {"paths": ("/a b",)}),
        ("STOPSIGNAL SIG$N", {"signal": "SIGname"}),
        ("RUN --mount=type=cache,target=/$N echo $V", {"mounts": ((("type", "cache"), ("target", "/name")),)}),
    ],
)  # fmt: skip
def test_expanded(line: str, expected: dict[str, object]) -> None:
    instruction = expand_instruction(_one(line), VARIABLES.get)
    assert {name: getattr(instruction, name) for name in expected} == expected


@pytest.mark.parametrize(
    "line", ["CMD $V", "ENTRYPOINT $V", "HEALTHCHECK CMD $V", 'SHELL ["$V"]', "ONBUILD RUN $V", "MAINTAINER $V"]
)
def test_left_alone(line: str) -> None:
    instruction = _one(line)
    assert expand_instruction(instruction, VARIABLES.get) is instruction


def test_only_unquoted_here_documents_are_expanded() -> None:
    copied = expand_instruction(_one("COPY <<A <<'B' /\n$N's\nA\n$N\nB"), VARIABLES.get)
    assert [each.content for each in copied.heredocs] == ["name's\n", "$N\n"]  # type: ignore[union-attr]


def test_error_has_the_place_of_the_instruction() -> None:
    with pytest.raises(InvalidDockerfile) as caught:
        expand_instruction(_one("ENV A=${"), VARIABLES.get)
    assert str(caught.value.span) == "Dockerfile:2:1"


def test_table_names_real_fields() -> None:
    kinds = set(typing.get_args(StageInstruction))
    for kind, fields in EXPANDED_FIELDS.items():
        assert kind in kinds or kind.__name__ == "From"
        assert set(fields) <= set(kind.__struct_fields__) - set(Instruction.__struct_fields__)


def _one(line: str) -> StageInstruction:
    return parse(f"FROM x\n{line}\n", "Dockerfile").stages[0].instructions[0]

"""Which stages a target needs, and what names after from= mean."""

import pytest

from cais.build.graph import Graph
from cais.build.scope import read_arguments
from cais.build.sources import Context, Image, Scratch, StageOutput
from cais.dockerfile.parser import parse
from cais.errors import CaisError, NotFoundError, Span

HERE = Span("Dockerfile", 1)


def graph(text: str, contexts: dict[str, str] | None = None, **given: str) -> Graph:
    dockerfile = parse(text, "Dockerfile")
    return Graph(dockerfile, read_arguments(dockerfile, given, {"TARGETARCH": "amd64"}), contexts or {})


THREE = "FROM a AS one\nFROM b AS two\nCOPY --from=one /x /\nFROM c AS three\nRUN --mount=from=0,target=/m true\n"


@pytest.mark.parametrize(
    ("target", "order"), [("", (0, 2)), ("three", (0, 2)), ("TWO", (0, 1)), ("0", (0,)), ("1", (0, 1))]
)
def test_only_what_the_target_needs(target: str, order: tuple[int, ...]) -> None:
    three = graph(THREE)
    assert three.order(three.target(target)) == order


def test_bases() -> None:
    found = graph(
        "ARG TAG=1\nARG IMAGE=py:${TAG}\nFROM $IMAGE AS Base\nFROM scratch\nFROM base\nFROM x-$TARGETARCH\nFROM ctx\n",
        {"ctx": "docker-image://other:2"},
        TAG="7",
    )
    assert found.bases == (Image("py:7"), Scratch(), StageOutput(0), Image("x-amd64"), Image("other:2"))


def test_a_stage_begins_only_from_an_earlier_one() -> None:
    assert graph("FROM later\nFROM x AS later\n").bases[0] == Image("later")


def test_sources() -> None:
    found = graph(THREE, {"ctx": "/folder", "two": "/instead"})
    assert [found.source(name, HERE, 2) for name in ("one", "1", "ctx", "two", "nginx")] == [
        StageOutput(0),
        StageOutput(1),
        Context("ctx"),
        Context("two"),
        Image("nginx"),
    ]


def test_a_name_in_capitals_is_no_stage_of_from() -> None:
    assert graph("FROM x AS one\nFROM ONE\n").bases[1] == Image("ONE")


def test_what_onbuild_brings_may_need_a_further_stage() -> None:
    found = graph("FROM a AS made\nFROM b\n")
    assert found.order(1) == (1,)
    trigger = parse("FROM x\nCOPY --from=made /x /\n", "base").stages[0].instructions
    found.add_triggers(1, trigger)
    assert found.order(1) == (0, 1)
    assert found.instructions(1) == trigger


def every_order(text: str) -> None:
    found = graph(text)
    for index in range(len(found.bases)):
        found.order(index)


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("ARG I\nFROM $I\n", "FROM has no image", "give the argument"),
        ("FROM a\nFROM b\nCOPY --from=3 /x /\n", "there is no stage 3", "only stage 0"),
        ("FROM a AS x\nCOPY --from=x /x /\n", 'stage "x" is this stage itself', "another stage"),
        ("FROM a\nCOPY --from=later /x /\nFROM b AS later", 'stage "later" comes later', "before this one"),
    ],
)
def test_problems(text: str, message: str, hint: str) -> None:
    with pytest.raises(CaisError, match=message) as caught:
        every_order(text)
    assert hint in (caught.value.hint or "")
    assert caught.value.span is not None


def test_an_unknown_target_suggests_the_nearest() -> None:
    with pytest.raises(NotFoundError, match='no stage "thre"') as caught:
        graph(THREE).target("thre")
    assert caught.value.hint == 'did you mean "three"?'

"""Which stages a target needs, and what names after from= mean."""

import pytest

from cais.build.graph import Graph
from cais.build.scope import read_arguments
from cais.build.sources import Context, Image, Scratch, StageOutput
from cais.dockerfile.parser import parse
from cais.errors import CaisError, InvalidDockerfile, NotFoundError, Span

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
        "ARG TAG=1\nARG IMAGE=py:${TAG}\nFROM $IMAGE AS base\nFROM scratch\nFROM Base\nFROM x-$TARGETARCH\nFROM ctx\n",
        {"ctx": "docker-image://other:2"},
        TAG="7",
    )
    assert found.bases == (Image("py:7"), Scratch(), StageOutput(0), Image("x-amd64"), Image("other:2"))


def test_a_stage_begins_only_from_an_earlier_one() -> None:
    assert graph("FROM later\nFROM x AS later\n").bases[0] == Image("later")


def test_sources() -> None:
    found = graph(THREE, {"ctx": "/folder", "two": "/instead"})
    assert [found.source(name, HERE) for name in ("one", "1", "ctx", "two", "nginx")] == [
        StageOutput(0),
        StageOutput(1),
        Context("ctx"),
        Context("two"),
        Image("nginx"),
    ]


def test_a_circle_is_named() -> None:
    circle = graph("FROM a AS one\nCOPY --from=two /x /\nFROM b AS two\nCOPY --from=one /x /\n")
    with pytest.raises(InvalidDockerfile, match="circle: two -> one -> two") as caught:
        circle.order(1)
    assert caught.value.span is not None
    assert caught.value.span.line == 2


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("ARG I\nFROM $I\n", "FROM has no image", "give the argument"),
        ("FROM a\nCOPY --from=3 /x /\n", "there is no stage 3", "only stage 0"),
        ("FROM a AS x\nCOPY --from=x /x /\n", "circle: x -> x", "another stage"),
    ],
)
def test_problems(text: str, message: str, hint: str) -> None:
    with pytest.raises(CaisError, match=message) as caught:
        graph(text).order(0)
    assert hint in (caught.value.hint or "")
    assert caught.value.span is not None


def test_an_unknown_target_suggests_the_nearest() -> None:
    with pytest.raises(NotFoundError, match='no stage "thre"') as caught:
        graph(THREE).target("thre")
    assert caught.value.hint == 'did you mean "three"?'

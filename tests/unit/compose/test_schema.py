from __future__ import annotations

import pytest
from tests.unit.compose.conftest import ROOT, Files, Loader

from cais.compose.loader import Source, Wanted, load_tree
from cais.errors import InvalidProject


@pytest.mark.parametrize(
    ("text", "errors"),
    [
        ("servces: {}", ['1:1: unknown attribute "servces" in the file']),
        ("services: {a: {imge: x}}", ['1:16: unknown attribute "imge" in service "a"']),
        ("services: {a b: {image: x}}", ['1:12: "a b" is not a valid name in "services"']),
        ("services: {a: {image: 3}}", ['1:16: "image" of service "a" must be text, not the number 3']),
        (
            "services: {a: {image: x, build: {contxt: .}}}",
            ['1:34: unknown attribute "contxt" in "build" of service "a"'],
        ),
        (
            "services: {a: {image: x, build: 3}}",
            ['1:26: "build" of service "a" must be text or a mapping, not the number 3'],
        ),
        (
            "services: {a: {image: x, depends_on: {b: {condition: service_healthly}}}, b: {image: x}}",
            [
                (
                    '1:43: "depends_on.b.condition" of service "a" must be one of service_started, service_healthy, '
                    'service_completed_successfully, not the text "service_healthly"'
                )
            ],
        ),
        ("services: {a: {image: x, depends_on: {a: {}}}}", ['1:39: "depends_on.a" of service "a" lacks "condition"']),
        (
            "services: {a: {image: x, ports: [{target: []}]}}",
            ['1:35: "ports[0].target" of service "a" must be a whole number or text, not a list'],
        ),
        ("services: {a: }", ['1:12: service "a" must be a mapping, not empty']),
        ("services: []", ['1:1: "services" must be a mapping, not a list']),
        (
            "services: {a: {image: x, restart: true}}",
            ['1:26: "restart" of service "a" must be text, not the boolean true'],
        ),
        ("- a", ["1:1: document 1 must be a mapping, not a list"]),
        ("volumes: {v: {drivr: x}}\nservices: {a: {image: x}}", ['1:15: unknown attribute "drivr" in volume "v"']),
    ],
)
def test_violations_in_our_words(loader: Loader, text: str, errors: list[str]) -> None:
    assert loader.errors(text) == [f"compose.yaml:{error}" for error in errors]


def test_near_names_are_suggested(loader: Loader) -> None:
    with pytest.raises(InvalidProject) as caught:
        loader.project("services: {a: {imge: x, prots: [80], zzz: 1, restart: no-way, image: y}}")
    assert [problem.hint for problem in caught.value.problems] == [
        'did you mean "image"?',
        'did you mean "ports"?',
        "the Compose Specification knows none such; names that begin with x- are free",
        "known are: no, always, on-failure[:n], unless-stopped",
    ]


def test_typed_values_may_come_from_variables(loader: Loader) -> None:
    text = "services: {a: {image: x, depends_on: {b: {condition: service_started, required: '${R}'}}}, b: {image: x, profiles: [p]}}"
    assert loader.project(text, env={"R": "false"}).services["a"].depends_on == {}


class Memo:
    def __init__(self) -> None:
        self.digests: set[bytes] = set()
        self.hits = 0

    def is_valid(self, digest: bytes) -> bool:
        self.hits += digest in self.digests
        return digest in self.digests

    def remember(self, digest: bytes) -> None:
        self.digests.add(digest)


def test_a_valid_tree_is_remembered_and_an_invalid_one_is_not() -> None:
    memo = Memo()

    def attempt(text: str) -> None:
        wanted = Wanted(sources=(Source("c", "/p/c", text),), directory=ROOT, name="p")
        load_tree(wanted, {}, Files({}), memo)

    attempt("services: {a: {image: x}}")
    attempt("services:\n  a: {image: x} # the same tree")
    assert (len(memo.digests), memo.hits) == (1, 1)
    for _ in range(2):
        with pytest.raises(InvalidProject):
            attempt("services: {a: {imge: x}}")
    assert (len(memo.digests), memo.hits) == (1, 1)


def test_an_entry_that_stands_twice_is_a_remark(loader: Loader) -> None:
    project = loader.project("services: {a: {image: x, cap_add: [A, B, A]}}")
    assert [str(told) for told in project.warnings] == [
        'compose.yaml:1:42: the entry "A" stands twice in "cap_add" of service "a"'
    ]
    assert project.services["a"].cap_add == ("A", "B")

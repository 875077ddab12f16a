from __future__ import annotations

import pytest

from cais.compose import yamlreader
from cais.compose.nodes import MapNode, Plain, to_plain
from cais.compose.problems import Problems


def read(text: str) -> tuple[list[Plain], list[str]]:
    problems = Problems()
    documents = yamlreader.read(text, "f", problems)
    return [to_plain(document) for document in documents], [str(problem) for problem in problems.errors]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a: 1\nb: [x, 'y', \"z\"]", {"a": 1, "b": ["x", "y", "z"]}),
        ("a: &x {k: 1}\nb: *x", {"a": {"k": 1}, "b": {"k": 1}}),
        ("a: &x {k: 1, l: 2}\nb: {<<: *x, k: 3}", {"a": {"k": 1, "l": 2}, "b": {"k": 3, "l": 2}}),
        (
            "a: &x {k: 1}\nb: &y {k: 2, m: 3}\nc: {<<: [*x, *y]}",
            {"a": {"k": 1}, "b": {"k": 2, "m": 3}, "c": {"k": 1, "m": 3}},
        ),
        ("'<<': 1", {"<<": 1}),
        ("a: !!str 1\nb: !!int '2'\nc: !!float 3", {"a": "1", "b": 2, "c": 3.0}),
        ("a: 'true'\nb: !!bool 'true'", {"a": "true", "b": True}),
        ("a: |\n  x\n  y\n", {"a": "x\ny\n"}),
        ("a: !reset [1]\nb: [1, !reset 2]", {"b": [1]}),
    ],
)
def test_values(text: str, value: Plain) -> None:
    assert read(text) == ([value], [])


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("a: 1\nb: 2\na: 3", 'f:3:1: the key "a" stands twice in this mapping, first in line 1'),
        ("a: *x", 'f:1:4: the anchor "x" is not defined before this place'),
        ("a: &x [*x]", 'f:1:8: the anchor "x" is part of itself'),
        ("1: a", 'f:1:1: the key "1" is not text'),
        ("? [a]\n: b", "f:1:3: a mapping or list cannot be a key"),
        ("a: !cloud 1", 'f:1:4: unknown YAML tag "!cloud"'),
        ("a: !!int x", 'f:1:4: "x" is not a value of type "int", which its tag demands'),
        ("<<: 1", 'f:1:5: "<<" takes a mapping or a list of mappings'),
        ("a: b: c", "f:1:5: not valid YAML: mapping values are not allowed in this context"),
        ("a:\n\tb: 1", "f:2:1: not valid YAML: found character that cannot start any token"),
        ("a: \x00", "f:1:4: not valid YAML: control characters are not allowed"),
        ('a: "\\0"', "f:1:4: text cannot hold the character NUL"),
    ],
)
def test_errors_are_placed(text: str, error: str) -> None:
    assert read(text)[1] == [error]


def test_aliases_of_aliases_are_bounded() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    assert read("\n".join(lines))[1] == ["f:5:5: more than 500000 values once the aliases are put in"]


def test_depth_is_bounded() -> None:
    assert read("[" * 200 + "]" * 200)[1] == ["f:1:101: nested more than 100 levels deep"]


def test_places() -> None:
    problems = Problems()
    (tree,) = yamlreader.read("é: 1\nkey:  'some text'\nlist:\n- x\n", "f", problems)
    assert isinstance(tree, MapNode)
    assert str(tree.key_span("key")) == "f:2:1"
    value = tree.items["key"]
    assert (value.span.line, value.span.column, value.span.length) == (2, 7, 11)


def _laughs(levels: int) -> str:
    lines = ["x0: &x0 [a, a, a, a, a, a, a, a, a, a]"]
    lines += [f"x{n}: &x{n} [{', '.join([f'*x{n - 1}'] * 10)}]" for n in range(1, levels)]
    return "\n".join(lines)


@pytest.mark.parametrize(
    ("text", "error"),
    [
        (_laughs(9), f"more than {yamlreader.MAX_NODES} values once the aliases are put in"),
        (_laughs(60), f"more than {yamlreader.MAX_NODES} values once the aliases are put in"),
        (
            "a0: &m0 {" + ", ".join(f"k{n}: v" for n in range(1000)) + "}\n"
            "" + "\n".join(f"a{n}: {{<<: [{', '.join(['*m0'] * 200)}]}}" for n in range(1, 9)),
            f"more than {yamlreader.MAX_NODES} values once the aliases are put in",
        ),
        ("[" * 500, f"nested more than {yamlreader.MAX_DEPTH} levels deep"),
        ("{a: " * 500, f"nested more than {yamlreader.MAX_DEPTH} levels deep"),
    ],
    ids=["laughs", "more laughs", "merge keys", "lists", "mappings"],
)
def test_what_would_grow_without_bound_is_refused(text: str, error: str) -> None:
    _, errors = read(text)
    assert [told.partition(": ")[2] for told in errors] == [error]

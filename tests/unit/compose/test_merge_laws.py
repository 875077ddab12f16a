"""The laws of merging, over arbitrary projects: it is associative, a file over itself changes nothing, an empty one neither.

A value of another type takes the place of what is below it, so the laws hold where an extension keeps its type.
"""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from cais.compose import canonical, merge, yamlreader
from cais.compose.forms.base import Context
from cais.compose.nodes import MapNode, Plain, to_plain
from cais.compose.problems import Problems

names = st.sampled_from(["a", "b"])
words = st.sampled_from(["x", "y", "z"])
texts = st.lists(words, max_size=3, unique=True)
table = st.dictionaries(words, words, max_size=3)
either = st.one_of(table, st.lists(st.sampled_from(["x=1", "y=2", "y=3", "z"]), max_size=3, unique=True))
ports = st.lists(
    st.sampled_from(["80:80", "81:80", "80:80/udp", "127.0.0.1:80:80", "90-92:90-92"]), max_size=3, unique=True
)
volumes = st.lists(
    st.sampled_from(["./a:/x", "vol:/x", "/y", "./b:/y:ro", {"type": "tmpfs", "target": "/x"}]), max_size=3
)
secrets = st.lists(st.sampled_from(["s", {"source": "s", "target": "t"}, {"source": "t", "mode": 256}]), max_size=2)
services = st.fixed_dictionaries(
    {},
    optional={
        "image": words,
        "command": st.one_of(st.none(), words, texts),
        "environment": either,
        "labels": either,
        "ports": ports,
        "volumes": volumes,
        "secrets": secrets,
        "cap_add": texts,
        "dns": st.one_of(words, texts),
        "networks": st.one_of(texts, st.dictionaries(words, st.sampled_from([None, {"aliases": ["q"]}]), max_size=2)),
        "depends_on": st.one_of(
            texts, st.dictionaries(words, st.just({"condition": "service_healthy", "restart": True}), max_size=2)
        ),
        "healthcheck": st.fixed_dictionaries(
            {}, optional={"test": st.one_of(words, texts), "retries": st.integers(1, 3)}
        ),
        "ulimits": st.dictionaries(words, st.sampled_from([1, {"soft": 1, "hard": 2}]), max_size=2),
        "extra_hosts": st.lists(st.sampled_from(["h=1.1.1.1", "h=2.2.2.2", "i=::1"]), max_size=3, unique=True),
        "deploy": st.fixed_dictionaries({}, optional={"replicas": st.integers(0, 3), "labels": either}),
        "build": st.one_of(words, st.fixed_dictionaries({}, optional={"target": words, "args": either, "tags": texts})),
        "x-own": st.dictionaries(words, texts, max_size=2),
        "tmpfs": st.one_of(words, texts),
    },
)
files = st.fixed_dictionaries(
    {"services": st.dictionaries(names, services, max_size=2)},
    optional={
        "networks": st.dictionaries(
            words, st.sampled_from([None, {"driver": "x"}, {"labels": {"a": "b"}}]), max_size=2
        ),
        "x-top": table,
    },
)


def tree(file: Plain) -> MapNode:
    """The canonical tree of a file."""
    import yaml

    problems = Problems()
    (node,) = yamlreader.read(yaml.dump(file, Dumper=yaml.CSafeDumper), "f", problems)
    assert isinstance(node, MapNode)
    made = canonical.canonical(node, Context(problems, "/p", "/root"))
    assume(not problems.errors)
    return made


def merged(*parts: MapNode) -> MapNode:
    first, *others = parts
    result = merge.clean(first)
    for part in others:
        result = merge.merge(result, part)
    assert isinstance(result, MapNode)
    return result


def without_extensions(plain: Any) -> Any:
    """Lists of extensions, about which nothing is known, are appended: their items have no identity."""
    if isinstance(plain, dict):
        return {key: without_extensions(value) for key, value in plain.items() if not key.startswith("x-")}
    return [without_extensions(item) for item in plain] if isinstance(plain, list) else plain


settings_ = settings(
    max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much]
)


@given(files, files, files)
@settings_
def test_merging_is_associative(one: Plain, two: Plain, three: Plain) -> None:
    a, b, c = tree(one), tree(two), tree(three)
    assert to_plain(merged(merged(a, b), c)) == to_plain(merged(a, merged(b, c)))


@given(files)
@settings_
def test_a_file_over_itself_changes_nothing(file: Plain) -> None:
    node = tree(file)
    assert without_extensions(to_plain(merged(node, node))) == without_extensions(to_plain(merged(node)))


@given(files)
@settings_
def test_an_empty_file_changes_nothing(file: Plain) -> None:
    node, nothing = tree(file), tree({"services": {}})
    assert to_plain(merged(node, nothing)) == to_plain(merged(node))
    assert {key: value for key, value in _dictionary(merged(nothing, node)).items() if value} == {
        key: value for key, value in _dictionary(merged(node)).items() if value
    }


@given(files, files)
@settings_
def test_neither_tree_is_changed(one: Plain, two: Plain) -> None:
    a, b = tree(one), tree(two)
    before = to_plain(a), to_plain(b)
    merged(a, b)
    assert (to_plain(a), to_plain(b)) == before


def _dictionary(node: MapNode) -> dict[str, Plain]:
    plain = to_plain(node)
    assert isinstance(plain, dict)
    return plain

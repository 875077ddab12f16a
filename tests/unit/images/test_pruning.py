from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cais.digest import Digest
from cais.errors import UsageError
from cais.images.pruning import Candidate, PruneFilter, evict, parse_filters


@pytest.mark.parametrize(
    ("words", "created_at", "labels", "taken"),
    [
        ((), 5.0, {}, True),
        (("until=then",), 5.0, {}, True),
        (("until=then",), 15.0, {}, False),
        (("label=a",), 5.0, {"a": "x"}, True),
        (("label=a",), 5.0, {"b": "x"}, False),
        (("label=a=x",), 5.0, {"a": "x"}, True),
        (("label=a=x",), 5.0, {"a": "y"}, False),
        (("label=a=x=y",), 5.0, {"a": "x=y"}, True),
        (("label!=a",), 5.0, {"a": "x"}, False),
        (("label!=a=x",), 5.0, {"a": "y"}, True),
        (("label=a", "label!=b", "until=then"), 5.0, {"a": ""}, True),
    ],
)
def test_filters(words: tuple[str, ...], created_at: float, labels: Mapping[str, str], taken: bool) -> None:
    assert parse_filters(words, {"then": 10.0}).takes(created_at, labels) is taken


@pytest.mark.parametrize("word", ["", "dangling", "label", "label=", "label!=", "until=never", "before=x"])
def test_what_is_no_filter(word: str) -> None:
    with pytest.raises(UsageError, match="is not a filter"):
        parse_filters((word,), {})


def test_everything_is_taken_without_a_filter() -> None:
    assert PruneFilter().takes(0.0, {})


def image(name: str, used_at: float, **layers: int) -> Candidate:
    return Candidate(Digest(name), used_at, layers)


def test_those_unused_for_longest_go_first_and_shared_layers_with_the_last() -> None:
    images = [image("old", 1, base=100, a=10), image("older", 0, base=100, b=10), image("new", 2, c=50)]
    assert evict(images, {}, 200) == ()
    assert evict(images, {}, 160) == ("older",)
    assert evict(images, {}, 159) == ("older", "old")
    assert evict(images, {"kept": 500}, 0) == ("older", "old", "new")


@given(
    st.lists(st.tuples(st.integers(0, 9), st.dictionaries(st.sampled_from("abcdef"), st.integers(1, 9))), max_size=8),
    st.integers(0, 60),
)
def test_no_more_goes_than_has_to(images: list[tuple[int, dict[str, int]]], most_bytes: int) -> None:
    sizes = {"a": 3, "b": 5, "c": 7, "d": 9, "e": 11, "f": 13}
    candidates = [image(str(n), used, **{key: sizes[key] for key in layers}) for n, (used, layers) in enumerate(images)]
    gone = evict(candidates, {}, most_bytes)

    def size(without: tuple[str, ...]) -> int:
        return sum(sizes[key] for key in {key for each in candidates if each.id not in without for key in each.layers})

    assert size(gone) <= most_bytes or len(gone) == len(candidates)
    assert not gone or size(gone[:-1]) > most_bytes

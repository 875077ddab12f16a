"""What goes when room is made: the longest unused first, nothing that something kept stands on, nothing more than was asked for."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cais.build.eviction import Choice, Kept, Kind, choose


def layer(name: str, parent: str = "", *, used_at: float = 0, size: int = 10, is_shared: bool = False) -> Kept:
    return Kept(kind=Kind.LAYER, id=name, path="", size_bytes=size, used_at=used_at, parent=parent, is_shared=is_shared)


def mount(name: str, *, used_at: float = 0, size: int = 10) -> Kept:
    return Kept(kind=Kind.CACHE_MOUNT, id=name, path="", size_bytes=size, used_at=used_at)


CHAIN = [layer("a", used_at=5), layer("b", "a", used_at=5), layer("c", "b", used_at=3), layer("d", "a", used_at=5)]


def ids(chosen: tuple[Kept, ...]) -> list[str]:
    return [each.id for each in chosen]


def test_everything_goes_children_first() -> None:
    assert ids(choose(CHAIN, Choice())) == ["c", "b", "d", "a"]


def test_only_until_the_rest_is_small_enough() -> None:
    assert ids(choose([*CHAIN, mount("m", used_at=4)], Choice(most_bytes=30))) == ["c", "m"]
    assert choose(CHAIN, Choice(most_bytes=40)) == ()


def test_what_an_image_has_stays_and_does_not_count() -> None:
    everything = [layer("base", size=1000, is_shared=True), layer("own", "base", size=10)]
    assert choose(everything, Choice(most_bytes=10)) == ()
    assert ids(choose(everything, Choice())) == ["own"]


def test_choices() -> None:
    everything = [*CHAIN, mount("m", used_at=4)]
    assert ids(choose(everything, Choice(kinds=frozenset({Kind.CACHE_MOUNT})))) == ["m"]
    assert ids(choose(everything, Choice(before=4))) == ["c"]
    assert ids(choose(everything, Choice(ids=frozenset({"d"})))) == ["d"]
    # Something stands on it.
    assert choose(everything, Choice(ids=frozenset({"a"}))) == ()


@st.composite
def forests(draw: st.DrawFn) -> list[Kept]:
    """Layers whose use counts for what they stand on, as the store gives them."""
    found: list[Kept] = []
    for number in range(draw(st.integers(0, 12))):
        parent = draw(st.sampled_from(["", *(each.id for each in found)]))
        found.append(layer(str(number), parent, used_at=draw(st.integers(0, 5)), size=draw(st.integers(0, 9))))
    used = {each.id: each.used_at for each in found}
    for each in reversed(found):
        if each.parent:
            used[each.parent] = max(used[each.parent], used[each.id])
    return [layer(each.id, each.parent, used_at=used[each.id], size=each.size_bytes) for each in found]


@given(forests(), st.integers(0, 60))
def test_any_forest(everything: list[Kept], most_bytes: int) -> None:
    gone = ids(choose(everything, Choice(most_bytes=most_bytes)))
    rest = [each for each in everything if each.id not in gone]
    assert all(each.parent not in gone for each in rest)
    assert sum(each.size_bytes for each in rest) <= most_bytes
    if gone:
        last = next(each for each in everything if each.id == gone[-1])
        assert sum(each.size_bytes for each in rest) + last.size_bytes > most_bytes
    assert max([each.used_at for each in everything if each.id in gone], default=0) <= min(
        (each.used_at for each in rest), default=9
    )

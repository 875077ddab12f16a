from __future__ import annotations

from collections import Counter

import pytest

from fotogal import generate
from fotogal.generate import Plan

PLAN = Plan(users=50, photos=200, follows=300, heavy=2, heavy_follows=25)


def test_the_numbers_are_those_asked_for() -> None:
    people = list(generate.users(PLAN))
    photos = list(generate.photos(PLAN))
    follows = [(follow.follower, follow.followed) for follow in generate.follows(PLAN)]
    known = {person.id for person in people}
    assert (len(people), len(photos), len(follows)) == (50, 200, 300)
    assert len(known) == len({person.username for person in people}) == 50
    assert len({photo.id for photo in photos}) == 200
    assert {photo.user_id for photo in photos} <= known
    assert len(set(follows)) == 300
    assert all(follower != followed and {follower, followed} <= known for follower, followed in follows)


def test_a_few_follow_many() -> None:
    many = Counter(follow.follower for follow in generate.follows(PLAN))
    assert [many[generate.user_id(number)] for number in range(4)] == [25, 25, 6, 6]
    assert sum(many.values()) == 300


def test_the_same_plan_gives_the_same() -> None:
    assert list(generate.follows(PLAN)) == list(generate.follows(PLAN))
    assert list(generate.photos(PLAN)) == list(generate.photos(PLAN))


@pytest.mark.parametrize(
    ("users", "photos", "follows", "heavy", "heavy_follows"),
    [(-1, 0, 0, 0, 0), (0, 1, 0, 0, 0), (10, 0, 46, 0, 5), (100, 0, 10, 1, 11), (10, 0, 20, 11, 1)],
)
def test_plans_that_cannot_be(users: int, photos: int, follows: int, heavy: int, heavy_follows: int) -> None:
    with pytest.raises(ValueError, match=r"people|follow"):
        Plan(users, photos, follows, heavy, heavy_follows)

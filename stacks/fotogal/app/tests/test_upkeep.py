from __future__ import annotations

from fotogal import upkeep
from fotogal.model import Session
from world import NOW_MS, World

HOUR_MS = 3_600_000


def test_one_of_many_does_it_in_each_period(world: World) -> None:
    turns = [upkeep.do(world.catalogue, world.objects, NOW_MS + minute * 60_000) for minute in range(0, 180, 5)]
    assert turns == ([True] + [False] * 11) * 3


def test_what_is_over_and_what_nobody_has_is_removed(world: World) -> None:
    photo = world.photo("paula")
    lost = f"123-12x8-{'a' * 16}/full.png"
    world.objects.put(lost, b"left by an upload that was killed", "image/png")
    user = world.user("paula").id
    for token, expire in (("a" * 64, NOW_MS), ("b" * 64, NOW_MS * 2)):
        world.catalogue.add_session(Session(token, NOW_MS - HOUR_MS, expire, user))
    # Objects are as old as their files are: the clock of the sweep is ahead of them.
    assert upkeep.do(world.catalogue, world.objects, NOW_MS * 2 - HOUR_MS)
    keys = {item.key for item in world.objects.listing()}
    assert lost not in keys
    assert f"{photo.image_filename}/full.png" in keys
    assert world.catalogue.session("a" * 64, 0) is None
    assert world.catalogue.session("b" * 64, 0) is not None

from __future__ import annotations

import time

from fotogal import sweep
from fotogal.gallery import Gallery
from world import World, a_png


def later(hours: float = 2) -> int:
    return time.time_ns() // 1_000_000 + round(hours * 3_600_000)


def keys(world: World) -> set[str]:
    return {item.key for item in world.objects.listing()}


def test_nothing_that_a_row_names_is_removed(world: World) -> None:
    before = keys(world)
    assert sweep.sweep(world.catalogue, world.objects, later()) == sweep.Swept(len(before), 0, 0)
    assert keys(world) == before


def test_objects_without_a_row_go_and_those_of_the_same_upload_stay(world: World) -> None:
    photo = world.photo("paula")
    twin = photo.image_filename[:-16] + "0" * 16  # what the second attempt of the same upload left
    lost = "123-12x8-" + "a" * 16
    for folder in (twin, lost):
        world.objects.put(f"{folder}/full.png", a_png(), "image/png")
    before = keys(world) - {f"{twin}/full.png", f"{lost}/full.png"}
    assert sweep.sweep(world.catalogue, world.objects, later()).removed == 2
    assert keys(world) == before


def test_what_may_still_get_its_row_is_left(world: World) -> None:
    world.objects.put(f"123-12x8-{'a' * 16}/full.png", a_png(), "image/png")
    assert sweep.sweep(world.catalogue, world.objects, later(hours=0.5)).removed == 0


def test_what_is_not_ours_is_left(world: World) -> None:
    world.objects.put("backup/catalogue.sqlite3", b"...", "application/octet-stream")
    swept = sweep.sweep(world.catalogue, world.objects, later())
    assert (swept.removed, swept.foreign) == (0, 1)


def test_many_are_asked_for_in_parts(world: World, monkeypatch) -> None:
    monkeypatch.setattr(sweep, "_AT_ONCE", 2)
    gallery: Gallery = world.services.gallery
    for _ in range(5):
        gallery.publish(world.user("paula"), a_png(), None)
        world.objects.put(f"{gallery.new_upload_id()}-12x8-{'b' * 16}/full.png", a_png(), "image/png")
    assert sweep.sweep(world.catalogue, world.objects, later()).removed == 5

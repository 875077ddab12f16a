"""The use cases without the web: what is written in which order, and what is left when something fails in between."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from fakes import failing_catalogue, failing_objects
from fotogal import files, imaging
from fotogal.catalogue.interface import Unavailable
from fotogal.gallery import Gallery
from fotogal.model import Reaction, Relation
from fotogal.objects.interface import StoreUnavailable
from fotogal.refusals import BadImage, Forbidden, Invalid, NotFound
from pictures import encoded, halves
from world import World, a_png, make_private


@pytest.fixture
def gallery(world: World) -> Gallery:
    return world.services.gallery


def keys(world: World) -> set[str]:
    return {item.key for item in world.objects.listing()}


class TestPublishing:
    def test_every_size_is_stored_and_told_by_the_row(self, world: World, gallery: Gallery) -> None:
        before = keys(world)
        photo = gallery.publish(world.user("selma"), encoded(halves(1200, 600), "JPEG"), "férias.jpg", "Praia")
        assert keys(world) - before == {files.key(photo, variant) for variant in files.variants(photo)}
        assert [variant.name for variant in files.variants(photo)] == [
            "full.jpeg",
            "large.jpeg",
            "medium.jpeg",
            "small.jpeg",
        ]
        assert (photo.image_original_filename, photo.main_comment) == ("férias.jpg", "Praia")
        assert world.catalogue.photo(photo.id) == photo

    @pytest.mark.parametrize("at", [1, 2, 4])
    def test_an_object_that_cannot_be_written(self, world: World, gallery: Gallery, at: int) -> None:
        """Neither row nor objects are left."""
        before = keys(world)
        broken = replace(
            gallery, objects=failing_objects(world.objects, lambda name, call: name == "put" and call == at)
        )
        with pytest.raises(StoreUnavailable):
            broken.publish(world.user("selma"), encoded(halves(1200, 600), "JPEG"), None)
        assert keys(world) == before
        assert not gallery.photos_of(world.user("selma"), "selma", 10).items

    def test_a_store_that_fails_for_good_leaves_objects_for_the_sweep(self, world: World, gallery: Gallery) -> None:
        before = keys(world)
        broken = replace(
            gallery,
            objects=failing_objects(world.objects, lambda name, call: name == "delete" or (name == "put" and call > 1)),
        )
        with pytest.raises(StoreUnavailable):
            broken.publish(world.user("selma"), encoded(halves(1200, 600), "JPEG"), None)
        assert len(keys(world) - before) == 1
        assert not gallery.photos_of(world.user("selma"), "selma", 10).items

    def test_a_row_whose_answer_was_lost_keeps_its_objects(self, world: World, gallery: Gallery) -> None:
        class LosesTheAnswer:
            def __init__(self, store: object) -> None:
                self._store = store

            def __getattr__(self, name: str):
                return getattr(self._store, name)

            def add_photo(self, photo) -> None:
                world.catalogue.add_photo(photo)
                raise Unavailable("the connection broke after the commit")

        with pytest.raises(Unavailable):
            replace(gallery, catalogue=LosesTheAnswer(world.catalogue)).publish(world.user("selma"), a_png(), None)
        (shown,) = gallery.photos_of(world.user("selma"), "selma", 10).items
        assert world.objects.get(shown.photo.image_uri)

    def test_the_same_upload_twice_is_one_photo(self, world: World, gallery: Gallery) -> None:
        identity = gallery.new_upload_id()
        first = gallery.publish(world.user("selma"), a_png(), None, "um", identity)
        second = gallery.publish(world.user("selma"), a_png(), None, "dois", identity)
        assert first == second
        assert len(gallery.photos_of(world.user("selma"), "selma", 10).items) == 1

    def test_the_same_upload_at_the_same_time_is_one_photo_with_its_objects(
        self, world: World, gallery: Gallery
    ) -> None:
        before = keys(world)
        identity = gallery.new_upload_id()
        both_looked = threading.Barrier(3, timeout=30)

        class LooksFirst:
            """Lets nobody write before all have seen that the photo is not there."""

            def __getattr__(self, name: str):
                return getattr(world.catalogue, name)

            def photo(self, photo_id: int):
                found = world.catalogue.photo(photo_id)
                if found is None:
                    both_looked.wait()
                return found

        racing = replace(gallery, catalogue=LooksFirst())
        published = []
        selma = world.user("selma")
        threads = [
            threading.Thread(target=lambda: published.append(racing.publish(selma, a_png(), None, "", identity)))
            for _ in range(3)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(published) == 3
        assert len(set(published)) == 1
        assert keys(world) - before == {published[0].image_uri}

    def test_somebody_elses_identity_is_not_taken_over(self, world: World, gallery: Gallery) -> None:
        identity = gallery.new_upload_id()
        paulas = gallery.publish(world.user("paula"), a_png(), None, "de Paula", identity)
        selmas = gallery.publish(world.user("selma"), a_png(), None, "de Selma", identity)
        assert selmas.id != paulas.id
        assert gallery.photo(world.user("selma"), paulas.id).photo == paulas

    @pytest.mark.parametrize("identity", [1, 2**63 - 1, 0])
    def test_an_identity_that_we_never_gave_is_not_used(self, world: World, gallery: Gallery, identity: int) -> None:
        assert gallery.publish(world.user("selma"), a_png(), None, "", identity).id != identity

    def test_nothing_is_decoded_for_a_caption_that_is_refused(self, world: World, gallery: Gallery) -> None:
        with pytest.raises(Invalid):
            gallery.publish(world.user("selma"), b"no image", None, "x" * 3000)
        with pytest.raises(BadImage):
            gallery.publish(world.user("selma"), b"no image", None, "x")


class TestDeleting:
    def test_row_and_objects_are_gone(self, world: World, gallery: Gallery) -> None:
        photo = world.photo("paula")
        gallery.delete(world.user("paula"), photo.id)
        with pytest.raises(NotFound):
            gallery.photo(world.user("paula"), photo.id)
        assert not [key for key in keys(world) if key.startswith(photo.image_filename)]

    def test_the_row_goes_first(self, world: World, gallery: Gallery) -> None:
        """With the object store down the photo is gone all the same; its objects wait for the sweep."""
        photo = world.photo("paula")
        broken = replace(gallery, objects=failing_objects(world.objects, lambda *_: True))
        broken.delete(world.user("paula"), photo.id)
        assert world.catalogue.photo(photo.id) is None
        assert photo.image_uri in keys(world)

    def test_with_the_catalogue_down_nothing_is_removed(self, world: World, gallery: Gallery) -> None:
        photo = world.photo("paula")
        broken = replace(gallery, catalogue=failing_catalogue(world.catalogue, lambda name, _: name == "delete_photo"))
        with pytest.raises(Unavailable):
            broken.delete(world.user("paula"), photo.id)
        assert photo.image_uri in keys(world)

    def test_a_profile_photo_is_replaced_not_deleted(self, world: World, gallery: Gallery) -> None:
        face = files.profile_photo(world.user("paula"))
        with pytest.raises(NotFound):
            gallery.delete(world.user("paula"), face.photo_id)

    def test_twice(self, world: World, gallery: Gallery) -> None:
        photo = world.photo("paula")
        gallery.delete(world.user("paula"), photo.id)
        with pytest.raises(NotFound):
            gallery.delete(world.user("paula"), photo.id)


class TestProfilePhoto:
    def test_the_one_before_is_removed(self, world: World, gallery: Gallery) -> None:
        before = files.profile_photo(world.user("paula"))
        gallery.set_profile_photo(world.user("paula"), encoded(halves(500, 400), "JPEG"), "eu.jpg")
        after = files.profile_photo(world.user("paula"))
        assert after.side == 320
        assert after.small_url.endswith("/small.jpeg")
        assert world.catalogue.photo(before.photo_id) is None
        assert not [key for key in keys(world) if key.startswith(str(before.photo_id))]

    def test_the_same_form_twice_leaves_one(self, world: World, gallery: Gallery) -> None:
        before, selma = keys(world), world.user("selma")
        for _ in range(2):
            gallery.set_profile_photo(selma, a_png(), "eu.png")
        (left,) = keys(world) - before
        assert world.user("selma").profile_image_url.endswith(left)

    def test_several_at_once_leave_one(self, world: World, gallery: Gallery) -> None:
        before, selma = keys(world), world.user("selma")
        with ThreadPoolExecutor(6) as pool:
            list(pool.map(lambda _: gallery.set_profile_photo(selma, a_png(), "eu.png"), range(6)))
        (left,) = keys(world) - before
        assert world.user("selma").profile_image_url.endswith(left)

    def test_it_is_in_no_list_of_photos(self, world: World, gallery: Gallery) -> None:
        paula = world.user("paula")
        assert len(gallery.photos_of(paula, "paula", 10).items) == 1
        assert len(gallery.timeline(paula, 10).items) == 1
        assert gallery.visit(paula, "paula").counts.photos == 1


class TestWhoMaySee:
    def test_losing_a_follower_loses_the_photos(self, world: World, gallery: Gallery) -> None:
        photo, fabio = world.photo("priscila"), world.user("fabio")
        assert gallery.photo(fabio, photo.id)
        gallery.unfollow(fabio, "priscila")
        with pytest.raises(Forbidden):
            gallery.photo(fabio, photo.id)
        assert not [shown for shown in gallery.timeline(fabio, 50).items if shown.author.username == "priscila"]

    def test_an_account_that_becomes_private_keeps_strangers_out(self, world: World, gallery: Gallery) -> None:
        photo, selma = world.photo("paula"), world.user("selma")
        assert gallery.photo(selma, photo.id)
        make_private(world, "paula")
        with pytest.raises(Forbidden):
            gallery.photo(selma, photo.id)
        with pytest.raises(Forbidden):
            gallery.file(selma, photo.image_filename, "full.png")

    def test_a_request_that_was_accepted(self, world: World, gallery: Gallery) -> None:
        rita = world.user("rita")
        assert gallery.follow(rita, "priscila") is Relation.REQUESTED
        gallery.accept(world.user("priscila"), "rita")
        assert gallery.visit(rita, "priscila").relation is Relation.FOLLOWING
        assert gallery.photo(rita, world.photo("priscila").id)

    @pytest.mark.parametrize("folder", ["", "x", "../../etc", "1-2x3-" + "0" * 16, "0" * 500])
    def test_a_folder_that_no_row_names(self, world: World, gallery: Gallery, folder: str) -> None:
        with pytest.raises(NotFound):
            gallery.file(world.user("paula"), folder, "full.png")

    def test_a_size_that_is_not_there(self, world: World, gallery: Gallery) -> None:
        photo = world.photo("paula")
        for name in ("large.webp", "full.jpeg", "../full.png", ""):
            with pytest.raises(NotFound):
                gallery.file(world.user("paula"), photo.image_filename, name)


class TestReactions:
    def test_one_person_counts_once(self, world: World, gallery: Gallery) -> None:
        photo, selma = world.photo("paula"), world.user("selma")
        gallery.react(selma, photo.id, Reaction.LIKE)
        tally = gallery.react(selma, photo.id, Reaction.LIKE)
        assert (tally.likes, tally.dislikes, tally.mine) == (1, 0, Reaction.LIKE)
        tally = gallery.react(selma, photo.id, Reaction.DISLIKE)
        assert (tally.likes, tally.dislikes, tally.mine) == (0, 1, Reaction.DISLIKE)

    def test_a_like_that_is_not_there_is_not_taken_back(self, world: World, gallery: Gallery) -> None:
        photo, selma = world.photo("paula"), world.user("selma")
        gallery.react(selma, photo.id, Reaction.DISLIKE)
        assert gallery.react(selma, photo.id, None, instead_of=Reaction.LIKE).mine is Reaction.DISLIKE
        assert gallery.react(selma, photo.id, None, instead_of=Reaction.DISLIKE).mine is None


def test_files_of_a_photo_are_told_by_its_row_alone(world: World, gallery: Gallery) -> None:
    photo = gallery.publish(world.user("paula"), encoded(halves(2500, 1250), "PNG"), None)
    assert files.read_folder(photo.image_filename) == files.Folder(photo.id, 2048, 1024)
    assert files.variants(photo) == imaging.variants(photo.image_type, 2048, 1024)

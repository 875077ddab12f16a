"""What holds for every catalogue. A test module of a catalogue makes a subclass with a fixture `catalogue`: an empty one, provisioned."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TypeVar

import pytest
from samples import a_photo, a_session, a_user

from fotogal.catalogue.interface import Catalogue, Taken
from fotogal.model import Counts, Cursor, Reaction, Relation, Shown, Tally, User, UserData

LARGEST = (1 << 63) - 1
Item = TypeVar("Item")
Answer = TypeVar("Answer")


class CatalogueContract:
    @pytest.fixture
    def catalogue(self) -> Iterator[Catalogue]:
        """Each implementation's own test class gives it: this one is not collected by itself."""
        raise NotImplementedError

    def test_a_second_provision_does_nothing(self, catalogue: Catalogue) -> None:
        catalogue.add_user(a_user(1))
        assert catalogue.provision() == []
        catalogue.ready()
        assert catalogue.user(1) == a_user(1)

    # People

    def test_a_user_is_found_by_each_name(self, catalogue: Catalogue) -> None:
        ana = replace(a_user(LARGEST, private=True, professional=True), email="Ana@Example.org", username="Ana_Lúcia")
        catalogue.add_user(ana)
        catalogue.add_user(a_user(2))
        assert catalogue.user(LARGEST) == ana
        assert catalogue.user_by_username("aNA_lÚcia") == ana
        assert catalogue.user_by_email("ANA@example.ORG") == ana

    def test_nobody(self, catalogue: Catalogue) -> None:
        assert catalogue.user(1) is None
        assert catalogue.user_by_username("ana") is None
        assert catalogue.user_by_username("a\0na") is None
        assert catalogue.user_by_email("' OR 1=1 --") is None

    @pytest.mark.parametrize(
        ("second", "field"),
        [
            (replace(a_user(2), email="P1@EXAMPLE.ORG"), "email"),
            (replace(a_user(2), username="PESSOA_1"), "username"),
            (replace(a_user(2), email="p1@example.org", username="pessoa_1"), "email"),
            (replace(a_user(2), id=1), "id"),
        ],
    )
    def test_what_somebody_has_is_taken(self, catalogue: Catalogue, second: User, field: str) -> None:
        catalogue.add_user(a_user(1))
        with pytest.raises(Taken) as taken:
            catalogue.add_user(second)
        assert taken.value.field == field
        assert catalogue.user(1) == a_user(1)
        assert catalogue.user(2) is None
        catalogue.add_user(a_user(2))  # what was refused left nothing behind

    def test_of_many_who_want_a_name_at_once_one_gets_it(self, catalogue: Catalogue) -> None:
        def register(number: int) -> str:
            try:
                catalogue.add_user(replace(a_user(number), username="ana"))
            except Taken as taken:
                return taken.field
            return "mine"

        assert sorted(at_once(register, 8)) == ["mine"] + ["username"] * 7

    def test_a_profile_is_edited(self, catalogue: Catalogue) -> None:
        catalogue.add_user(a_user(1))
        catalogue.add_user(a_user(2))
        data = UserData(site="", biography="nova", gender="f")
        catalogue.edit_profile(1, "Outro nome inteiro", is_private=True, user_data=data)
        catalogue.set_password(1, "another hash")
        assert catalogue.set_profile_image(1, "/i/7") == ""
        assert catalogue.user(1) == replace(
            a_user(1),
            full_name="Outro nome inteiro",
            is_private=True,
            user_data=data,
            password="another hash",
            profile_image_url="/i/7",
        )
        assert catalogue.user(2) == a_user(2)

    def test_of_profile_images_at_once_each_takes_the_place_of_another(self, catalogue: Catalogue) -> None:
        catalogue.add_user(a_user(1))
        replaced = at_once(lambda number: catalogue.set_profile_image(1, f"/i/{number}"), 8)
        last = catalogue.user(1)
        assert last is not None
        assert sorted([*replaced, last.profile_image_url]) == ["", *(f"/i/{number}" for number in range(8))]

    def test_suggestions_are_professional_and_new(self, catalogue: Catalogue) -> None:
        people(catalogue, 1, 2, professional=[3, 4, 5, 6], private=[6])
        catalogue.follow(1, 3, 10)
        catalogue.follow(1, 6, 10)
        catalogue.follow(2, 5, 10)
        assert [user.id for user in catalogue.suggestions(1, 10)] == [5, 4]
        assert [user.id for user in catalogue.suggestions(1, 1)] == [5]
        assert [user.id for user in catalogue.suggestions(5, 10)] == [3, 6, 4]

    def test_search_by_the_beginning_of_a_name(self, catalogue: Catalogue) -> None:
        for number, name in enumerate(("bea", "Ana_2", "ana", "an", "anna", "érica"), 1):
            catalogue.add_user(replace(a_user(number), username=name))
        assert [user.username for user in catalogue.search("ANA", 10)] == ["ana", "Ana_2"]
        assert [user.username for user in catalogue.search("an", 2)] == ["an", "ana"]
        assert [user.username for user in catalogue.search("É", 10)] == ["érica"]
        assert catalogue.search("%", 10) == catalogue.search("_", 10) == catalogue.search("a\0", 10) == []

    def test_what_no_store_can_keep_is_refused(self, catalogue: Catalogue) -> None:
        with pytest.raises(ValueError, match=r"U\+0000"):
            catalogue.add_user(replace(a_user(1), full_name="a\0b"))
        for number in (LARGEST + 1, -LARGEST - 2):
            with pytest.raises(ValueError, match="64 bits"):
                catalogue.user(number)
        assert catalogue.user(1) is None

    # Who follows whom

    def test_a_public_account_is_followed(self, catalogue: Catalogue) -> None:
        people(catalogue, 1, 2)
        assert catalogue.relation(1, 2) is Relation.NONE
        assert catalogue.follow(1, 2, 10) is Relation.FOLLOWING
        assert catalogue.follow(1, 2, 11) is Relation.FOLLOWING
        assert catalogue.relation(1, 2) is Relation.FOLLOWING
        assert catalogue.relation(2, 1) is Relation.NONE
        assert catalogue.counts(1) == Counts(photos=0, followers=0, following=1)
        assert catalogue.counts(2) == Counts(photos=0, followers=1, following=0)
        assert catalogue.followers(2, 10) == [(Cursor(10, 1), a_user(1))]
        catalogue.unfollow(1, 2)
        catalogue.unfollow(1, 2)
        assert catalogue.relation(1, 2) is Relation.NONE
        assert catalogue.counts(2) == Counts(0, 0, 0)

    def test_a_private_account_is_asked(self, catalogue: Catalogue) -> None:
        people(catalogue, 1, private=[2])
        assert catalogue.follow(1, 2, 10) is Relation.REQUESTED
        assert catalogue.follow(1, 2, 11) is Relation.REQUESTED
        assert catalogue.relation(1, 2) is Relation.REQUESTED
        assert catalogue.counts(2) == Counts(0, 0, 0)
        assert catalogue.requests_received(2, 10) == [(Cursor(10, 1), a_user(1))]
        assert catalogue.requests_sent(1, 10) == [(Cursor(10, 2), a_user(2, private=True))]
        assert catalogue.accept(2, 1, 20)
        assert catalogue.relation(1, 2) is Relation.FOLLOWING
        assert catalogue.requests_received(2, 10) == catalogue.requests_sent(1, 10) == []
        assert catalogue.followers(2, 10) == [(Cursor(20, 1), a_user(1))]
        assert not catalogue.accept(2, 1, 30)
        assert catalogue.follow(1, 2, 40) is Relation.FOLLOWING

    def test_a_request_is_refused_or_taken_back(self, catalogue: Catalogue) -> None:
        people(catalogue, 1, private=[2])
        catalogue.follow(1, 2, 10)
        assert catalogue.refuse(2, 1)
        assert not catalogue.refuse(2, 1)
        assert not catalogue.accept(2, 1, 20)
        assert catalogue.relation(1, 2) is Relation.NONE
        catalogue.follow(1, 2, 30)
        catalogue.unfollow(1, 2)
        assert catalogue.relation(1, 2) is Relation.NONE
        assert not catalogue.accept(2, 1, 40)

    def test_nobody_accepts_for_another(self, catalogue: Catalogue) -> None:
        people(catalogue, 1, 3, private=[2])
        catalogue.follow(1, 2, 10)
        assert not catalogue.accept(3, 1, 20)
        assert not catalogue.accept(1, 2, 20)
        assert catalogue.relation(1, 2) is Relation.REQUESTED

    def test_nobody_follows_themselves_or_who_is_not_there(self, catalogue: Catalogue) -> None:
        people(catalogue, 1)
        assert catalogue.follow(1, 1, 10) is Relation.NONE
        assert catalogue.follow(1, 99, 10) is Relation.NONE
        assert catalogue.counts(1) == Counts(0, 0, 0)

    def test_relations_in_one_question(self, catalogue: Catalogue) -> None:
        people(catalogue, 1, 2, 4, private=[3])
        catalogue.follow(1, 2, 10)
        catalogue.follow(1, 3, 10)
        assert catalogue.relations(1, [2, 3, 4, 99]) == {
            2: Relation.FOLLOWING,
            3: Relation.REQUESTED,
            4: Relation.NONE,
            99: Relation.NONE,
        }
        assert catalogue.relations(1, []) == {}

    def test_who_becomes_public_takes_everybody_who_asked(self, catalogue: Catalogue) -> None:
        people(catalogue, 1, 2, private=[3, 4])
        for owner in (3, 4):
            catalogue.follow(1, owner, 10)
        catalogue.follow(2, 3, 11)
        catalogue.edit_profile(3, "Nome inteiro", is_private=False, user_data=UserData())
        assert catalogue.requests_received(3, 10) == []
        assert [user.id for _, user in catalogue.followers(3, 10)] == [2, 1]
        assert catalogue.counts(3).followers == 2
        assert catalogue.relation(1, 4) is Relation.REQUESTED

    def test_no_request_stays_behind_when_an_account_becomes_public(self, catalogue: Catalogue) -> None:
        people(catalogue, *range(1, 9), private=[9])

        def change(number: int) -> None:
            if number == 4:
                catalogue.edit_profile(9, "Nome inteiro", is_private=False, user_data=UserData())
            else:
                catalogue.follow(1 + number, 9, 10)

        at_once(change, 8)
        assert catalogue.requests_received(9, 10) == []
        assert catalogue.counts(9).followers == len(catalogue.followers(9, 10)) == 7

    def test_people_by_pages(self, catalogue: Catalogue) -> None:
        people(catalogue, *range(1, 8), private=[8])
        for number in range(1, 8):
            catalogue.follow(number, 8, number // 3)  # several at the same time
        received = pages(lambda after: catalogue.requests_received(8, 2, after), lambda item: item[0])
        assert [user.id for _, user in received] == [7, 6, 5, 4, 3, 2, 1]
        catalogue.edit_profile(8, "Nome inteiro", is_private=False, user_data=UserData())
        followers = pages(lambda after: catalogue.followers(8, 2, after), lambda item: item[0])
        assert [user.id for _, user in followers] == [7, 6, 5, 4, 3, 2, 1]
        for number in range(2, 8):
            catalogue.follow(1, number, 5)
        following = pages(lambda after: catalogue.following(1, 3, after), lambda item: item[0])
        assert [user.id for _, user in following] == [7, 6, 5, 4, 3, 2, 8]

    def test_follows_at_once_count_once_each(self, catalogue: Catalogue) -> None:
        people(catalogue, *range(1, 5), 9)
        at_once(lambda number: catalogue.follow(1 + number % 4, 9, number), 16)
        assert catalogue.counts(9).followers == 4
        at_once(lambda number: catalogue.unfollow(1 + number % 2, 9), 8)
        assert catalogue.counts(9).followers == 2

    def test_two_who_follow_each_other_at_once(self, catalogue: Catalogue) -> None:
        people(catalogue, 1, 2)
        at_once(lambda number: catalogue.follow(1 + number % 2, 2 - number % 2, number), 16)
        assert catalogue.counts(1) == catalogue.counts(2) == Counts(0, 1, 1)

    # Photos

    def test_a_photo_is_kept(self, catalogue: Catalogue) -> None:
        people(catalogue, 1, 2)
        catalogue.add_photo(a_photo(LARGEST, 1, at=LARGEST - 1))
        assert catalogue.photo(LARGEST) == a_photo(LARGEST, 1, at=LARGEST - 1)
        assert catalogue.photo(2) is None
        assert catalogue.shown(LARGEST, 2) == Shown(a_photo(LARGEST, 1, at=LARGEST - 1), a_user(1), Tally(0, 0, None))
        assert catalogue.shown(2, 1) is None
        with pytest.raises(Taken) as taken:
            catalogue.add_photo(a_photo(LARGEST, 2))
        assert taken.value.field == "id"

    def test_only_the_owner_deletes(self, catalogue: Catalogue) -> None:
        people(catalogue, 1, 2)
        catalogue.add_photo(a_photo(10, 1))
        catalogue.react(10, 2, Reaction.LIKE)
        assert catalogue.delete_photo(10, 2) is None
        assert catalogue.photo(10) is not None
        assert catalogue.delete_photo(10, 1) == a_photo(10, 1)
        assert catalogue.delete_photo(10, 1) is None
        assert catalogue.photo(10) is None
        catalogue.add_photo(a_photo(10, 1))
        assert seen(catalogue, 10, by=2) == Tally(0, 0, None)

    def test_photos_are_counted_without_those_of_profiles(self, catalogue: Catalogue) -> None:
        people(catalogue, 1)
        for number in range(3):
            catalogue.add_photo(a_photo(10 + number, 1, profile=number == 0))
        assert catalogue.counts(1) == Counts(photos=2, followers=0, following=0)
        assert [shown.photo.id for shown in catalogue.photos_of(1, 1, 10)] == [12, 11]

    def test_known_folders(self, catalogue: Catalogue) -> None:
        people(catalogue, 1)
        catalogue.add_photo(a_photo(10, 1))
        catalogue.add_photo(a_photo(11, 1, profile=True))
        assert catalogue.known_folders([9, 10, 11, 12]) == {
            a_photo(10, 1).image_filename,
            a_photo(11, 1).image_filename,
        }
        assert catalogue.known_folders([]) == set()

    # Timelines

    def test_a_timeline_is_of_oneself_and_the_followed(self, catalogue: Catalogue) -> None:
        people(catalogue, 1, 2, 3, private=[4])
        catalogue.follow(1, 2, 1)
        catalogue.follow(1, 4, 1)
        for number, owner in enumerate((1, 2, 3, 4, 2), 10):
            catalogue.add_photo(a_photo(number, owner))
        catalogue.add_photo(a_photo(20, 2, profile=True))
        catalogue.react(11, 1, Reaction.DISLIKE)
        catalogue.react(11, 3, Reaction.LIKE)
        assert catalogue.timeline(1, 10) == [
            Shown(a_photo(14, 2), a_user(2), Tally(0, 0, None)),
            Shown(a_photo(11, 2), a_user(2), Tally(1, 1, Reaction.DISLIKE)),
            Shown(a_photo(10, 1), a_user(1), Tally(0, 0, None)),
        ]
        catalogue.accept(4, 1, 2)
        assert [shown.photo.id for shown in catalogue.timeline(1, 10)] == [14, 13, 11, 10]
        catalogue.unfollow(1, 2)
        assert [shown.photo.id for shown in catalogue.timeline(1, 10)] == [13, 10]
        assert [shown.photo.id for shown in catalogue.timeline(3, 10)] == [12]

    def test_an_empty_timeline(self, catalogue: Catalogue) -> None:
        people(catalogue, 1)
        assert catalogue.timeline(1, 10) == catalogue.photos_of(1, 1, 10) == []

    def test_a_timeline_by_pages_has_each_photo_once_and_in_order(self, catalogue: Catalogue) -> None:
        people(catalogue, *range(1, 6))
        for number in (2, 3, 4):
            catalogue.follow(1, number, 1)
        for number in range(50):
            catalogue.add_photo(a_photo(100 + number, 1 + number % 5, at=1000 + number // 10))  # ten at the same time
        wanted = [100 + number for number in reversed(range(50)) if number % 5 != 4]
        for limit in (1, 3, 10, 100):
            found = pages(lambda after: catalogue.timeline(1, limit, after), place)  # noqa: B023 used at once
            assert [shown.photo.id for shown in found] == wanted
        found = pages(lambda after: catalogue.photos_of(5, 1, 3, after), place)
        assert [shown.photo.id for shown in found] == [
            100 + number for number in reversed(range(50)) if number % 5 == 4
        ]

    def test_what_is_new_does_not_shift_the_pages(self, catalogue: Catalogue) -> None:
        people(catalogue, 1)
        for number in range(10, 16):
            catalogue.add_photo(a_photo(number, 1))
        first = catalogue.timeline(1, 3)
        catalogue.add_photo(a_photo(99, 1))
        catalogue.delete_photo(first[-1].photo.id, 1)
        assert [shown.photo.id for shown in catalogue.timeline(1, 3, place(first[-1]))] == [12, 11, 10]

    # Likes

    def test_a_like_and_a_dislike_exclude_each_other(self, catalogue: Catalogue) -> None:
        people(catalogue, 1, 2)
        catalogue.add_photo(a_photo(10, 1))
        assert catalogue.react(10, 2, Reaction.LIKE) == Tally(1, 0, Reaction.LIKE)
        assert catalogue.react(10, 2, Reaction.LIKE) == Tally(1, 0, Reaction.LIKE)
        assert catalogue.react(10, 2, Reaction.DISLIKE) == Tally(0, 1, Reaction.DISLIKE)
        assert catalogue.react(10, 1, Reaction.DISLIKE) == Tally(0, 2, Reaction.DISLIKE)
        assert catalogue.react(10, 2, None) == Tally(0, 1, None)
        assert catalogue.react(10, 2, None) == Tally(0, 1, None)
        assert seen(catalogue, 10, by=1) == Tally(0, 1, Reaction.DISLIKE)
        assert seen(catalogue, 10, by=2) == Tally(0, 1, None)
        assert catalogue.react(99, 2, Reaction.LIKE) is None

    def test_double_clicks_and_likes_at_once_count_once_each(self, catalogue: Catalogue) -> None:
        people(catalogue, *range(1, 5))
        catalogue.add_photo(a_photo(10, 1))
        at_once(lambda number: catalogue.react(10, 1 + number % 4, Reaction.LIKE), 32)
        assert seen(catalogue, 10, by=1) == Tally(4, 0, Reaction.LIKE)
        changes = (Reaction.DISLIKE, Reaction.LIKE, None)
        at_once(lambda number: catalogue.react(10, 1 + number % 4, changes[number % 3]), 48)
        said = [seen(catalogue, 10, by=number).mine for number in range(1, 5)]
        assert seen(catalogue, 10, by=1) == Tally(said.count(Reaction.LIKE), said.count(Reaction.DISLIKE), said[0])

    def test_a_photo_deleted_while_it_is_liked_leaves_nothing(self, catalogue: Catalogue) -> None:
        people(catalogue, *range(1, 9))
        catalogue.add_photo(a_photo(10, 1))

        def act(number: int) -> None:
            if number == 3:
                catalogue.delete_photo(10, 1)
            else:
                catalogue.react(10, 1 + number, Reaction.LIKE)

        at_once(act, 8)
        assert catalogue.react(10, 1, Reaction.LIKE) is None
        catalogue.add_photo(a_photo(10, 1))
        assert [seen(catalogue, 10, by=number).mine for number in range(1, 9)] == [None] * 8

    # Sessions and attempts

    def test_a_session_is_found_until_it_expires(self, catalogue: Catalogue) -> None:
        people(catalogue, 1)
        catalogue.add_session(a_session("one", 1))
        assert catalogue.session("one", 1999) == (a_session("one", 1), a_user(1))
        assert catalogue.session("one", 2000) is None
        assert catalogue.session("two", 1500) is None

    def test_sessions_are_removed(self, catalogue: Catalogue) -> None:
        people(catalogue, 1, 2)
        for token, user_id in (("one", 1), ("two", 1), ("three", 1), ("four", 2)):
            catalogue.add_session(a_session(token, user_id))
        catalogue.remove_session("one")
        catalogue.remove_session("one")
        assert [catalogue.session(token, 1) is None for token in ("one", "two", "three", "four")] == [
            True,
            False,
            False,
            False,
        ]
        catalogue.remove_sessions_of(1)
        assert [catalogue.session(token, 1) is None for token in ("two", "three", "four")] == [True, True, False]

    def test_what_has_expired_is_removed(self, catalogue: Catalogue) -> None:
        people(catalogue, 1)
        catalogue.add_session(a_session("old", 1, expire=100))
        catalogue.add_session(a_session("new", 1, expire=101))
        catalogue.attempt("login:ana", 0, 100)
        catalogue.attempt("login:bea", 1, 100)
        assert catalogue.remove_expired(100) == 2
        assert catalogue.remove_expired(100) == 0
        assert catalogue.session("new", 0) is not None
        assert catalogue.attempt("login:bea", 2, 100) == 2

    def test_attempts_are_counted_in_their_window(self, catalogue: Catalogue) -> None:
        assert [catalogue.attempt("ana", now, 100) for now in (0, 50, 99)] == [1, 2, 3]
        assert catalogue.attempt("bea", 99, 100) == 1
        assert catalogue.attempt("ana", 100, 100) == 1
        assert catalogue.attempt("ana", 199, 100) == 2
        catalogue.forget_attempts("ana")
        assert catalogue.attempt("ana", 199, 100) == 1

    def test_attempts_at_once_all_count(self, catalogue: Catalogue) -> None:
        assert sorted(at_once(lambda _: catalogue.attempt("ana", 1, 100), 16)) == list(range(1, 17))


def people(
    catalogue: Catalogue, *public: int, private: list[int] | None = None, professional: list[int] | None = None
) -> None:
    """Adds them; an identity may be both private and professional."""
    private, professional = private or [], professional or []
    for number in sorted({*public, *private, *professional}):
        catalogue.add_user(a_user(number, private=number in private, professional=number in professional))


def place(shown: Shown) -> Cursor:
    return Cursor(shown.photo.created_ts, shown.photo.id)


def pages(ask: Callable[[Cursor | None], list[Item]], place_of: Callable[[Item], Cursor]) -> list[Item]:
    """All items, page by page until one is empty."""
    found: list[Item] = []
    after: Cursor | None = None
    while page := ask(after):
        found += page
        after = place_of(page[-1])
    return found


def at_once(act: Callable[[int], Answer], times: int) -> list[Answer]:
    """`act(0)` to `act(times - 1)`, all begun at the same moment, each in a thread. The first failure is raised."""
    start = threading.Barrier(times)

    def one(number: int) -> Answer:
        start.wait(timeout=30)
        return act(number)

    with ThreadPoolExecutor(times) as pool:
        return list(pool.map(one, range(times)))


def seen(catalogue: Catalogue, photo_id: int, *, by: int) -> Tally:
    shown = catalogue.shown(photo_id, by)
    assert shown is not None
    return shown.tally

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from contract_catalogue import CatalogueContract, at_once
from nosql_standin import SqliteTables
from samples import a_photo, a_user

from fotogal.catalogue.interface import Catalogue, Taken, Unavailable
from fotogal.catalogue.nosql import photos
from fotogal.catalogue.nosql.catalogue import NosqlCatalogue
from fotogal.catalogue.nosql.people import CLAIM_MS
from fotogal.catalogue.nosql.schema import NAMES
from fotogal.catalogue.nosql.tables import Row


class TestNosql(CatalogueContract):
    @pytest.fixture
    def tables(self) -> SqliteTables:
        return SqliteTables()

    @pytest.fixture
    def catalogue(self, tables: SqliteTables) -> Iterator[Catalogue]:
        made = NosqlCatalogue(tables)
        done = made.provision()
        assert "created table fotogal_ntable_users" in done
        assert "created index user_id_idx of fotogal_ntable_images" in done
        yield made
        made.close()

    def test_a_name_that_a_killed_registration_holds_is_free_after_a_while(
        self, catalogue: Catalogue, tables: SqliteTables
    ) -> None:
        ana = a_user(1)
        tables.put(NAMES, {"name": f"email:{ana.email}", "user_id": 99, "created_ts": ana.created_ts - CLAIM_MS + 1})
        with pytest.raises(Taken):
            catalogue.add_user(ana)
        catalogue.add_user(replace(ana, created_ts=ana.created_ts + 1))
        assert catalogue.user_by_email(ana.email) is not None

    def test_of_many_who_take_over_a_name_one_gets_it(self, catalogue: Catalogue, tables: SqliteTables) -> None:
        tables.put(NAMES, {"name": "username:ana", "user_id": 99, "created_ts": 0})

        def register(number: int) -> bool:
            try:
                catalogue.add_user(replace(a_user(number), username="ana"))
            except Taken:
                return False
            return True

        assert sum(at_once(register, 8)) == 1

    def test_who_is_named_but_not_there_is_nobody(self, catalogue: Catalogue, tables: SqliteTables) -> None:
        tables.put(NAMES, {"name": "username:ana", "user_id": 99, "created_ts": 0})
        assert catalogue.user_by_username("ana") is None

    def test_who_follows_many_sees_the_same(self, catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch) -> None:
        for number in range(1, 6):
            catalogue.add_user(a_user(number))
            catalogue.follow(1, number % 4 + 1, 1)
        for number in range(60):
            catalogue.add_photo(a_photo(100 + number, 1 + number % 5, at=1000 + number // 4))
        wanted = [shown.photo.id for shown in catalogue.timeline(1, 30)]
        monkeypatch.setattr(photos, "MANY_FOLLOWED", 1)
        monkeypatch.setattr(photos, "WALKED_AT_ONCE", 7)
        assert [shown.photo.id for shown in catalogue.timeline(1, 30)] == wanted
        monkeypatch.setattr(photos, "WALKED_AT_MOST", 14)  # gives up, and merges
        assert [shown.photo.id for shown in catalogue.timeline(1, 30)] == wanted


def test_a_catalogue_that_is_not_provisioned_is_not_ready() -> None:
    catalogue = NosqlCatalogue(SqliteTables())
    with pytest.raises(Unavailable, match="fotogal provision"):
        catalogue.ready()
    catalogue.provision()
    catalogue.ready()
    catalogue.close()


class Killed(Exception):
    """The process ends here."""


class KilledAfter(SqliteTables):
    """Writes so many rows, and no more."""

    left = 1 << 30

    def _insert(self, how: str, table: str, row: Row) -> bool:
        self._spend()
        return super()._insert(how, table, row)

    def delete(self, table: str, **key: int | str) -> bool:
        self._spend()
        return super().delete(table, **key)

    def _spend(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise Killed


@pytest.mark.parametrize("written", range(4))
def test_who_is_killed_while_accepting_lets_nobody_in_who_did_not_ask(written: int) -> None:
    tables = KilledAfter()
    catalogue = NosqlCatalogue(tables)
    catalogue.provision()
    catalogue.add_user(a_user(1))
    catalogue.add_user(a_user(2, private=True))
    catalogue.follow(1, 2, 10)
    tables.left = written
    try:
        catalogue.accept(2, 1, 20)
    except Killed:
        tables.left = 1 << 30
        assert catalogue.followers(2, 10) == []
        catalogue.follow(1, 2, 30)  # asks again, if need be
        assert catalogue.accept(2, 1, 40)
    assert [user.id for _, user in catalogue.followers(2, 10)] == [1]
    assert catalogue.requests_received(2, 10) == []
    catalogue.close()


@pytest.mark.parametrize("written", range(3))
def test_who_is_killed_while_registering_can_register_later(written: int) -> None:
    tables = KilledAfter()
    catalogue = NosqlCatalogue(tables)
    catalogue.provision()
    tables.left = written
    with pytest.raises(Killed):
        catalogue.add_user(a_user(1))
    tables.left = 1 << 30
    assert catalogue.user_by_email(a_user(1).email) is None
    again = replace(
        a_user(2), email=a_user(1).email, username=a_user(1).username, created_ts=a_user(1).created_ts + CLAIM_MS
    )
    catalogue.add_user(again)
    assert catalogue.user_by_email(again.email) == again
    catalogue.close()

from __future__ import annotations

from collections.abc import Iterator

import pytest
from borneo import nson_protocol as names
from contract_catalogue import CatalogueContract
from nosql_proxy import NO_TABLE, OP, THROTTLED, UNAVAILABLE, Proxy, decoded, refused
from oracle_cloud import Answer, Asked, Cloud, answer, running
from samples import a_photo, a_user

from fotogal.catalogue.interface import Catalogue, Unavailable
from fotogal.catalogue.nosql import oracle
from fotogal.catalogue.nosql.oracle import OracleCatalogue
from fotogal.catalogue.nosql.schema import READ_UNITS, STORAGE_GB

COMPARTMENT = {"id": "ocid1.compartment", "name": "cmp-fotogal", "lifecycleState": "ACTIVE"}


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    made = Proxy()
    yield made
    made.tables.close()


@pytest.fixture
def cloud(proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cloud]:
    monkeypatch.setattr(oracle, "POLL_MS", 1)

    def respond(asked: Asked) -> Answer:
        return answer([COMPARTMENT]) if asked.method == "GET" else proxy.respond(asked)

    with running(respond) as started:
        yield started


class TestOracle(CatalogueContract):
    @pytest.fixture
    def catalogue(self, cloud: Cloud) -> Iterator[Catalogue]:
        made = OracleCatalogue(cloud.account())
        assert "created table fotogal_ntable_users" in made.provision()
        yield made
        made.close()

    def test_what_is_asked_is_meant_for_the_compartment(self, catalogue: Catalogue, cloud: Cloud) -> None:
        cloud.requests.clear()
        catalogue.user(1)
        (asked,) = cloud.requests
        assert asked.headers["x-nosql-compartment-id"] == "cmp-fotogal"
        header = decoded(asked.body)[names.HEADER]
        assert (header[names.OP_CODE], header[names.TABLE_NAME]) == (OP.GET, "fotogal_ntable_users")

    def test_a_table_is_made_with_its_limits(self, catalogue: Catalogue, cloud: Cloud) -> None:
        assert catalogue.user(1) is None
        made = [decoded(asked.body) for asked in cloud.requests if asked.method == "POST"]
        limits = [
            said[names.PAYLOAD].get(names.LIMITS)
            for said in made
            if said[names.HEADER][names.OP_CODE] == OP.TABLE_REQUEST
        ]
        tables = [found for found in limits if found]
        assert len(tables) == 8
        assert tables[0][names.READ_UNITS] == READ_UNITS
        assert tables[0][names.STORAGE_GB] == STORAGE_GB

    def test_an_answer_in_parts_is_read_to_its_end(self, catalogue: Catalogue, cloud: Cloud, proxy: Proxy) -> None:
        catalogue.add_user(a_user(1))
        for number in range(10, 17):
            catalogue.add_photo(a_photo(number, 1))
        proxy.page = 2
        cloud.requests.clear()
        assert [shown.photo.id for shown in catalogue.photos_of(1, 1, 10)] == list(range(16, 9, -1))
        going_on = [asked for asked in cloud.requests if names.CONTINUATION_KEY in decoded(asked.body)[names.PAYLOAD]]
        assert len(going_on) == 3
        assert catalogue.provision() == []  # the list of tables comes in parts too

    def test_a_statement_is_prepared_once(self, catalogue: Catalogue, cloud: Cloud) -> None:
        cloud.requests.clear()
        catalogue.relation(1, 2)
        catalogue.relation(3, 4)
        codes = [decoded(asked.body)[names.HEADER][names.OP_CODE] for asked in cloud.requests]
        assert (codes.count(OP.PREPARE), codes.count(OP.QUERY)) == (2, 4)

    @pytest.mark.parametrize("code", [THROTTLED, UNAVAILABLE])
    def test_what_passes_is_tried_again(self, catalogue: Catalogue, cloud: Cloud, code: int) -> None:
        catalogue.add_user(a_user(1))
        cloud.failing.append(refused(code, "later"))
        assert catalogue.user(1) == a_user(1)

    def test_what_does_not_pass_is_said(self, catalogue: Catalogue, cloud: Cloud) -> None:
        cloud.failing.append(refused(NO_TABLE, "no table"))
        with pytest.raises(Unavailable, match="fotogal provision"):
            catalogue.user(1)
        cloud.failing.append(Answer(503))
        with pytest.raises(Unavailable, match="does not answer"):
            catalogue.user(1)
        assert catalogue.user(1) is None


def test_nobody_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(oracle, "TIMEOUT_MS", 500)
    with running(lambda _: Answer()) as cloud:
        account = cloud.account()
    catalogue = OracleCatalogue(account)
    with pytest.raises(Unavailable):
        catalogue.ready()
    catalogue.close()

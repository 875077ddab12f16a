"""What holds for every SQL database besides the contract of a catalogue: whichever way a timeline is found, it is the same."""

from __future__ import annotations

import pytest
from contract_catalogue import CatalogueContract, pages, people, place
from samples import a_photo

from fotogal.catalogue.interface import Catalogue
from fotogal.catalogue.sql import photos


class SqlContract(CatalogueContract):
    @pytest.mark.parametrize(
        ("many", "most"),
        [
            (1, 10_000),  # walks
            (3, 10_000),  # follows just so many
            (4, 10_000),  # merges
            (1, 7),  # walks, and gives up where too few are found
            (1, 1),
        ],
    )
    def test_whichever_way_a_timeline_is_found_it_is_the_same(
        self, catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch, many: int, most: int
    ) -> None:
        people(catalogue, *range(1, 9))
        for number in (2, 3, 4):
            catalogue.follow(1, number, 1)
        for number in range(64):
            catalogue.add_photo(a_photo(100 + number, 1 + number % 8, at=1000 + number // 5, profile=number % 16 == 1))
        wanted = [100 + number for number in reversed(range(64)) if number % 8 < 4 and number % 16 != 1]
        monkeypatch.setattr(photos, "MANY_FOLLOWED", many)
        monkeypatch.setattr(photos, "WALKED_AT_MOST", most)
        for limit in (1, 5, 100):
            found = pages(lambda after: catalogue.timeline(1, limit, after), place)  # noqa: B023 used at once
            assert [shown.photo.id for shown in found] == wanted

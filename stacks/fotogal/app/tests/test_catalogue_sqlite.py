from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from contract_sql import SqlContract
from samples import a_user

from fotogal.catalogue.interface import Catalogue, Unavailable
from fotogal.catalogue.sqlite import open_sqlite


class TestSqlite(SqlContract):
    @pytest.fixture
    def catalogue(self, tmp_path: Path) -> Iterator[Catalogue]:
        made = open_sqlite(tmp_path / "data" / "catalogue.sqlite3")
        assert "created table fotogal_ntable_users" in made.provision()
        yield made
        made.close()

    def test_what_was_written_is_there_for_the_next_process(self, catalogue: Catalogue, tmp_path: Path) -> None:
        catalogue.add_user(a_user(1))
        catalogue.close()
        again = open_sqlite(tmp_path / "data" / "catalogue.sqlite3")
        assert again.user(1) == a_user(1)
        again.close()

    @pytest.mark.usefixtures("catalogue")
    def test_a_file_that_another_process_keeps_locked(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("fotogal.catalogue.sqlite.PATIENCE_S", 0.05)
        impatient = open_sqlite(tmp_path / "data" / "catalogue.sqlite3")
        other = sqlite3.connect(tmp_path / "data" / "catalogue.sqlite3", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(Unavailable, match="locked"):
            impatient.add_user(a_user(1))
        assert impatient.user(1) is None  # readers do not wait
        other.execute("ROLLBACK")
        other.close()
        impatient.add_user(a_user(1))
        impatient.close()


def test_a_catalogue_that_is_not_provisioned_is_not_ready(tmp_path: Path) -> None:
    catalogue = open_sqlite(tmp_path / "catalogue.sqlite3")
    with pytest.raises(Unavailable, match="fotogal provision"):
        catalogue.ready()
    catalogue.provision()
    catalogue.ready()
    catalogue.close()


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    catalogue = open_sqlite(tmp_path / "file" / "catalogue.sqlite3")
    with pytest.raises(Unavailable):
        catalogue.provision()

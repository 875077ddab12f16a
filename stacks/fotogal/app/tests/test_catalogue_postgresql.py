from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from contract_sql import SqlContract
from postgres_server import PostgresServer, running
from samples import a_photo, a_user

from fotogal import generate
from fotogal.catalogue import postgresql
from fotogal.catalogue.interface import Catalogue, Unavailable
from fotogal.catalogue.postgresql import PostgresqlDatabase, open_postgresql
from fotogal.catalogue.sql.loading import NotEmpty
from fotogal.generate import Plan
from fotogal.model import Reaction


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with running() as started:
        yield started


@pytest.fixture
def empty(server: PostgresServer) -> PostgresServer:
    """The server, with no tables."""
    with psycopg.connect(server.url, autocommit=True) as connection:
        connection.execute("DROP SCHEMA public CASCADE")
        connection.execute("CREATE SCHEMA public")
    return server


class TestPostgresql(SqlContract):
    @pytest.fixture
    def catalogue(self, empty: PostgresServer) -> Iterator[Catalogue]:
        made = open_postgresql(empty.url)
        assert "created table fotogal_ntable_users" in made.provision()
        yield made
        made.close()

    def test_a_server_that_was_away(self, catalogue: Catalogue, server: PostgresServer) -> None:
        catalogue.add_user(a_user(1))
        server.stop()
        try:
            with pytest.raises(Unavailable, match="does not answer"):
                catalogue.ready()
            with pytest.raises(Unavailable, match="does not answer"):
                catalogue.add_user(a_user(2))
        finally:
            server.start()
        assert catalogue.user(1) == a_user(1)
        assert catalogue.user(2) is None

    def test_a_server_that_was_restarted_while_nobody_asked(self, catalogue: Catalogue, server: PostgresServer) -> None:
        catalogue.add_user(a_user(1))
        server.stop()
        server.start()
        assert catalogue.user(1) == a_user(1)  # the connection that the server closed is not used again

    def test_a_server_that_hangs(
        self, empty: PostgresServer, catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """It accepts, and answers nothing: neither who is connected nor who connects waits for ever."""
        catalogue.add_user(a_user(1))
        monkeypatch.setattr(postgresql, "SILENCE_S", 0.2)
        impatient = open_postgresql(empty.url)
        assert impatient.user(1) == a_user(1)
        with empty.hanging():
            with pytest.raises(Unavailable, match=r"no answer for 0\.2 s"):
                impatient.add_user(a_user(2))
            with pytest.raises(Unavailable, match="timeout"):
                impatient.user(1)
        assert impatient.user(1) == a_user(1)
        assert impatient.user(2) is None
        impatient.close()

    def test_provisioning_takes_the_time_it_takes(
        self, empty: PostgresServer, catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        catalogue.close()
        monkeypatch.setattr(postgresql, "SILENCE_S", 0.2)
        patient = PostgresqlDatabase(empty.url)
        with patient.maintain() as do:
            assert do.one("SELECT 1 FROM pg_sleep(0.4)") == (1,)
        with pytest.raises(Unavailable), patient.read() as do:
            do.one("SELECT 1 FROM pg_sleep(0.4)")
        patient.close()

    def test_a_change_that_is_cut_off_leaves_nothing(self, catalogue: Catalogue, server: PostgresServer) -> None:
        catalogue.add_user(a_user(1))
        catalogue.add_photo(a_photo(10, 1))
        with psycopg.connect(server.url) as other:
            other.execute("SELECT 1 FROM fotogal_ntable_images WHERE id = 10 FOR UPDATE")  # the like waits for it
            with ThreadPoolExecutor(1) as pool:
                like = pool.submit(catalogue.react, 10, 1, Reaction.LIKE)
                _terminate_the_waiting(server)
                with pytest.raises(Unavailable):
                    like.result(timeout=30)
        shown = catalogue.shown(10, 1)
        assert shown is not None
        assert (shown.tally.likes, shown.tally.mine) == (0, None)

    def test_a_statement_that_takes_too_long(
        self, empty: PostgresServer, catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        catalogue.add_user(a_user(1))
        monkeypatch.setattr(postgresql, "STATEMENT_TIMEOUT_MS", 50)
        impatient = open_postgresql(empty.url)
        with psycopg.connect(empty.url) as other:
            other.execute("SELECT 1 FROM fotogal_ntable_users FOR UPDATE")
            with pytest.raises(Unavailable, match="statement timeout"):
                impatient.set_password(1, "x")
        impatient.set_password(1, "y")
        impatient.close()

    def test_all_connections_in_use(
        self, empty: PostgresServer, catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        catalogue.add_user(a_user(1))
        monkeypatch.setattr(postgresql, "CONNECTIONS", 1)
        monkeypatch.setattr(postgresql, "PATIENCE_S", 0.05)
        small = open_postgresql(empty.url)
        with psycopg.connect(empty.url) as other:
            other.execute("SELECT 1 FROM fotogal_ntable_users FOR UPDATE")
            writer = threading.Thread(target=small.set_password, args=(1, "x"))
            writer.start()
            _wait_for_a_waiting(empty)
            with pytest.raises(Unavailable, match="in use"):
                small.user(1)
        writer.join()
        assert small.user(1) is not None
        small.close()


def test_two_that_provision_at_once(empty: PostgresServer) -> None:
    catalogues = [open_postgresql(empty.url) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(lambda catalogue: catalogue.provision(), catalogues))
    assert sorted(map(bool, done)) == [False, False, False, True]
    for catalogue in catalogues:
        catalogue.close()


def test_what_is_generated_is_whole(empty: PostgresServer) -> None:
    catalogue = open_postgresql(empty.url)
    catalogue.provision()
    plan = Plan(users=40, photos=80, follows=200, heavy=1, heavy_follows=20)
    catalogue.generate(plan)
    first = generate.user_id(0)
    assert catalogue.counts(first).following == 20
    assert catalogue.counts(first).followers == len(catalogue.followers(first, 100))
    assert len(catalogue.timeline(first, 10)) == 10
    assert catalogue.provision() == []  # the indexes are there again, and so is what rows refer to:
    with psycopg.connect(empty.url) as connection, pytest.raises(psycopg.errors.ForeignKeyViolation):
        connection.execute("INSERT INTO fotogal_ntable_follows VALUES (1, 2, 3)")
    with pytest.raises(NotEmpty):
        catalogue.generate(plan)
    catalogue.close()


def test_a_catalogue_that_is_not_provisioned_is_not_ready(empty: PostgresServer) -> None:
    catalogue = open_postgresql(empty.url)
    with pytest.raises(Unavailable, match="fotogal provision"):
        catalogue.ready()
    catalogue.provision()
    catalogue.ready()
    catalogue.close()


def test_nobody_is_there() -> None:
    catalogue = open_postgresql("postgresql://fotogal:secret@127.0.0.1:1/fotogal")
    with pytest.raises(Unavailable) as error:
        catalogue.ready()
    assert "secret" not in str(error.value)
    catalogue.close()


def _wait_for_a_waiting(server: PostgresServer) -> list[int]:
    """The processes of `fotogal`'s connections that wait for a lock, as soon as there are any."""
    with psycopg.connect(server.url, autocommit=True) as connection:
        while True:
            found = connection.execute(
                "SELECT pid FROM pg_stat_activity WHERE application_name = 'fotogal' AND wait_event_type = 'Lock'"
            ).fetchall()
            if found:
                return [row[0] for row in found]


def _terminate_the_waiting(server: PostgresServer) -> None:
    waiting = _wait_for_a_waiting(server)
    with psycopg.connect(server.url, autocommit=True) as connection:
        for process in waiting:
            connection.execute("SELECT pg_terminate_backend(%s)", [process])

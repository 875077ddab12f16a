"""The entry point of the PostgreSQL base must do what the official image documents."""

import contextlib
import gzip
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping

import pytest
from tests.e2e.bases.box import ADDRESS, Box, first_process, kill, opened
from tests.e2e.bases.conftest import Workshop

pytestmark = pytest.mark.root


@pytest.fixture
def box(workshop: Workshop) -> Iterator[Box]:
    with opened(workshop.store, workshop.image("postgres:17")) as box:
        yield box


class Server:
    """A started server; its output so far, and SQL through the network with a password."""

    def __init__(self, process: subprocess.Popen[bytes], box: Box) -> None:
        self.process = process
        self.box = box
        self.output = ""

    def wait_ready(self, deadline_s: float = 30) -> None:
        assert self.process.stdout is not None
        end = time.monotonic() + deadline_s
        seen = 0
        while time.monotonic() < end:
            line = self.process.stdout.readline().decode()
            assert line, self.output
            self.output += line
            seen += "database system is ready to accept connections" in line
            if seen == (2 if "initdb" in self.output else 1):
                return
        raise AssertionError(self.output)

    def enter(self, *argv: str) -> str:
        """Run a program beside the server, in its namespaces."""
        into = [
            "nsenter",
            "--target",
            str(first_process(self.process)),
            "--net",
            "--pid",
            "chroot",
            self.box.root,
            *argv,
        ]
        done = subprocess.run(into, env=self.box.environment(), capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def sql(self, text: str, *, user: str = "postgres", database: str = "postgres", password: str = "") -> str:
        url = f"postgresql://{user}:{password}@{ADDRESS}/{database}"
        return self.enter("psql", "--no-psqlrc", "-tAc", text, url)

    def stop(self, number: signal.Signals) -> int:
        os.kill(first_process(self.process), number)
        assert self.process.stdout is not None
        self.output += self.process.stdout.read().decode()
        return self.process.wait(20)


@contextlib.contextmanager
def server(box: Box, env: Mapping[str, str], *argv: str, user: str = "") -> Iterator[Server]:
    process = box.start(argv, env=env, user=user)
    running = Server(process, box)
    try:
        running.wait_ready()
        yield running
    finally:
        kill(process)


def test_first_start_makes_user_and_database_and_runs_scripts_in_order(box: Box) -> None:
    folder = "/docker-entrypoint-initdb.d"
    box.write(f"{folder}/1-table.sql", "CREATE TABLE visit (name text); INSERT INTO visit VALUES ('one');")
    box.write(
        f"{folder}/2-more.sh",
        'echo "INSERT INTO visit VALUES (\'$POSTGRES_DB\')" | psql -U "$POSTGRES_USER" -d "$POSTGRES_DB"',
        0o644,
    )
    box.write(
        f"{folder}/3-run.sh",
        "#!/bin/sh\npsql -U $POSTGRES_USER -d $POSTGRES_DB -c \"INSERT INTO visit VALUES ('$(id -un)')\"\n",
        0o755,
    )
    with gzip.open(f"{box.root}{folder}/4-packed.sql.gz", "wt") as stream:
        stream.write("INSERT INTO visit VALUES ('packed');")
    box.write(f"{folder}/5-notes.txt", "not run")
    env = {"POSTGRES_PASSWORD": "s3cret'\"", "POSTGRES_USER": "app", "POSTGRES_DB": "visitors"}
    with server(box, env) as running:
        rows = running.sql(
            "SELECT string_agg(name, ',') FROM visit", user="app", database="visitors", password="s3cret%27%22"
        )
        assert rows == "one,visitors,postgres,packed"
        assert running.enter("stat", "-c", "%U %a", "/var/lib/postgresql/data") == "postgres 700"
        assert running.enter("pg_isready") == "/var/run/postgresql:5432 - accepting connections"
        assert running.sql("SHOW listen_addresses", user="app", database="visitors", password="s3cret%27%22") == "*"
        assert f"ignoring {folder}/5-notes.txt" in running.output
        assert "The data directory is initialised; the server starts now." in running.output
        assert running.stop(signal.SIGINT) == 0
    with server(box, {}) as again:
        assert "nothing to initialise" in again.output
        assert again.stop(signal.SIGINT) == 0


def test_password_is_asked_for_and_wrong_ones_are_refused(box: Box) -> None:
    box.write("/run/secrets/pw", "from-file\n")
    with server(box, {"POSTGRES_PASSWORD_FILE": "/run/secrets/pw"}) as running:
        assert running.sql("SELECT 1", password="from-file") == "1"
        with pytest.raises(AssertionError, match="password authentication failed"):
            # initdb's defaults trust 127.0.0.1; another address is not trusted.
            running.enter("psql", "-tAc", "SELECT 1", f"postgresql://postgres:wrong@{ADDRESS}/postgres")


def test_starts_as_a_plain_user_with_arguments(box: Box) -> None:
    env = {
        "POSTGRES_HOST_AUTH_METHOD": "trust",
        "PGDATA": "/tmp/cluster",
        "POSTGRES_INITDB_ARGS": "--data-checksums --locale='C.UTF-8'",
    }
    with server(box, env, "-c", "max_connections=7", user="12345:12345") as running:
        assert running.sql("SHOW max_connections") == "7"
        assert running.sql("SHOW data_checksums") == "on"
        assert running.enter("stat", "-c", "%u", "/tmp/cluster") == "12345"


def test_failing_script_ends_the_start(box: Box) -> None:
    box.write("/docker-entrypoint-initdb.d/bad.sql", "SELECT nonsense;")
    code, output = box.run(("docker-entrypoint.sh", "postgres"), env={"POSTGRES_PASSWORD": "x"})
    assert code != 0
    assert "nonsense" in output


def test_both_a_variable_and_its_file_are_refused(box: Box) -> None:
    env = {"POSTGRES_PASSWORD": "x", "POSTGRES_PASSWORD_FILE": "/run/secrets/pw"}
    code, output = box.run(("docker-entrypoint.sh", "postgres"), env=env)
    assert code == 1
    assert "both POSTGRES_PASSWORD and POSTGRES_PASSWORD_FILE" in output

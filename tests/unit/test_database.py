import os
import sqlite3
import stat
import threading
from pathlib import Path

import pytest

from cais.database import Database
from cais.errors import NoSpace


def test_the_file_is_its_owners_only(tmp_path: Path) -> None:
    database = Database(str(tmp_path / "cais.db"))
    database.connection().execute("CREATE TABLE t (n)")
    for name in os.listdir(tmp_path):
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600, name
    database.close()


def test_a_thread_that_opens_it_does_not_let_go_of_anothers_lock(tmp_path: Path) -> None:
    """POSIX locks are the process's: closing any descriptor of the file would drop them."""
    database = Database(str(tmp_path / "cais.db"))
    with database.transaction() as writer:
        writer.execute("CREATE TABLE t (n)")

        def open_and_close() -> None:
            database.connection()
            database.close()

        thread = threading.Thread(target=open_and_close)
        thread.start()
        thread.join()
        other = f"import sqlite3; sqlite3.connect({database.path!r}, timeout=0).execute('BEGIN IMMEDIATE')"
        assert os.spawnvp(os.P_WAIT, "python3", ["python3", "-c", f"{other}"]) != 0
    database.close()


def test_a_full_database_is_said_as_no_space_and_can_be_used_afterwards(tmp_path: Path) -> None:
    database = Database(str(tmp_path / "cais.db"))
    connection = database.connection()
    connection.execute("CREATE TABLE t (n)")
    connection.execute("PRAGMA max_page_count = 4")
    with pytest.raises(NoSpace), database.transaction() as writer:
        writer.execute("INSERT INTO t VALUES (zeroblob(100000))")
    with database.transaction() as writer:
        writer.execute("INSERT INTO t VALUES (1)")
    assert isinstance(connection, sqlite3.Connection)
    assert connection.execute("SELECT n FROM t").fetchall() == [(1,)]
    database.close()

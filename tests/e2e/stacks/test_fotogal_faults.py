"""`stacks/fotogal` with stores that hang, and what an upload leaves that is killed between its objects and its row."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPException
from pathlib import Path

import pytest

from tests.e2e.harness import http, until
from tests.e2e.stacks.gallery import Member, picture
from tests.e2e.stacks.life import frozen
from tests.e2e.stacks.stack import Stack

pytestmark = pytest.mark.root

# Who waits longer than this for an answer is not answered: each request of these tests gives up then.
LIMIT_S = 30
TWO_HOURS_S = 7200


@pytest.fixture
def site(fotogal: Stack) -> Iterator[str]:
    yield f"http://127.0.0.1:{fotogal.cais.env['FOTOGAL_PORT']}"
    # Who hung is well again when the next check has seen it.
    until(lambda: {one["Health"] for one in fotogal.services().values()} == {"healthy"}, timeout_s=60)


@pytest.fixture
def ana(site: str) -> Member:
    return Member.register(site)


def test_a_database_that_hangs_is_met_like_one_that_is_down(fotogal: Stack, site: str, ana: Member) -> None:
    image = ana.publish()
    app = f"http://{fotogal.address('app')}:5000"
    before = fotogal.cais.container("app")["Pid"]
    with frozen(fotogal.cais, "db"):
        page = http(f"{site}/", headers=ana.headers, timeout_s=LIMIT_S)
        assert (page.status, page.headers["Retry-After"]) == (503, "5")
        assert "Voltamos já" in page.body.decode()
        answer = ana.call("GET", "/api/timeline")
        assert (answer.status, list(answer.json)) == (503, ["error"])
        assert ana.upload(picture()).status == 503
        assert http(f"{app}/health/live", timeout_s=LIMIT_S).status == 200
        ready = http(f"{app}/health/ready", timeout_s=LIMIT_S)
        assert (ready.status, ready.json["catalogue"], ready.json["objects"]) == (503, "unavailable", "ok")
    until(lambda: ana.call("GET", "/api/timeline").status == 200)
    assert ana.timeline() == [image["id"]]
    assert fotogal.cais.container("app")["Pid"] == before  # nobody had to start it anew


def test_an_object_store_that_hangs_is_met_like_one_that_is_down(fotogal: Stack, site: str, ana: Member) -> None:
    image = ana.publish()
    assert ana.call("GET", image["sizes"][-1]["url"]).status == 200
    app = f"http://{fotogal.address('app')}:5000"
    with frozen(fotogal.cais, "objects"):
        refused = ana.upload(picture())
        assert (refused.status, list(refused.json)) == (503, ["error"])
        assert ana.timeline() == [image["id"]]
        assert http(f"{site}/", headers=ana.headers, timeout_s=LIMIT_S).status == 200
        assert ana.call("GET", image["sizes"][-1]["url"]).status == 200  # nginx has it
        missing = ana.call("GET", image["sizes"][0]["url"])  # nginx has it not
        assert (missing.status, missing.headers["Retry-After"]) == (502, "5")
        assert http(f"{app}/health/live", timeout_s=LIMIT_S).status == 200
        ready = http(f"{app}/health/ready", timeout_s=LIMIT_S)
        assert (ready.status, ready.json["catalogue"], ready.json["objects"]) == (503, "ok", "unavailable")
    until(lambda: ana.upload(picture()).status == 201)
    assert len(ana.timeline()) == 2
    assert {ana.call("GET", size["url"]).status for size in image["sizes"]} == {200}


LIST = """
import os
from fotogal import settings, stores
print(*(found.key for found in stores.open_objects(settings.from_environment(os.environ)).listing()), sep="\\n")
"""


def stored(stack: Stack) -> set[str]:
    """The keys of all objects, as the application sees them."""
    return set(stack.cais.ok("exec", "-T", "app", "python", "-c", LIST).stdout.split())


def sweep(stack: Stack) -> str:
    return stack.cais.ok("exec", "-T", "app", "python", "-m", "fotogal", "sweep").stdout


def statement(stack: Stack, sql: str) -> list[str]:
    return ["exec", "-T", "db", "psql", "-qU", "fotogal", "-c", sql]


@contextmanager
def no_new_rows(stack: Stack) -> Iterator[None]:
    """While it lasts, the table of images can be read; who writes to it waits."""
    locked = stack.cais.start(
        *statement(stack, "BEGIN; LOCK TABLE fotogal_ntable_images IN EXCLUSIVE MODE; SELECT pg_sleep(60)")
    )
    held = "SELECT 1 / count(*) FROM pg_locks WHERE mode = 'ExclusiveLock' AND locktype = 'relation' AND granted"
    try:
        until(lambda: stack.cais.run(*statement(stack, held)).code == 0)
        yield
    finally:
        ended = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep'"
        stack.cais.ok(*statement(stack, ended))
        locked.wait(timeout=30)


def grow_old(stack: Stack, keys: set[str]) -> None:
    """As if they had been written two hours ago: younger ones may belong to an upload that is not over."""
    data = Path(f"/proc/{stack.cais.container('objects')['Pid']}/root/data/fotogal_bucket_images")
    long_ago = time.time() - TWO_HOURS_S
    for key in keys:
        os.utime(data / key, (long_ago, long_ago))


def test_what_a_killed_upload_left_is_swept_and_nothing_else(fotogal: Stack, ana: Member) -> None:
    kept = ana.publish()
    grow_old(fotogal, stored(fotogal))
    sweep(fotogal)  # what the tests before have left, of stores that were killed and that hung
    before = stored(fotogal)
    assert len(before) >= len(kept["sizes"])

    def upload() -> None:
        with suppress(OSError, HTTPException):  # nobody is there to answer
            ana.upload(picture())

    with no_new_rows(fotogal):
        uploading = threading.Thread(target=upload)
        uploading.start()
        until(lambda: len(stored(fotogal)) == len(before) + len(kept["sizes"]))  # all its objects, and no row yet
        os.kill(fotogal.cais.container("app")["Pid"], signal.SIGKILL)
        uploading.join()
    until(lambda: fotogal.cais.container("app")["Health"] == "healthy")
    assert ana.timeline() == [kept["id"]]
    left = stored(fotogal) - before
    assert left
    assert " 0 removed" in sweep(fotogal)  # it might still be going on
    grow_old(fotogal, left)
    assert f" {len(left)} removed" in sweep(fotogal)
    assert stored(fotogal) == before
    assert " 0 removed" in sweep(fotogal)

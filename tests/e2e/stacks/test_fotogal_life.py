"""`stacks/fotogal` as a thing to operate: stopping, dying, coming back, keeping data, several containers of the application."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pytest

from tests.e2e.harness import Answer, answers, http, until
from tests.e2e.stacks.gallery import Member, form, picture
from tests.e2e.stacks.life import STOP_S, kill_and_wait, quickest
from tests.e2e.stacks.stack import Stack, Stopping, in_development

pytestmark = pytest.mark.root

SERVICES = ("proxy", "app", "db", "objects")


@pytest.fixture
def site(fotogal: Stack) -> Iterator[str]:
    """The address of FotoGal; all four services are up again after the test."""
    yield f"http://127.0.0.1:{fotogal.cais.env['FOTOGAL_PORT']}"
    fotogal.ensure_up()


@pytest.fixture
def ana(site: str) -> Member:
    return Member.register(site)


def all_sizes(member: Member, image: dict[str, Any]) -> list[int]:
    """The statuses of a photo's sizes."""
    return [member.call("GET", size["url"]).status for size in image["sizes"]]


def published(member: Member) -> list[dict[str, Any]]:
    """All photos of the member, page by page."""
    found: list[dict[str, Any]] = []
    after = ""
    while True:
        page = member.ok("GET", f"/api/my/images?limit=50{after}")
        found += page["images"]
        if page["after"] is None:
            return found
        after = f"&after={page['after']}"


class SlowUpload:
    """An upload in flight: half of it is sent; `finish` sends the rest and reads the answer."""

    def __init__(self, host: str, port: int, member: Member) -> None:
        self._body, kind = form(picture())
        self._half = len(self._body) // 2
        self._connection = HTTPConnection(host, port, timeout=30)
        self._connection.putrequest("POST", "/api/image/upload")
        for name, value in {**member.headers, "Content-Type": kind, "Content-Length": str(len(self._body))}.items():
            self._connection.putheader(name, value)
        self._connection.endheaders(self._body[: self._half])

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()

    def finish(self) -> Answer:
        """Send what is missing; the answer."""
        self._connection.send(self._body[self._half :])
        with self._connection.getresponse() as answer:
            return Answer(answer.status, answer.read(), dict(answer.headers))


def test_an_upload_in_flight_is_finished_before_the_application_stops(fotogal: Stack, ana: Member) -> None:
    """However long it takes: nothing is stopped before the time that Compose gives is over."""
    with SlowUpload(fotogal.address("app"), 5000, ana) as upload:
        time.sleep(0.3)  # the server has read the first half
        stopping = Stopping(fotogal, "app")
        time.sleep(STOP_S)
        assert not stopping.is_over()
        answer = upload.finish()
    assert answer.status == 201, answer.body
    stopping.seconds()
    assert fotogal.cais.container("app")["ExitCode"] == 0
    fotogal.ensure_up()
    assert ana.timeline() == [answer.json["id"]]


def test_an_upload_in_flight_is_finished_before_nginx_stops(fotogal: Stack, site: str, ana: Member) -> None:
    with SlowUpload("127.0.0.1", int(fotogal.cais.env["FOTOGAL_PORT"]), ana) as upload:
        time.sleep(0.3)
        stopping = Stopping(fotogal, "proxy")
        time.sleep(0.3)
        assert not stopping.is_over()
        answer = upload.finish()
    assert answer.status == 201, answer.body
    stopping.seconds()
    assert fotogal.cais.container("proxy")["ExitCode"] == 0


@pytest.mark.parametrize("service", SERVICES)
def test_each_service_stops_in_order_and_soon(fotogal: Stack, ana: Member, service: str) -> None:
    ana.publish()
    assert quickest(lambda: Stopping(fotogal, service).seconds(), fotogal) < STOP_S
    assert fotogal.cais.container(service)["ExitCode"] == 0


@pytest.mark.parametrize("service", SERVICES)
def test_a_killed_service_is_back_and_serving(fotogal: Stack, site: str, ana: Member, service: str) -> None:
    before = ana.publish()

    def is_serving() -> bool:
        answer = answers(f"{site}/entrar")
        return answer is not None and answer.status == 200 and ana.call("GET", "/api/timeline").status == 200

    kill_and_wait(fotogal, service, is_serving)
    until(lambda: ana.upload(picture()).status == 201)
    assert before in (images := published(ana))
    assert {status for image in images for status in all_sizes(ana, image)} == {200}


class Uploader(threading.Thread):
    """Publishes one photo after the other until told to stop; knows what it was promised."""

    def __init__(self, site: str) -> None:
        super().__init__()
        self.member = Member.register(site)
        self.promised: set[str] = set()
        self.refused = 0
        self.is_over = threading.Event()

    def run(self) -> None:
        while not self.is_over.is_set():
            try:
                answer = self.member.upload(picture(400, 300))
            except (OSError, HTTPException):  # nobody answered, or not to the end
                self.refused += 1
                continue
            if answer.status == 201:
                self.promised.add(answer.json["id"])
            else:
                assert answer.status in {502, 503, 504}, (answer.status, answer.body)
                assert answer.json["error"]
                self.refused += 1
                time.sleep(0.05)


def processes_of(stack: Stack, service: str) -> int:
    return int(stack.cais.container(service)["Pid"])


def test_an_upload_is_whole_or_absent_whatever_is_killed(fotogal: Stack, site: str) -> None:
    """What was promised is there, and what is there has every size."""
    uploaders = [Uploader(site) for _ in range(3)]
    for uploader in uploaders:
        uploader.start()
    for service in ("app", "objects", "db", "app"):
        time.sleep(0.7)
        os.kill(processes_of(fotogal, service), signal.SIGKILL)
        until(lambda: all(c["Health"] == "healthy" for c in fotogal.services().values()), timeout_s=60)
    for uploader in uploaders:
        uploader.is_over.set()
    for uploader in uploaders:
        uploader.join()
    for uploader in uploaders:
        images = published(uploader.member)
        assert uploader.promised <= {image["id"] for image in images}
        assert uploader.promised
        for image in images:
            assert set(all_sizes(uploader.member, image)) == {200}
            assert len(image["sizes"]) == 2
    assert sum(uploader.refused for uploader in uploaders) > 0  # something was in the middle of it


def test_without_the_database_pages_say_so_and_all_is_well_again(fotogal: Stack, site: str, ana: Member) -> None:
    image = ana.publish()
    fotogal.cais.ok("stop", "db")
    page = http(f"{site}/", headers=ana.headers, timeout_s=30)
    assert page.status == 503
    assert "Voltamos já" in page.body.decode()
    assert "Traceback" not in page.body.decode()
    answer = ana.call("GET", "/api/timeline")
    assert (answer.status, list(answer.json)) == (503, ["error"])
    assert ana.call("GET", image["sizes"][0]["url"]).status == 503
    assert ana.upload(picture()).status == 503
    until(lambda: fotogal.cais.container("app")["Health"] == "unhealthy", timeout_s=40)
    before = fotogal.cais.container("app")["Pid"]
    fotogal.cais.ok("start", "db")
    until(lambda: ana.call("GET", "/api/timeline").status == 200)
    assert ana.timeline() == [image["id"]]
    assert fotogal.cais.container("app")["Pid"] == before  # nobody had to start it anew
    until(lambda: fotogal.cais.container("app")["Health"] == "healthy")


def test_without_the_object_store_pages_work_and_uploads_are_refused(fotogal: Stack, site: str, ana: Member) -> None:
    image = ana.publish()
    assert ana.call("GET", image["sizes"][-1]["url"]).status == 200
    fotogal.cais.ok("stop", "objects")
    assert ana.timeline() == [image["id"]]
    assert ana.call("GET", image["sizes"][-1]["url"]).status == 200  # nginx has it
    missing = ana.call("GET", image["sizes"][0]["url"])  # nginx has it not
    assert (missing.status, missing.headers["Retry-After"]) == (502, "5")
    assert "Voltamos já" in missing.body.decode()
    refused = ana.upload(picture())
    assert (refused.status, list(refused.json)) == (503, ["error"])
    assert ana.timeline() == [image["id"]]
    fotogal.cais.ok("start", "objects")
    until(lambda: ana.upload(picture()).status == 201)
    assert len(ana.timeline()) == 2
    assert set(all_sizes(ana, image)) == {200}


def assert_in_order(progress: str) -> None:
    """Each service starts when those it needs are healthy, not before."""
    for first, then in (("db", "app"), ("objects", "app"), ("app", "proxy")):
        assert progress.index(f"{first}-1  Healthy") < progress.index(f"{then}-1  Started"), progress


def test_data_survives_down_and_up(fotogal: Stack, ana: Member) -> None:
    image = ana.publish(caption="fica")
    ana.ok("PUT", "/api/image/like", {"image_id": image["id"]})
    before = ana.call("GET", image["url"]).body
    fotogal.cais.ok("down")
    assert fotogal.services() == {}
    assert_in_order(fotogal.up().stderr)
    kept = ana.ok("GET", f"/api/image/{image['id']}")
    assert (kept["caption"], kept["likes"]) == ("fica", 1)
    assert ana.call("GET", image["url"]).body == before


def served_by(stack: Stack) -> set[str]:
    """The addresses that nginx passed requests to, as its log tells."""
    lines = stack.cais.ok("logs", "--no-log-prefix", "proxy").stdout.splitlines()
    found = (json.loads(line)["upstream"] for line in lines if line.startswith("{"))
    return {upstream.partition(" ")[0] for upstream in found if upstream}


def test_two_containers_of_the_application_start_together_and_share_sessions(fotogal: Stack, site: str) -> None:
    """From nothing: both find no tables and no bucket, and make them once. No request has to go where the last one went."""
    fotogal.cais.ok("down", "-v")
    fotogal.up("--scale", "app=2")
    try:
        containers = [c for c in fotogal.cais.containers() if c["Service"] == "app"]
        assert [(c["Health"], c["RestartCount"]) for c in containers] == [("healthy", 0)] * 2
        member = Member.register(site)
        image = member.publish()
        addresses = {f"{next(iter(c['Addresses'].values()))}:5000" for c in containers}
        until(lambda: member.timeline() == [image["id"]] and served_by(fotogal) >= addresses)
        os.kill(containers[0]["Pid"], signal.SIGKILL)
        for _ in range(30):  # the other one does all the work; nobody notices
            assert member.call("GET", "/api/timeline").status == 200
    finally:
        fotogal.up("--scale", "app=1")


@pytest.fixture
def developed(cais_root: Path, tmp_path: Path) -> Iterator[Stack]:
    with in_development("fotogal", "FOTOGAL_PORT", cais_root, tmp_path) as stack:
        yield stack


def test_an_edit_on_the_host_is_served_without_rebuild_or_restart(developed: Stack) -> None:
    code = developed.folder / "app/fotogal/web/errors.py"
    url = f"http://127.0.0.1:{developed.cais.env['FOTOGAL_PORT']}"

    def text(path: str) -> str:
        answer = answers(url + path)
        return answer.body.decode() if answer is not None else ""

    assert "Esta página não existe" in text("/nada")
    before = developed.cais.container("app")
    code.write_text(code.read_text().replace("Esta página não existe", "Não há página aqui"))
    until(lambda: "Não há página aqui" in text("/nada"))
    style = developed.folder / "app/fotogal/web/static/style.css"
    style.write_text(style.read_text() + "\n/* mudou */\n")
    assert "mudou" in text("/static/style.css")
    after = developed.cais.container("app")
    assert (after["ID"], after["Pid"], after["RestartCount"]) == (before["ID"], before["Pid"], 0)
    assert Member.register(url).publish()["sizes"]
    assert quickest(lambda: developed.cais.ok("stop", "app").seconds, developed) < STOP_S

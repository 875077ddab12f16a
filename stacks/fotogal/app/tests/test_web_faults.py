"""Stores that are down: readable pages, the right status, and recovery without a restart. The log of it all."""

from __future__ import annotations

import logging

import pytest

from fakes import Switch, failing_catalogue, failing_objects
from world import PASSWORD, World, a_png


@pytest.fixture
def catalogue_switch(world: World) -> Switch:
    switch = Switch()
    world.catalogue = failing_catalogue(world.catalogue, switch)
    return switch


@pytest.fixture
def objects_switch(world: World) -> Switch:
    switch = Switch()
    world.objects = failing_objects(world.objects, switch)
    return switch


class TestCatalogueDown:
    @pytest.mark.parametrize("path", ["/", "/@paula", "/perfil", "/publicar", "/entrar", "/buscar?q=a"])
    def test_pages_say_so_and_come_back(self, world: World, catalogue_switch: Switch, path: str) -> None:
        browser = world.visit("selma")
        before = browser.get(path).status_code
        catalogue_switch.is_down = True
        answer = browser.get(path)
        assert answer.status_code == 503
        assert answer.headers["Retry-After"]
        assert "Voltamos já" in answer.text
        assert "the test says so" not in answer.text
        catalogue_switch.is_down = False
        assert browser.get(path).status_code == before

    def test_the_api_says_so(self, world: World, catalogue_switch: Switch) -> None:
        browser = world.visit("selma")
        catalogue_switch.is_down = True
        answer = browser.get("/api/timeline")
        assert (answer.status_code, set(answer.json)) == (503, {"error"})

    def test_guests_still_see_the_way_in(self, world: World, catalogue_switch: Switch) -> None:
        catalogue_switch.is_down = True
        browser = world.visit()
        assert browser.get("/").status_code == 200
        assert browser.get("/cadastro").status_code == 200
        assert browser.post("/entrar", {"name": "paula", "password": PASSWORD}).status_code == 503

    def test_alive_but_not_ready(self, world: World, catalogue_switch: Switch) -> None:
        browser = world.visit()
        assert browser.get("/health/ready").status_code == 200
        catalogue_switch.is_down = True
        assert browser.get("/health/live").status_code == 200
        answer = browser.get("/health/ready")
        assert (answer.status_code, answer.json) == (
            503,
            {"status": "unavailable", "catalogue": "unavailable", "objects": "ok"},
        )
        catalogue_switch.is_down = False
        assert browser.get("/health/ready").status_code == 200


class TestObjectsDown:
    def test_pages_are_shown_without_their_photos(self, world: World, objects_switch: Switch) -> None:
        browser = world.visit("paula")
        address = world.photo("paula").image_url
        objects_switch.is_down = True
        assert browser.get("/").status_code == 200
        assert browser.get(address).status_code == 503
        objects_switch.is_down = False
        assert browser.get(address).status_code == 200

    def test_an_upload_says_so_and_can_be_sent_again(self, world: World, objects_switch: Switch) -> None:
        browser = world.visit("selma")
        identity = str(world.services.gallery.new_upload_id())
        objects_switch.is_down = True
        answer = browser.upload("/publicar", a_png(), upload_id=identity)
        assert answer.status_code == 503
        assert "Nada se perdeu" in answer.text
        assert browser.upload("/api/image/upload", a_png(), upload_id=identity).status_code == 503
        objects_switch.is_down = False
        assert browser.upload("/api/image/upload", a_png(), upload_id=identity).json["id"] == identity
        assert len(browser.get("/api/my/images").json["images"]) == 1

    def test_not_ready(self, world: World, objects_switch: Switch) -> None:
        objects_switch.is_down = True
        assert world.visit().get("/health/ready").json["objects"] == "unavailable"

    def test_an_object_that_is_gone(self, world: World) -> None:
        photo = world.photo("paula")
        world.objects.delete(photo.image_uri)
        assert world.visit("paula").get(photo.image_url).status_code == 404


class TestLog:
    def lines(self, caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
        return [record for record in caplog.records if record.name == "fotogal.request"]

    def test_a_line_a_request(self, world: World, caplog: pytest.LogCaptureFixture) -> None:
        photo = world.photo("paula")
        browser = world.visit("paula")
        with caplog.at_level("INFO"):
            answer = browser.get(f"/foto/{photo.id}?x=segredo", headers={"X-Request-ID": "abc-123"})
        (line,) = self.lines(caplog)
        assert (line.request_id, line.user_id, line.method, line.status) == (
            "abc-123",
            str(world.user("paula").id),
            "GET",
            200,
        )
        assert line.route == "/foto/<int(max=9223372036854775807):photo_id>"
        assert line.duration_ms > 0
        assert answer.headers["X-Request-ID"] == "abc-123"

    @pytest.mark.parametrize("given", ["", "x" * 65, "a b", "a\tb", "é"])
    def test_an_identity_that_will_not_do_is_replaced(self, world: World, given: str) -> None:
        answer = world.visit().get("/", headers={"X-Request-ID": given.encode().decode("latin-1")})
        assert len(answer.headers["X-Request-ID"]) == 16

    def test_refusals_and_failures_too(
        self, world: World, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(type(world.catalogue), "suggestions", lambda *_: 1 / 0)
        browser = world.visit("paula")
        with caplog.at_level("INFO"):
            browser.get("/nada")
            browser.get("/sugestoes")
        assert [(line.route, line.status, line.levelname) for line in self.lines(caplog)] == [
            (None, 404, "INFO"),
            ("/sugestoes", 500, "ERROR"),
        ]
        (failure,) = [record for record in caplog.records if record.exc_info and record.name == "fotogal.web"]
        assert failure.request_id == self.lines(caplog)[1].request_id

    def test_health_is_quiet_while_all_is_well(self, world: World, caplog: pytest.LogCaptureFixture) -> None:
        with caplog.at_level("INFO"):
            world.visit().get("/health/ready")
            assert not self.lines(caplog)
            (world.folder / "objects").rename(world.folder / "gone")
            world.visit().get("/health/ready")
        (line,) = self.lines(caplog)
        assert line.status == 503

    def test_no_password_and_no_token_is_written(self, world: World, caplog: pytest.LogCaptureFixture) -> None:
        browser = world.visit()
        with caplog.at_level("DEBUG"):
            browser.get("/entrar")
            browser.post("/entrar", {"name": "paula", "password": PASSWORD})
        assert PASSWORD not in caplog.text
        assert browser.client.get_cookie("fotogal-session").value not in caplog.text

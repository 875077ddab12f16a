"""Cookies, headers, forged requests, redirects."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from fotogal import accounts, devices
from fotogal.refusals import BadLogin
from fotogal.settings import BadSetting
from fotogal.web.destination import own_page
from fotogal.web.settings import WebSettings, from_environment
from world import PASSWORD, World, a_png

TEMPLATES = Path(__file__).parents[1] / "fotogal/web/templates"


def log_in(world: World, **options):
    browser = world.visit()
    browser.get("/entrar")
    return browser.post("/entrar", {"name": "paula", "password": PASSWORD}, **options)


class TestCookies:
    def test_the_session(self, world: World) -> None:
        cookie = log_in(world).headers["Set-Cookie"]
        assert cookie.startswith("fotogal-session=")
        for attribute in ("HttpOnly", "SameSite=Lax", "Path=/", f"Max-Age={7 * 24 * 3600}"):
            assert attribute in cookie
        assert "Domain" not in cookie

    def test_a_browser_is_known_to_the_account_until_its_password_changes(self, world: World) -> None:
        answer = log_in(world)
        cookie = next(line for line in answer.headers.getlist("Set-Cookie") if line.startswith("fotogal-device="))
        for attribute in ("HttpOnly", "SameSite=Lax", "Path=/"):
            assert attribute in cookie
        assert devices.is_of(world.user("paula"), re.search(r"=([^;]+)", cookie)[1])
        assert not devices.is_of(world.user("selma"), re.search(r"=([^;]+)", cookie)[1])

    def test_what_others_try_elsewhere_does_not_lock_a_known_browser_out(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(accounts, "ATTEMPTS_AT_ACCOUNT", 3)
        known, form = world.visit(), {"name": "paula", "password": PASSWORD}
        known.get("/entrar")
        known.post("/entrar", form)
        known.client.delete_cookie("fotogal-session")
        for number in range(2):
            with pytest.raises(BadLogin):
                world.services.accounts.log_in("paula", "errada e comprida", f"192.0.2.{number}")
        assert log_in(world).status_code == 429
        known.get("/entrar")
        answer = known.post("/entrar", form)
        assert answer.status_code == 303
        assert "fotogal-device" not in " ".join(answer.headers.getlist("Set-Cookie"))  # it has one

    def test_over_tls_they_are_sent_over_nothing_else(self, world: World) -> None:
        world.settings = WebSettings(cookie_secure=True)
        answer = world.visit().get("/entrar")
        visit = re.search(r"__Host-fotogal-visit=([^;]+)", answer.headers["Set-Cookie"])[1]
        assert "Secure" in answer.headers["Set-Cookie"]
        token = re.search(r'name="csrf_token" value="(\w+)"', answer.text)[1]
        client = world.app.test_client(use_cookies=False)
        form = {"name": "paula", "password": PASSWORD, "csrf_token": token}
        cookie = client.post("/entrar", data=form, headers={"Cookie": f"__Host-fotogal-visit={visit}"}).headers[
            "Set-Cookie"
        ]
        assert cookie.startswith("__Host-fotogal-session=")
        assert "Secure" in cookie

    @pytest.mark.parametrize("cookie", ["", "x", "é", "x" * 5000, "../..", "\x01"])
    def test_what_is_no_session_is_nobody(self, world: World, cookie: str) -> None:
        client = world.app.test_client(use_cookies=False)
        answer = client.get("/api/session", headers={"Cookie": f"fotogal-session={cookie}"})
        assert answer.status_code == 401


class TestForgedRequests:
    def test_a_form_without_its_token(self, world: World) -> None:
        browser = world.visit("paula")
        answer = browser.client.post("/@selma/seguir")
        assert answer.status_code == 403
        assert "Recarregue a página" in answer.text
        assert world.catalogue.counts(world.user("selma").id).followers == 0

    def test_a_token_of_another_session(self, world: World) -> None:
        paula, selma = world.visit("paula"), world.visit("selma")
        answer = paula.client.post("/@rita/seguir", data={"csrf_token": selma.csrf_token})
        assert answer.status_code == 403

    def test_logging_in_needs_a_visit(self, world: World) -> None:
        """Else a foreign page could log a visitor into somebody else's account."""
        answer = world.app.test_client().post("/entrar", data={"name": "paula", "password": PASSWORD})
        assert answer.status_code == 403

    @pytest.mark.parametrize("site", ["cross-site", "same-site"])
    def test_what_the_browser_calls_foreign(self, world: World, site: str) -> None:
        browser = world.visit("paula")
        assert browser.post("/@selma/seguir", headers={"Sec-Fetch-Site": site}).status_code == 403
        assert browser.post("/@selma/seguir", headers={"Sec-Fetch-Site": "same-origin"}).status_code == 303

    def test_the_api_wants_the_header(self, world: World) -> None:
        browser = world.visit("paula")
        answer = browser.client.put("/api/follow", json={"username": "selma"})
        assert (answer.status_code, set(answer.json)) == (403, {"error"})

    def test_the_api_cannot_be_logged_into_by_a_foreign_form(self, world: World) -> None:
        client = world.app.test_client()
        body = '{"name": "paula", "password": "' + PASSWORD + '"}'
        for content_type in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"):
            assert client.post("/api/login", data=body, content_type=content_type).status_code in (403, 415)
        assert client.post("/api/login", data=body, content_type="application/json").status_code == 200

    def test_no_answer_lets_other_origins_in(self, world: World) -> None:
        answer = world.visit("paula").client.options("/api/follow", headers={"Origin": "https://evil.example"})
        assert not [name for name, _ in answer.headers if name.startswith("Access-Control")]


class TestHeaders:
    @pytest.mark.parametrize("path", ["/", "/entrar", "/nada", "/api/nada", "/static/app.js", "/health/live"])
    def test_every_answer_has_them(self, world: World, path: str) -> None:
        headers = world.visit().get(path).headers
        policy = headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "same-origin"

    def test_no_template_needs_what_the_policy_forbids(self) -> None:
        for template in TEMPLATES.glob("*.html"):
            text = template.read_text(encoding="utf-8")
            assert not re.search(r"\sstyle=|<style|\son[a-z]+=|<script(?![^>]*\ssrc=)|javascript:", text), template.name

    def test_pages_are_not_kept(self, world: World) -> None:
        assert world.visit("paula").get("/").headers["Cache-Control"] == "private, no-store"

    def test_photos_are_kept_by_the_visitors_browser_alone(self, world: World) -> None:
        headers = world.visit("paula").get(world.photo("paula").image_url).headers
        assert headers["Cache-Control"].startswith("private,")
        assert headers["Vary"] == "Cookie"

    def test_a_photo_that_is_known_is_not_sent_again_but_asked_for(self, world: World) -> None:
        url = world.photo("priscila").image_url
        fabio = world.visit("fabio")
        tag = fabio.get(url).headers["ETag"]
        assert fabio.get(url, headers={"If-None-Match": tag}).status_code == 304
        assert world.visit("selma").get(url, headers={"If-None-Match": tag}).status_code == 403
        assert world.visit().get(url, headers={"If-None-Match": tag}).status_code == 401

    def test_tls_is_remembered(self, world: World) -> None:
        world.settings = WebSettings(trusted_proxies=1)
        browser = world.visit()
        assert "Strict-Transport-Security" in browser.get("/", headers={"X-Forwarded-Proto": "https"}).headers
        assert "Strict-Transport-Security" not in browser.get("/").headers

    def test_logging_out_empties_the_browsers_cache(self, world: World) -> None:
        assert world.visit("paula").post("/sair").headers["Clear-Site-Data"] == '"cache"'


class TestRedirects:
    @pytest.mark.parametrize(
        "wanted",
        [
            "https://evil.example/", "//evil.example", "///evil.example", "/\\evil.example", "\\\\evil.example", "/%5cevil.example",
            "https:evil.example", "javascript:alert(1)", "/\t/evil.example", "/\n/evil.example", " //evil.example", "/nada", "", None,
            "/api/session", "/health/live", "/static/app.js", "/sair", "//", "/@paula\r\nSet-Cookie: a=b", "entrar", "/imagens/a/b",
        ],
    )  # fmt: skip
    def test_they_lead_to_our_pages_only(self, world: World, wanted: str | None) -> None:
        with world.app.test_request_context():
            assert own_page(wanted) == "/"

    @pytest.mark.parametrize(
        "wanted", ["/perfil", "/@paula", "/buscar?q=ana&x=//evil.example", "/foto/123", "/?after=1-2"]
    )
    def test_and_there_they_do(self, world: World, wanted: str) -> None:
        with world.app.test_request_context():
            assert own_page(wanted) == wanted

    def test_after_logging_in(self, world: World) -> None:
        browser = world.visit()
        page = browser.get("/entrar?next=//evil.example")
        assert (
            browser.post("/entrar", {"name": "paula", "password": PASSWORD, "next": "//evil.example"}).location == "/"
        )
        assert page.status_code == 200


class TestProxies:
    def test_the_visitors_address_is_the_proxys_word_only_if_it_is_trusted(self, world: World) -> None:
        """Attempts are counted by address: one who could choose it would be counted never."""

        def attempts(trusted: int) -> list[int]:
            world.settings = WebSettings(trusted_proxies=trusted)
            world.__dict__.pop("services", None)
            client = world.app.test_client()
            body = {"name": f"conta_{trusted}", "password": "errada e comprida"}
            return [
                client.post("/api/login", json=body, headers={"X-Forwarded-For": f"192.0.2.{number}"}).status_code
                for number in range(11)
            ]

        assert attempts(0)[-1] == 429
        assert attempts(1)[-1] == 401


class TestWhatIsShown:
    @pytest.mark.parametrize(
        "text", ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "{{ 7*7 }}", "' OR 1=1 --"]
    )
    def test_what_people_write_is_text(self, world: World, text: str) -> None:
        browser = world.visit("paula")
        browser.post("/perfil", {"full_name": f"Paula {text}", "biography": text, "gender": "", "site": ""})
        assert browser.upload("/publicar", a_png(), caption=text).status_code == 303
        for path in ("/", "/@paula", "/perfil", f"/buscar?q={text}"):
            page = browser.get(path).text
            assert "<script>alert" not in page
            assert "<img src=x" not in page
            assert "49" not in re.sub(r"\d{3,}|[0-9a-f]{16,}", "", page)

    def test_email_and_gender_are_shown_to_nobody_else(self, world: World) -> None:
        world.visit("paula").post(
            "/perfil", {"full_name": "Paula de Sousa", "gender": "Segredo", "biography": "", "site": ""}
        )
        selma = world.visit("selma")
        for path in ("/@paula", "/api/users/paula", "/api/users/paula/images", "/api/search?q=paula"):
            text = selma.get(path).text
            assert "paula@exemplo.com.br" not in text
            assert "Segredo" not in text
            assert "argon2" not in text


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, WebSettings()),
        ({"FOTOGAL_COOKIE_SECURE": "yes", "FOTOGAL_TRUSTED_PROXIES": "2"}, WebSettings(cookie_secure=True, trusted_proxies=2)),
        ({"FOTOGAL_COOKIE_SECURE": "", "FOTOGAL_TRUSTED_PROXIES": " "}, WebSettings()),
        ({"FOTOGAL_COOKIE_SECURE": "true"}, None),
        ({"FOTOGAL_TRUSTED_PROXIES": "many"}, None),
        ({"FOTOGAL_TRUSTED_PROXIES": "-1"}, None),
    ],
)  # fmt: skip
def test_settings(environment: dict[str, str], expected: WebSettings | None) -> None:
    if expected is None:
        with pytest.raises(BadSetting, match="|".join(environment)):
            from_environment(environment)
    else:
        assert from_environment(environment) == expected

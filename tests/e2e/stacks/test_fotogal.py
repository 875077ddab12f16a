"""`stacks/fotogal` from outside: what a person does, in a browser; what a program gets, through nginx."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.e2e.browser import Browser
from tests.e2e.harness import Answer, http, until
from tests.e2e.stacks.gallery import JSON, PASSWORD, Member, form, picture
from tests.e2e.stacks.stack import Stack

pytestmark = [pytest.mark.root, pytest.mark.browser]

MEBIBYTE = 1 << 20


@pytest.fixture
def site(fotogal: Stack) -> str:
    return f"http://127.0.0.1:{fotogal.cais.env['FOTOGAL_PORT']}"


class Person(NamedTuple):
    """Who walks through the pages: a browser, and where its pictures are kept."""

    browser: Browser
    site: str
    artefacts: Path

    def goes_to(self, path: str) -> None:
        self.browser.open(self.site + path)

    def is_at(self, path: str) -> None:
        until(lambda: self.browser.url().removeprefix(self.site).startswith(path))

    def sees(self, *words: str) -> None:
        until(lambda: all(word in self.text() for word in words))

    def sees_not(self, word: str) -> None:
        until(lambda: word not in self.text())

    def sees_every_picture(self) -> None:
        """Each that is in sight has come, and is one: a broken one has no width."""
        until(lambda: set(self.browser.script(PICTURES)) == {True})

    def text(self) -> str:
        return self.browser.texts("body")[0]

    def progress(self) -> int:
        """How much of the photo is sent, in percent, as the page says."""
        found = self.browser.texts("[data-progress] output")
        return int(found[0].removesuffix("%") or 0) if found else 0

    def keeps(self, name: str) -> None:
        self.browser.screenshot(self.artefacts / f"{name}.png")

    def submits(self, form: str, **fields: str) -> None:
        for name, value in fields.items():
            self.browser.fill(f"{form} [name={name}]", value)
        self.browser.click(f"{form} button.primary")


PICTURES = """
return Array.from(document.querySelectorAll("main img"))
  .filter((one) => { const box = one.getBoundingClientRect(); return box.width && box.bottom > 0 && box.top < innerHeight; })
  .map((one) => one.complete && one.naturalWidth > 0)
"""


@pytest.fixture
def person(browser: Browser, site: str, artefacts: Path) -> Iterator[Person]:
    yield Person(browser, site, artefacts)
    browser.slow_down(0)
    browser.forget()


def test_the_whole_story(person: Person, tmp_path: Path) -> None:
    studio = Member.register(person.site, is_professional_account=True, full_name="Estúdio Aurora Fotografia")
    for number in range(14):  # more than one page of the timeline
        last = studio.publish(picture(900, 600), caption=f"Aurora {number}")
    caio = Member.register(person.site, full_name="Caio da Silva Prado")
    caio.ok("PUT", "/api/profile", {"is_private": True})
    caio.publish(caption="Só para quem me segue")
    name = f"ana_{secrets.token_hex(4)}"

    registers(person, name)
    follows_a_suggestion(person, studio)
    looks_at_the_timeline(person)
    likes_and_dislikes(person, studio, last["id"])
    asks_a_private_account(person, caio, name)
    photo = uploads(person, tmp_path)
    deletes(person, photo)
    edits_the_profile(person, tmp_path)
    changes_the_password_and_leaves(person, name)


def registers(person: Person, name: str) -> None:
    person.goes_to("/")
    person.sees("Entrar", "Cadastre-se")
    person.keeps("01-bem-vindo")
    person.goes_to("/cadastro")
    person.submits("form.stack", email="não é", full_name="Ana", username="a", password="curta")
    assert person.browser.url().endswith("/cadastro")  # the browser itself says what is missing
    person.submits(
        "form.stack", email=f"{name}@example.org", full_name="Ana Maria de Sousa", username=name, password=PASSWORD
    )
    person.is_at("/sugestoes")


def follows_a_suggestion(person: Person, studio: Member) -> None:
    button = f'form[data-follow="{studio.username}"] button'
    person.sees("Quem seguir", "Estúdio Aurora Fotografia")
    person.browser.click(button)
    until(lambda: person.browser.text(button).startswith("Deixar de seguir"))
    person.keeps("02-sugestoes")


def looks_at_the_timeline(person: Person) -> None:
    person.goes_to("/")
    person.sees("Aurora 13")
    person.sees_every_picture()
    person.keeps("03-inicio")
    # It goes on by itself where the first page ends.
    person.browser.script("scrollTo(0, document.body.scrollHeight)")
    until(lambda: any(caption.endswith("Aurora 0") for caption in person.browser.texts("#items .caption")))


def likes_and_dislikes(person: Person, studio: Member, photo: str) -> None:
    def counts() -> tuple[int, int]:
        image = studio.ok("GET", f"/api/image/{photo}")
        return image["likes"], image["dislikes"]

    like, dislike = (f'#foto-{photo} button[data-reaction="{kind}"]' for kind in ("like", "dislike"))
    person.goes_to("/")
    for button, expected in ((like, (1, 0)), (dislike, (0, 1)), (dislike, (0, 0)), (like, (1, 0))):
        person.browser.click(button)
        until(partial(lambda wanted: counts() == wanted, expected))
    until(lambda: person.browser.text(f"{like} [data-count]") == "1")
    person.keeps("04-curtida")


def asks_a_private_account(person: Person, caio: Member, name: str) -> None:
    person.goes_to(f"/@{caio.username}")
    person.sees("Esta conta é privada")
    person.sees_not("Só para quem me segue")
    person.keeps("05-conta-privada")
    person.browser.click("form.follow button")
    person.sees("Seu pedido foi enviado")
    person.goes_to("/pedidos?lista=enviados")
    person.sees(caio.username)
    person.keeps("06-pedido-enviado")
    asked = caio.ok("GET", "/api/requests/received")["users"]
    assert [user["username"] for user in asked] == [name]
    caio.ok("PUT", "/api/requests/accept", {"username": name})
    person.goes_to(f"/@{caio.username}")
    until(lambda: len(person.browser.texts("#items li")) == 1)
    person.sees_every_picture()
    person.keeps("07-pedido-aceito")


def uploads(person: Person, tmp_path: Path) -> str:
    (tmp_path / "foto.png").write_bytes(picture(1100, 900, noisy=True))
    person.goes_to("/publicar")
    person.browser.attach("#image", tmp_path / "foto.png")
    person.browser.fill("#caption", "Minha primeira foto")
    until(lambda: person.browser.is_shown("[data-preview]"))
    person.keeps("08-publicar")
    person.browser.slow_down(2 * MEBIBYTE)
    person.browser.click("form[data-upload] button.primary")
    until(lambda: 0 < person.progress() < 100)
    person.keeps("09-enviando")
    person.is_at("/foto/")
    person.browser.slow_down(0)
    person.sees("Foto publicada.", "Minha primeira foto")
    person.sees_every_picture()
    person.keeps("10-publicada")
    return person.browser.url().rpartition("/foto/")[2].partition("?")[0]


def deletes(person: Person, photo: str) -> None:
    person.goes_to("/")
    person.sees("Minha primeira foto")
    person.goes_to(f"/foto/{photo}")
    person.browser.click("details.delete summary")
    person.browser.click("details.delete button.danger")
    person.is_at("/@")
    person.sees("Sua primeira foto espera por você")
    person.keeps("11-excluida")
    person.goes_to(f"/foto/{photo}")
    person.sees("404")


def edits_the_profile(person: Person, tmp_path: Path) -> None:
    (tmp_path / "rosto.png").write_bytes(picture(500, 500))
    person.goes_to("/perfil")
    person.browser.attach("#image", tmp_path / "rosto.png")
    person.browser.click(".face-form button")
    until(lambda: person.browser.texts("p.notice") != [] and person.browser.url().endswith("foto-do-perfil"))
    person.sees_every_picture()
    about = 'form[action="/perfil"]'
    person.submits(
        about, full_name="Ana Maria de Sousa Lima", site="https://example.org/ana", biography="Fotografo o que vejo."
    )
    until(lambda: person.browser.url().endswith("feito=perfil"))
    person.keeps("12-perfil-editado")
    person.browser.click("header.side nav li:last-child a")
    person.sees("Ana Maria de Sousa Lima", "Fotografo o que vejo.", "example.org/ana")
    person.keeps("13-perfil")


def changes_the_password_and_leaves(person: Person, name: str) -> None:
    other = Member.log_in(person.site, name)
    new = "outra frase bem longa"
    person.goes_to("/perfil")
    form = 'form[action="/perfil/senha"]'
    person.submits(form, current_password="errada demais", new_password=new)
    person.sees("Esta não é a sua senha atual.")
    person.submits(form, current_password=PASSWORD, new_password=new)
    until(lambda: person.browser.url().endswith("feito=senha"))
    assert other.call("GET", "/api/timeline").status == 401  # every other session has ended
    person.browser.click("header.side form.leave button")
    person.is_at("/entrar")
    person.keeps("14-saiu")
    person.goes_to("/perfil")
    person.is_at("/entrar")
    person.submits("form.stack", name=name, password=PASSWORD)
    person.sees("não conferem")
    person.submits("form.stack", name=name, password=new)
    person.is_at("/perfil")


def test_no_photo_is_served_to_who_is_not_logged_in_or_not_a_follower(site: str) -> None:
    owner, stranger = Member.register(site), Member.register(site)
    owner.ok("PUT", "/api/profile", {"is_private": True})
    image = owner.publish()
    for size in image["sizes"]:
        assert owner.call("GET", size["url"]).status == 200  # from now on nginx has it
        assert http(site + size["url"]).status == 401
        assert stranger.call("GET", size["url"]).status in {403, 404}
    stranger.ok("PUT", "/api/follow", {"username": owner.username})
    assert stranger.call("GET", image["url"]).status in {403, 404}
    owner.ok("PUT", "/api/requests/accept", {"username": stranger.username})
    assert stranger.call("GET", image["url"]).status == 200
    owner.ok("DELETE", f"/api/image/{image['id']}")
    assert owner.call("GET", image["url"]).status == 404
    published = owner.publish()
    owner.ok("POST", "/api/logout")
    assert owner.call("GET", published["url"]).status == 401


def test_a_signed_address_is_for_one_session_and_ends_with_it(fotogal: Stack, site: str) -> None:
    """What a page shows its reader, nginx serves from its cache; nobody else gets anything of it, and no other address."""
    owner, stranger = Member.register(site), Member.register(site)
    owner.ok("PUT", "/api/profile", {"is_private": True})
    owner.publish()
    page = owner.call("GET", "/").body.decode()
    address = re.findall(r'src="(/imagens/[^"]+)"', page)[0].replace("&amp;", "&")
    path, _, query = address.partition("?")
    assert owner.call("GET", address).status == 200
    served = owner.call("GET", address)
    assert (served.status, served.headers["Cache-Control"]) == (200, "private, max-age=86400, immutable")
    assert served.headers["Vary"] == "Cookie"
    lines = fotogal.cais.ok("logs", "--no-log-prefix", "proxy").stdout.splitlines()
    (line,) = (json.loads(line) for line in lines if served.headers["X-Request-ID"] in line)
    assert (line["path"], line["cache"]) == (path, "HIT")
    assert "5000" not in line["upstream"]  # nobody was asked
    assert http(site + address).status == 401
    assert stranger.call("GET", address).status == 403
    other = owner.publish()["url"]
    assert stranger.call("GET", f"{other}?{query}").status == 403
    assert stranger.call("GET", f"{path}?{query[:-1]}").status == 403
    owner.ok("POST", "/api/logout")
    until(lambda: owner.call("GET", address).status == 401)  # that a session is alive is known for a second


POINTED = """
import os
from fotogal import settings, stores
print(stores.open_objects(settings.from_environment(os.environ)).redirect("{key}"))
"""


def test_what_is_inside_is_not_reached_from_outside(fotogal: Stack, site: str) -> None:
    """Not even with what the application says to nginx (X-Accel-Redirect), by whom the photo is."""
    ana = Member.register(site)
    key = ana.publish()["url"].removeprefix("/imagens/")
    pointed = fotogal.cais.ok("exec", "-T", "app", "python", "-c", POINTED.format(key=key)).stdout.strip()
    assert pointed.startswith("/_s3/http/objects:7070/")
    for path in (pointed, f"/_objects/{key}", "/_alive", "/health/ready"):
        assert http(site + path).status == 404
        assert ana.call("GET", path).status == 404


def assert_error(answer: Answer, status: int) -> None:
    """The status, and a body of {"error": text} that shows nothing of the inside."""
    assert answer.status == status, answer.body
    assert answer.json["error"]
    assert set(answer.json) <= {"error", "fields"}
    assert "Traceback" not in answer.body.decode()


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("PUT", "/api/follow", b'{"username": ', 400),
        ("GET", "/api/timeline?after=x", None, 400),
        ("GET", "/api/timeline?limit=0", None, 400),
        ("GET", "/api/nothing", None, 404),
        ("GET", "/api/image/1", None, 404),
        ("PUT", "/api/image/like", b'{"image_id": "1"}', 404),
        ("PATCH", "/api/timeline", b"{}", 405),
        ("TRACE", "/api/timeline", None, 405),
        ("GET", "/api/timeline?after=" + "9" * 9000, None, 414),
        ("PUT", "/api/image/like", b'{"image_id": true}', 422),
        ("PUT", "/api/profile", b'{"full_name": "curto"}', 422),
    ],
)
def test_every_error_is_json_with_its_status(
    site: str, method: str, path: str, body: bytes | None, status: int
) -> None:
    member = Member.register(site)
    kind = {"Content-Type": JSON} if body else {}
    assert_error(http(site + path, method=method, data=body, headers={**member.headers, **kind}), status)


def test_errors_of_accounts_and_uploads(site: str) -> None:
    member = Member.register(site)
    assert_error(http(f"{site}/api/timeline"), 401)
    assert_error(
        http(
            f"{site}/api/image/like", method="PUT", data=b"{}", headers={"Cookie": member.cookie, "Content-Type": JSON}
        ),
        403,
    )
    again = {
        "email": "x@example.org",
        "full_name": "Pessoa de nome longo",
        "username": member.username,
        "password": PASSWORD,
    }
    assert_error(
        http(f"{site}/api/register", method="POST", data=json.dumps(again).encode(), headers={"Content-Type": JSON}),
        409,
    )
    text = {**member.headers, "Content-Type": "text/plain"}
    assert_error(http(f"{site}/api/follow", method="PUT", data=b"username=x", headers=text), 415)
    assert_error(member.upload(b"GIF, or so it says"), 415)
    assert_error(member.upload(picture()[:-200]), 422)
    # The application knows the limit to the byte; what is far above it nginx does not even let in.
    assert_error(member.upload(picture() + b"\0" * (16 * MEBIBYTE)), 413)
    assert_error(member.upload(picture() + b"\0" * (17 * MEBIBYTE)), 413)
    body, kind = form(b"\0" * (17 * MEBIBYTE))
    page = http(f"{site}/publicar", method="POST", data=body, headers={**member.headers, "Content-Type": kind})
    assert (page.status, "Grande demais" in page.body.decode()) == (413, True)
    assert member.timeline() == []


def test_one_request_is_found_in_both_logs_by_its_identity(fotogal: Stack, site: str) -> None:
    member = Member.register(site)
    identity = member.call("GET", "/api/timeline").headers["X-Request-ID"]
    for service in ("proxy", "app"):
        lines = fotogal.cais.ok("logs", "--no-log-prefix", service).stdout.splitlines()
        (line,) = (json.loads(line) for line in lines if line.startswith("{") and identity in line)
        assert line["status"] == 200
    assert member.cookie.partition("=")[2] not in fotogal.cais.ok("logs").stdout

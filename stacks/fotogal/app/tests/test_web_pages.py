"""The pages: what they show, what they say, and that they can be used without scripts, by keyboard and by ear."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from pictures import animation, encoded, halves
from world import CAPTION, PASSWORD, World, a_png

PAGES = ("/", "/publicar", "/pedidos", "/pedidos?lista=enviados", "/sugestoes", "/buscar", "/buscar?q=pri", "/perfil", "/@paula", "/@priscila", "/@paula/seguidores", "/@paula/seguindo")  # fmt: skip
GUEST_PAGES = ("/", "/entrar", "/cadastro")


class Reader(HTMLParser):
    """What a screen reader needs to find: collects ids, labels, fields, images, headings."""

    VOID = frozenset({"meta", "link", "input", "img", "source", "br", "path", "rect", "circle", "use", "option"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.labels: set[str] = set()
        self.fields: list[dict[str, str | None]] = []
        self.images: list[dict[str, str | None]] = []
        self.headings: list[int] = []
        self.references: set[str] = set()
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if found.get("id"):
            self.ids.append(found["id"])
        if tag == "label" and "for" in found:
            self.labels.add(found["for"])
        if tag in ("input", "textarea") and found.get("type") not in ("hidden", "checkbox") and "hidden" not in found:
            self.fields.append(found)
        if tag == "img":
            self.images.append(found)
        if re.fullmatch(r"h[1-6]", tag):
            self.headings.append(int(tag[1]))
        for name in ("aria-describedby", "aria-labelledby", "for"):
            self.references.update((found.get(name) or "").split())
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID:
            assert self.open.pop() == tag, f"</{tag}> closes another element"


def readable(text: str) -> Reader:
    page = Reader(text)
    assert not page.open
    assert len(page.ids) == len(set(page.ids)), "an id twice"
    assert page.references <= set(page.ids), "a label or a description of nothing"
    for field in page.fields:
        assert field.get("id") in page.labels, f"a field without a label: {field}"
    for image in page.images:
        assert "alt" in image
        assert "src" not in image or image["width"].isdigit()
    assert page.headings.count(1) == 1
    assert all(after - before <= 1 for before, after in zip(page.headings, page.headings[1:], strict=False)), (
        "a level of headings left out"
    )
    assert '<html lang="pt-BR">' in text
    assert 'href="#content"' in text
    return page


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("username", ["fabio", "priscila", "selma"])
def test_every_page_can_be_read_by_ear(world: World, username: str, path: str) -> None:
    answer = world.visit(username).get(path)
    if answer.status_code != 403:
        readable(answer.text)


@pytest.mark.parametrize("path", GUEST_PAGES)
def test_every_page_for_guests_can_be_read_by_ear(world: World, path: str) -> None:
    readable(world.visit().get(path).text)


@pytest.mark.parametrize(
    ("path", "status", "title"),
    [
        ("/nada", 404, "Nada por aqui"),
        ("/foto/1", 404, "Nada por aqui"),
        ("/@ninguem", 404, "Nada por aqui"),
        ("/@priscila/seguidores", 403, "Acesso negado"),
        ("/sair", 405, "Isto não se faz aqui"),
        ("/?after=x", 400, "Pedido malformado"),
        ("/foto/99999999999999999999", 404, "Nada por aqui"),
    ],
)
def test_errors_are_pages(world: World, path: str, status: int, title: str) -> None:
    answer = world.visit("selma").get(path)
    assert answer.status_code == status
    readable(answer.text)
    assert title in answer.text
    assert "Sair" in answer.text


class TestForms:
    def test_what_was_typed_stays_but_for_the_password(self, world: World) -> None:
        browser = world.visit()
        browser.get("/cadastro")
        answer = browser.post(
            "/cadastro",
            {
                "email": "ana@exemplo.com.br",
                "full_name": "Ana",
                "username": "ana_maria",
                "password": "segredinho comprido",
            },
        )
        assert answer.status_code == 422
        assert 'value="ana@exemplo.com.br"' in answer.text
        assert "segredinho" not in answer.text
        page = readable(answer.text)
        (wrong,) = [field for field in page.fields if field.get("aria-invalid")]
        assert (wrong["name"], "autofocus" in wrong) == ("full_name", True)
        assert "full_name-error" in wrong["aria-describedby"]

    def test_log_in_refused(self, world: World) -> None:
        browser = world.visit()
        browser.get("/entrar")
        answer = browser.post("/entrar", {"name": "paula", "password": "errada e comprida", "next": "/perfil"})
        assert answer.status_code == 401
        assert "Nome de usuário ou senha não conferem." in answer.text
        assert 'value="/perfil"' in answer.text

    def test_log_in_too_often(self, world: World) -> None:
        browser = world.visit()
        browser.get("/entrar")
        answers = [browser.post("/entrar", {"name": "paula", "password": "errada e comprida"}) for _ in range(11)]
        assert answers[-1].status_code == 429
        assert answers[-1].headers["Retry-After"]
        readable(answers[-1].text)

    def test_an_upload_refused_keeps_the_caption_and_the_identity(self, world: World) -> None:
        browser = world.visit("selma")
        identity = re.search(r'name="upload_id" value="(\d+)"', browser.get("/publicar").text)[1]
        answer = browser.upload("/publicar", b"no image", caption="Praia", upload_id=identity)
        assert answer.status_code == 415
        assert "não é uma foto PNG, JPEG ou GIF" in answer.text
        assert ">Praia</textarea>" in answer.text
        assert f'value="{identity}"' in answer.text
        assert browser.upload("/publicar", a_png(), caption="Praia", upload_id=identity).location.startswith(
            f"/foto/{identity}"
        )

    @pytest.mark.parametrize(
        ("data", "status"), [(b"", 422), (b"\xff\xd8\xff" + bytes(16 * 1024 * 1024), 413), (b"\xff\xd8\xff", 422)]
    )
    def test_profile_photo_refused(self, world: World, data: bytes, status: int) -> None:
        answer = world.visit("selma").upload("/perfil/foto", data)
        assert answer.status_code == status
        readable(answer.text)

    def test_profile_refused(self, world: World) -> None:
        answer = world.visit("selma").post(
            "/perfil", {"full_name": "x", "site": "nada", "biography": "Oi, gente", "gender": ""}
        )
        assert answer.status_code == 422
        assert "Oi, gente" in answer.text
        assert "Use de 10 a 500 caracteres." in answer.text

    def test_password_refused(self, world: World) -> None:
        answer = world.visit("selma").post(
            "/perfil/senha", {"current_password": "errada e comprida", "new_password": "outra senha comprida"}
        )
        assert answer.status_code == 422
        assert "Esta não é a sua senha atual." in answer.text

    @pytest.mark.parametrize("what", ["nada", "<script>", "senha&x="])
    def test_an_address_cannot_put_words_into_our_mouth(self, world: World, what: str) -> None:
        answer = world.visit("selma").get("/perfil", query_string={"feito": what})
        assert 'class="notice"' not in answer.text


class TestProfile:
    def test_edit(self, world: World) -> None:
        browser = world.visit("selma")
        form = {
            "full_name": "Selma Cristina de Sousa",
            "site": "selma.exemplo.com.br",
            "biography": "Uma\nduas",
            "gender": "Feminino",
            "is_private": "on",
        }
        assert browser.post("/perfil", form).location == "/perfil?feito=perfil"
        page = world.visit("paula").get("/@selma").text
        assert "Selma Cristina de Sousa" in page
        assert 'href="https://selma.exemplo.com.br"' in page
        assert "Esta conta é privada" in page

    def test_photo(self, world: World) -> None:
        browser = world.visit("selma")
        assert browser.upload("/perfil/foto", encoded(halves(400, 300), "JPEG")).status_code == 303
        address = re.search(r'class="face large" src="(\S+)"', browser.get("/@selma").text)[1]
        assert browser.get(address).status_code == 200

    def test_password(self, world: World) -> None:
        browser, other = world.visit("selma"), world.visit("selma")
        answer = browser.post("/perfil/senha", {"current_password": PASSWORD, "new_password": "outra senha comprida"})
        assert answer.location == "/perfil?feito=senha"
        assert browser.get("/perfil").status_code == 200
        assert other.get("/perfil").status_code == 303

    def test_becoming_public_takes_who_asked(self, world: World) -> None:
        world.visit("priscila").post(
            "/perfil", {"full_name": "Priscila de Sousa", "site": "", "biography": "", "gender": ""}
        )
        assert CAPTION.format("priscila") in world.visit("rita").get("/").text


class TestPhotos:
    def test_a_reaction_goes_back_to_where_it_was_made(self, world: World) -> None:
        browser, photo = world.visit("fabio"), world.photo("paula")
        path = f"/foto/{photo.id}/reacao"
        assert browser.post(path, {"reaction": "like", "from": "home"}).location == f"/#foto-{photo.id}"
        assert browser.post(path, {"reaction": "like"}).location == f"/foto/{photo.id}"
        assert 'value="none" data-reaction="like" aria-pressed="true"' in browser.get("/").text
        browser.post(path, {"reaction": "none"})
        assert 'value="like" data-reaction="like" aria-pressed="false"' in browser.get(f"/foto/{photo.id}").text
        assert browser.post(path, {"reaction": "love"}).status_code == 400

    def test_only_ones_own_photo_offers_to_be_deleted(self, world: World) -> None:
        photo = world.photo("paula")
        assert "Excluir para sempre" in world.visit("paula").get(f"/foto/{photo.id}").text
        assert "Excluir para sempre" not in world.visit("fabio").get(f"/foto/{photo.id}").text
        assert world.visit("paula").post(f"/foto/{photo.id}/excluir").location == "/@paula?feito=excluida"

    def test_sizes_for_every_screen(self, world: World) -> None:
        browser = world.visit("selma")
        address = browser.upload("/publicar", encoded(halves(2500, 1250), "JPEG")).location
        image = re.search(r"<img[^>]*srcset[^>]*>", browser.get(address).text)[0]
        assert re.findall(r"(\w+)\.jpeg (\d+)w", image) == [
            ("full", "2048"),
            ("large", "1080"),
            ("medium", "640"),
            ("small", "320"),
        ]
        assert 'width="2048" height="1024"' in image

    def test_an_animation_stands_still_for_who_wants_no_motion(self, world: World) -> None:
        browser = world.visit("selma")
        browser.upload("/publicar", animation(3, (1200, 800)), "a.gif")
        home = browser.get("/").text
        assert re.search(r'<source media="\(prefers-reduced-motion: reduce\)" srcset="\S+/large.webp"', home)
        assert re.search(r'<img src="\S+/full.gif"', home)
        assert "full.gif" not in browser.get("/@selma").text

    def test_all_but_the_first_are_loaded_when_they_come_into_sight(self, world: World) -> None:
        page = world.visit("fabio").get("/").text
        photos = re.findall(r'<img src="/imagens/[^>]*sizes|<img src="/imagens/[^>]*width="12"[^>]*>', page)
        assert ["lazy" in photo for photo in photos] == [False, True]


class TestLists:
    def test_the_timeline_goes_on_with_plain_links(self, world: World) -> None:
        browser = world.visit("selma")
        for number in range(27):
            world.services.gallery.publish(world.user("selma"), a_png(), None, f"foto {number:02}")
        seen, path = [], "/"
        while path:
            page = browser.get(path).text
            seen += re.findall(r"foto \d\d</p>", page)
            more = re.search(r'rel="next" href="([^"]+)"', page)
            path = more[1].replace("&amp;", "&") if more else None
        assert seen == [f"foto {number:02}</p>" for number in reversed(range(27))]

    def test_lists_of_people_go_on_too(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("fotogal.web.paging.PEOPLE", 1)
        browser = world.visit("fabio")
        page = browser.get("/@fabio/seguindo").text
        assert "priscila" in page
        more = re.search(r'rel="next" href="([^"]+)"', page)[1].replace("&amp;", "&")
        assert more.startswith("/@fabio/seguindo?after=")
        assert "paula" in browser.get(more).text

    def test_requests_that_were_sent_go_on_in_their_own_list(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("fotogal.web.paging.PEOPLE", 1)
        world.catalogue.edit_profile(
            world.user("selma").id, "Selma de Sousa", is_private=True, user_data=world.user("selma").user_data
        )
        rita = world.visit("rita")
        rita.post("/@selma/seguir")
        more = re.search(r'rel="next" href="([^"]+)"', rita.get("/pedidos?lista=enviados").text)[1]
        assert "lista=enviados" in more

    @pytest.mark.parametrize(
        ("path", "text"),
        [
            ("/", "Sua linha do tempo está vazia"),
            ("/@selma", "Sua primeira foto espera por você"),
            ("/@rita", "Nenhuma foto ainda"),
            ("/pedidos", "Nenhum pedido recebido"),
            ("/pedidos?lista=enviados", "Nenhum pedido enviado"),
            ("/sugestoes", "Nenhuma sugestão por enquanto"),
            ("/buscar", "Quem você procura?"),
            ("/buscar?q=zzz", "Ninguém encontrado"),
            ("/@priscila", "Esta conta é privada"),
            ("/@rita/seguidores", "Ninguém segue esta conta ainda."),
            ("/?after=1-1", "Você viu tudo"),
        ],
    )
    def test_nothing_to_show_is_said(self, world: World, path: str, text: str) -> None:
        assert text in world.visit("selma").get(path).text

    def test_following_from_the_suggestions_stays_there(self, world: World) -> None:
        assert world.visit("selma").post("/@paula/seguir", {"from": "suggestions"}).location == "/sugestoes"
        assert world.visit("selma").post("/@rita/seguir").location == "/@rita"

    def test_who_waits_for_an_answer_is_told_of_on_every_page(self, world: World) -> None:
        priscila = world.visit("priscila")
        assert "há pedidos à espera" in priscila.get("/buscar").text
        priscila.post("/pedidos/rita/recusar")
        assert "há pedidos à espera" not in priscila.get("/buscar").text

    def test_requests_are_answered(self, world: World) -> None:
        priscila = world.visit("priscila")
        assert "rita" in priscila.get("/pedidos").text
        assert priscila.post("/pedidos/rita/aceitar").location == "/pedidos"
        assert CAPTION.format("priscila") in world.visit("rita").get("/").text

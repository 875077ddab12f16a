"""What a person does, page by page, without JavaScript."""

from __future__ import annotations

import re

from world import PASSWORD, World, a_png

NEW = {"email": "ana@exemplo.com.br", "full_name": "Ana Maria de Sousa", "username": "ana_maria", "password": PASSWORD}


def test_register_publish_and_see_it(world: World) -> None:
    browser = world.visit()
    browser.get("/cadastro")
    answer = browser.post("/cadastro", NEW)
    assert (answer.status_code, answer.location) == (303, "/sugestoes")
    browser.token = browser.client.get_cookie("fotogal-session").value
    answer = browser.upload("/publicar", a_png(800, 600), caption="Olá, mundo")
    assert answer.status_code == 303
    page = browser.get(answer.location).text
    assert "Olá, mundo" in page
    assert "Foto publicada." in page
    home = browser.get("/").text
    assert "Olá, mundo" in home
    source = re.search(r'srcset="(\S+) ', home)[1]
    image = browser.get(source)
    assert (image.status_code, image.mimetype) == (200, "image/png")


def test_log_in_and_out(world: World) -> None:
    browser = world.visit()
    assert browser.get("/sugestoes").location == "/entrar?next=/sugestoes"
    browser.get("/entrar")
    answer = browser.post("/entrar", {"name": "PAULA@exemplo.com.br", "password": PASSWORD, "next": "/sugestoes"})
    assert (answer.status_code, answer.location) == (303, "/sugestoes")
    browser.token = browser.client.get_cookie("fotogal-session").value
    assert browser.get("/sugestoes").status_code == 200
    token = browser.token
    assert browser.post("/sair").location == "/entrar?feito=saiu"
    assert browser.client.get_cookie("fotogal-session") is None
    # The token itself is worth nothing any more, wherever it is kept.
    browser.take(token)
    assert browser.get("/sugestoes").status_code == 303

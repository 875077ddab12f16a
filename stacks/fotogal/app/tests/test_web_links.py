from __future__ import annotations

import base64
import hashlib
import re
from urllib.parse import parse_qs, urlsplit

import pytest

from fotogal.sessions import fingerprint
from fotogal.web.settings import WebSettings
from world import World

KEY = "a key that nginx has too"


@pytest.fixture
def signing(world: World) -> World:
    """A FotoGal that signs addresses."""
    world.settings = WebSettings(image_link_key=KEY)
    return world


def addresses(page: str) -> list[str]:
    return [address.replace("&amp;", "&") for address in re.findall(r"/imagens/[^\s\"]+", page)]


def test_without_a_key_addresses_are_plain(world: World) -> None:
    found = addresses(world.visit("fabio").get("/").text)
    assert found
    assert all("?" not in address for address in found)


def test_an_address_is_signed_for_its_session_and_a_time(signing: World) -> None:
    visit = signing.visit("fabio")
    found = addresses(visit.get("/").text)
    assert found
    for address in found:
        parts = urlsplit(address)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        assert set(query) == {"e", "k", "s"}
        now = signing.clock.now_ms // 1000
        assert now + 300 <= int(query["e"]) <= now + 600
        assert query["k"] == fingerprint(visit.token)[:16]
        # As nginx's documentation of secure_link_md5 makes it.
        wanted = hashlib.md5(f"{query['e']} {parts.path} {visit.token} {query['k']} {KEY}".encode()).digest()
        assert query["s"] == base64.b64encode(wanted).decode().translate(str.maketrans("+/", "-_", "="))
        assert visit.get(address).status_code == 200


def test_it_stays_the_same_for_a_while_and_is_another_s_own(signing: World) -> None:
    fabio, paula = signing.visit("fabio"), signing.visit("paula")
    first = set(addresses(fabio.get("/").text))
    assert set(addresses(fabio.get("/").text)) == first
    assert not first & set(addresses(paula.get("/").text))
    signing.clock.now_ms += 300_000
    assert not first & set(addresses(fabio.get("/").text))


def test_the_application_itself_believes_no_signature(signing: World) -> None:
    address = addresses(signing.visit("fabio").get("/").text)[0]
    assert signing.visit().get(address).status_code == 401

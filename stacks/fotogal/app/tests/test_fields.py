from __future__ import annotations

import pytest

from fotogal import fields
from fotogal.refusals import Invalid

GOOD = {
    "email": "ana@exemplo.com.br",
    "full_name": "Ana Maria de Sousa",
    "username": "ana_maria",
    "password": "uma senha comprida",
}


def problems(**changed: str) -> set[str]:
    try:
        fields.registration(**{**GOOD, **changed})
    except Invalid as refused:
        return set(refused.fields)
    return set()


@pytest.mark.parametrize(
    ("field", "text", "is_good"),
    [
        ("full_name", "x" * 9, False),
        ("full_name", "x" * 10, True),
        ("full_name", "x" * 500, True),
        ("full_name", "x" * 501, False),
        ("full_name", "a" + " " * 20 + "b", False),
        ("full_name", "Ana\x00Maria de Sousa", False),
        ("full_name", "Ana \ud800 Maria de Sousa", False),
        ("full_name", "Ana \u202e Maria de Sousa", False),
        ("full_name", "Luís Antônio Ôba 🦜", True),
        ("username", "abc", False),
        ("username", "abcd", True),
        ("username", "a" * 30, True),
        ("username", "a" * 31, False),
        ("username", "Ana_1", True),
        ("username", "@ana_1", True),
        ("username", "josé_maria", False),
        ("username", "ana-maria", False),
        ("username", "ana maria", False),
        ("username", "ana/maria", False),
        ("username", "١٢٣٤", False),
        ("password", "x" * 9, False),
        ("password", "x" * 10, True),
        ("password", "x" * 200, True),
        ("password", "x" * 201, False),
        ("password", "é" * 10, True),
        ("password", "senha\x00comprida", False),
        ("password", "ana@exemplo.com.br", False),
        ("email", "ana", False),
        ("email", "ana@exemplo", False),
        ("email", "ana@@exemplo.com", False),
        ("email", "ana maria@exemplo.com", False),
        ("email", "<ana@exemplo.com>", False),
        ("email", "ana+fotos@exemplo.com.br", True),
        ("email", "x" * 250 + "@a.br", False),
        ("email", "ana\x00@exemplo.com", False),
    ],
)
def test_limits(field: str, text: str, is_good: bool) -> None:
    assert problems(**{field: text}) == (set() if is_good else {field})


def test_every_wrong_field_is_named_at_once() -> None:
    assert problems(email="", full_name="", username="", password="") == set(GOOD)


def test_blanks_are_put_in_order() -> None:
    found = fields.registration(**{**GOOD, "full_name": "  Ana \t Maria   de Sousa ", "username": " @ana_maria "})
    assert (found.full_name, found.username) == ("Ana Maria de Sousa", "ana_maria")


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("", ""),
        ("exemplo.com.br", "https://exemplo.com.br"),
        ("http://exemplo.com.br/a?b=c", "http://exemplo.com.br/a?b=c"),
        ("javascript:alert(1)", None),
        ("javascript://exemplo.com/%0aalert(1)", None),
        ("data:text/html,oi", None),
        ("https://", None),
        ("https://a b.com", None),
        ("https://[::1", None),
        ("nada", None),
    ],
)
def test_site(text: str, kept: str | None) -> None:
    if kept is None:
        with pytest.raises(Invalid) as refused:
            fields.profile("Ana Maria de Sousa", is_private=False, site=text, biography="", gender="")
        assert set(refused.value.fields) == {"site"}
    else:
        assert (
            fields.profile("Ana Maria de Sousa", is_private=False, site=text, biography="", gender="").user_data.site
            == kept
        )


def test_caption_keeps_its_lines() -> None:
    assert fields.caption("  um\r\n\r\n\r\n\r\ndois  \r\n") == "um\n\ndois"
    with pytest.raises(Invalid):
        fields.caption("x" * 2201)


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (None, ""),
        ("../../etc/passwd", "passwd"),
        ("C:\\fotos\\a.png", "a.png"),
        ("a\x00\n.png", "a.png"),
        ("x" * 300, "x" * 200),
    ],
)
def test_the_name_a_file_had(given: str | None, kept: str) -> None:
    assert fields.original_filename(given) == kept

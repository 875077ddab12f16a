"""What a person may write into each field. Every function takes what was typed and returns what is kept; `checked` gathers what is wrong."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from fotogal.model import UserData
from fotogal.refusals import Invalid

FULL_NAME = (10, 500)
USERNAME = (4, 30)
PASSWORD = (10, 200)
CAPTION_LONGEST = 2200
BIOGRAPHY_LONGEST = 500
SITE_LONGEST = 200
GENDER_LONGEST = 50
EMAIL_LONGEST = 254  # RFC 5321, section 4.5.3.1.3, less the angle brackets

_USERNAME = re.compile(r"[A-Za-z0-9_]+", re.ASCII)
# Deliberately simple: only a message that arrives proves an address.
_EMAIL = re.compile(r"[^\s@<>\"(),:;\\]+@[^\s@<>\"(),:;\\]+\.[^\s@.<>\"(),:;\\]{2,}")


@dataclass(frozen=True, slots=True)
class Registration:
    """What is asked of somebody new; every field checked."""

    email: str
    full_name: str
    username: str
    password: str
    is_professional_account: bool = False


@dataclass(frozen=True, slots=True)
class Profile:
    """What a person may change of their account; every field checked."""

    full_name: str
    is_private: bool
    user_data: UserData


def registration(
    email: str, full_name: str, username: str, password: str, is_professional_account: bool = False
) -> Registration:
    """Raises Invalid with every field that is wrong."""
    problems: dict[str, str] = {}
    found = Registration(
        checked(problems, "email", _email, email),
        checked(problems, "full_name", _full_name, full_name),
        checked(problems, "username", _username, username),
        checked(problems, "password", _password, password),
        is_professional_account,
    )
    if "password" not in problems and found.password.casefold() in (found.username.casefold(), found.email.casefold()):
        problems["password"] = "A senha não pode ser o nome de usuário nem o e-mail."
    if problems:
        raise Invalid(problems)
    return found


def profile(full_name: str, is_private: bool, site: str, biography: str, gender: str) -> Profile:
    """Raises Invalid with every field that is wrong."""
    problems: dict[str, str] = {}
    found = Profile(
        checked(problems, "full_name", _full_name, full_name),
        is_private,
        UserData(
            checked(problems, "site", _site, site),
            checked(problems, "biography", lambda text: _text(text, BIOGRAPHY_LONGEST), biography),
            checked(problems, "gender", lambda text: _line(text, 0, GENDER_LONGEST), gender),
        ),
    )
    if problems:
        raise Invalid(problems)
    return found


def new_password(text: str) -> str:
    """Raises Invalid for the field `new_password`."""
    problems: dict[str, str] = {}
    found = checked(problems, "new_password", _password, text)
    if problems:
        raise Invalid(problems)
    return found


def caption(text: str) -> str:
    """Raises Invalid for the field `caption`."""
    problems: dict[str, str] = {}
    found = checked(problems, "caption", lambda given: _text(given, CAPTION_LONGEST), text)
    if problems:
        raise Invalid(problems)
    return found


def original_filename(text: str | None) -> str:
    """The last part of an uploaded file's name, for the record; never used as a path."""
    name = re.split(r"[/\\]", text or "")[-1]
    return "".join(character for character in name if character.isprintable())[-200:]


def is_part_of_username(text: str) -> bool:
    return len(text) <= USERNAME[1] and _USERNAME.fullmatch(text) is not None


def checked(problems: dict[str, str], field: str, check: Callable[[str], str], text: str) -> str:
    """What `check` makes of `text`; if it refuses, its reason goes into `problems` and the text comes back as it was."""
    try:
        return check(text)
    except ValueError as refused:
        problems[field] = str(refused)
        return text


def _line(text: str, shortest: int, longest: int) -> str:
    """One line without blanks around or doubled inside, in one Unicode form, so that what looks the same is the same."""
    line = " ".join(unicodedata.normalize("NFC", text).split())
    _printable(line)
    if not shortest <= len(line) <= longest:
        raise ValueError(
            f"Use de {shortest} a {longest} caracteres." if shortest else f"Use no máximo {longest} caracteres."
        )
    return line


def _text(text: str, longest: int) -> str:
    """Several lines; at most one empty line between two."""
    lines = [
        line.rstrip()
        for line in unicodedata.normalize("NFC", text).replace("\r\n", "\n").replace("\r", "\n").split("\n")
    ]
    joined = re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()
    _printable(joined)
    if len(joined) > longest:
        raise ValueError(f"Use no máximo {longest} caracteres.")
    return joined


def _printable(text: str) -> None:
    """Control characters, half surrogate pairs (JSON can write both) and marks that turn the direction of writing disguise what is written."""
    for character in text:
        category = unicodedata.category(character)
        if (
            (category == "Cc" and character not in "\n\t")
            or category == "Cs"
            or character in "\u202a\u202b\u202d\u202e\u2066\u2067\u2068"
        ):
            raise ValueError("Há um caractere que não pode ser usado aqui.")


def _full_name(text: str) -> str:
    return _line(text, *FULL_NAME)


def _username(text: str) -> str:
    shortest, longest = USERNAME
    name = text.strip().removeprefix("@")
    if not (shortest <= len(name) <= longest and _USERNAME.fullmatch(name)):
        raise ValueError(f"Use de {shortest} a {longest} letras sem acento, algarismos ou sublinhados.")
    return name


def _email(text: str) -> str:
    address = unicodedata.normalize("NFC", text.strip())
    if len(address) > EMAIL_LONGEST or not _EMAIL.fullmatch(address):
        raise ValueError("Escreva um e-mail completo, como ana@exemplo.com.br.")
    _printable(address)
    return address


def _password(text: str) -> str:
    shortest, longest = PASSWORD
    if len(text) < shortest:
        raise ValueError(f"A senha tem pelo menos {shortest} caracteres.")
    if len(text) > longest:
        raise ValueError(f"A senha tem no máximo {longest} caracteres.")
    if any(unicodedata.category(character) in ("Cs", "Cc") for character in text):
        raise ValueError("Há um caractere que não pode ser usado na senha.")
    return text


def _site(text: str) -> str:
    """A web address or nothing. Only http and https: `javascript:` is an address too."""
    address = text.strip()
    if not address:
        return ""
    if "://" not in address:
        address = f"https://{address}"
    try:
        parts = urlsplit(address)
        host = parts.hostname
    except ValueError:
        host = None
    if (
        len(address) > SITE_LONGEST
        or not host
        or "." not in host
        or parts.scheme not in ("http", "https")
        or not address.isprintable()
        or " " in address
    ):
        raise ValueError("Escreva um endereço da web, como https://exemplo.com.br.")
    return address

"""A few invented people with drawn photos, so that somebody who has just started FotoGal has something to look at."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from fotogal import fields
from fotogal.accounts import Accounts
from fotogal.gallery import Gallery
from fotogal.landscapes import landscape
from fotogal.model import Reaction, User
from fotogal.refusals import Conflict

_HOUR_MS = 60 * 60 * 1000
_ADDRESS = "demo"


@dataclass(frozen=True, slots=True)
class Person:
    username: str
    full_name: str
    biography: str = ""
    is_professional: bool = False
    is_private: bool = False
    photos: int = 0


PEOPLE = (
    Person("ana_maria", "Ana Maria de Sousa", "Fotógrafa de fim de semana.\nSerra, mar e café.", photos=4),
    Person("beto_fotos", "Roberto Carvalho Fotografia", "Retratos e paisagens.", is_professional=True, photos=6),
    Person(
        "trilhas_do_sul", "Trilhas do Sul Turismo", "Caminhadas para todas as pernas.", is_professional=True, photos=5
    ),
    Person("cafe_da_vila", "Café da Vila Madalena", "Torrado aqui.", is_professional=True, photos=3),
    Person("lucia", "Lúcia Helena Prado", is_private=True, photos=2),
    Person("joao_pedro", "João Pedro Albuquerque"),
    Person("mariana", "Mariana Figueiredo Lopes"),
)
FOLLOWS = (
    ("ana_maria", "beto_fotos"),
    ("ana_maria", "trilhas_do_sul"),
    ("ana_maria", "lucia"),
    ("joao_pedro", "ana_maria"),
    ("joao_pedro", "beto_fotos"),
    ("mariana", "ana_maria"),
    ("mariana", "beto_fotos"),
    ("mariana", "cafe_da_vila"),
)
CAPTIONS = (
    "Fim de tarde na serra.",
    "Depois da chuva, o vale inteiro parecia pintado.",
    "Primeira luz",
    "",
    "Caminho de volta para casa, devagar.",
    "Um domingo qualquer, sem pressa nenhuma.",
)
MEASURES = ((1600, 1067), (1080, 1350), (1200, 1200), (2000, 1000), (900, 1500), (1500, 1000))


class Clock:
    """Lets what is made seem to have been made over the last days: each photo some hours after the one before, none in the future."""

    def __init__(self, now_ms: Callable[[], int], back_ms: int) -> None:
        self._now_ms = now_ms
        self._back_ms = back_ms

    def __call__(self) -> int:
        return self._now_ms() - self._back_ms

    def go_on(self, by_ms: int) -> None:
        self._back_ms = max(0, self._back_ms - by_ms)


def demo(accounts: Accounts, gallery: Gallery, clock: Clock, password: str) -> int:
    """Makes the people, who all have `password`, and their photos. How many photos. Raises Conflict if one of the people is there already."""
    if gallery.catalogue.user_by_username(PEOPLE[0].username) is not None:
        raise Conflict("username", f"@{PEOPLE[0].username} já existe: a demonstração já foi feita aqui.")
    people = {person.username: _register(accounts, gallery, person, password) for person in PEOPLE}
    for follower, followed in FOLLOWS:
        gallery.follow(people[follower], followed)
    return _publish(gallery, people, clock)


def _register(accounts: Accounts, gallery: Gallery, person: Person, password: str) -> User:
    email = f"{person.username}@exemplo.com.br"
    wanted = fields.registration(email, person.full_name, person.username, password, person.is_professional)
    user, _ = accounts.register(wanted, _ADDRESS)
    gallery.edit_profile(user, fields.profile(person.full_name, person.is_private, "", person.biography, ""))
    if person.photos:
        gallery.set_profile_photo(user, landscape(400, 400, len(person.full_name)), None)
    return gallery.user(person.username)


def _publish(gallery: Gallery, people: dict[str, User], clock: Clock) -> int:
    """In turns, as people do, and liked by some."""
    chance = random.Random(7)
    turns = [
        person
        for number in range(max(person.photos for person in PEOPLE))
        for person in PEOPLE
        if person.photos > number
    ]
    for number, person in enumerate(turns):
        width, height = MEASURES[number % len(MEASURES)]
        photo = gallery.publish(
            people[person.username], landscape(width, height, number), None, CAPTIONS[number % len(CAPTIONS)]
        )
        for viewer in (
            chance.sample(sorted(people), chance.randint(0, len(people) - 1)) if not person.is_private else ()
        ):
            gallery.react(
                people[viewer], photo.id, chance.choice((Reaction.LIKE, Reaction.LIKE, Reaction.LIKE, Reaction.DISLIKE))
            )
        clock.go_on(5 * _HOUR_MS)
    return len(turns)

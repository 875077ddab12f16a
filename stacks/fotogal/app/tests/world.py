"""A small FotoGal for tests of the web application: real stores in a folder, cheap passwords, a clock moved by hand, a few people.

Paula is public and Priscila private; Fabio follows both, Rita asked to follow Priscila, Selma knows nobody.
"""

from __future__ import annotations

import functools
import io
import shutil
from dataclasses import dataclass, field
from pathlib import Path

from flask import Flask
from flask.testing import FlaskClient
from PIL import Image
from werkzeug.datastructures import FileStorage
from werkzeug.test import encode_multipart

from fotogal import sessions
from fotogal.catalogue.sqlite import open_sqlite
from fotogal.fields import Registration
from fotogal.model import Photo, User
from fotogal.objects.filesystem import FilesystemStore
from fotogal.passwords import Passwords
from fotogal.web.app import build, make_services
from fotogal.web.services import Services, install
from fotogal.web.settings import WebSettings

PASSWORD = "uma senha comprida"
NOW_MS = 1_800_000_000_000
CHEAP = Passwords(memory_kib=8, passes=1)
PEOPLE = ("paula", "priscila", "fabio", "rita", "selma")
CAPTION = "Legenda de {}, que não é de todos"


_APPS: dict[WebSettings, Flask] = {}


class Clock:
    """Time as a test wants it. Each look at it takes a millisecond, so that no two things happen at once."""

    def __init__(self, now_ms: int = NOW_MS) -> None:
        self.now_ms = now_ms

    def __call__(self) -> int:
        self.now_ms += 1
        return self.now_ms


@dataclass
class World:
    """`visit` gives a browser; `photos` are one photo of each of the two owners."""

    folder: Path
    settings: WebSettings = field(default_factory=WebSettings)
    now_ms: int = NOW_MS

    def __post_init__(self) -> None:
        self.clock = Clock(self.now_ms)
        self.catalogue = self._opened = open_sqlite(self.folder / "catalogue.sqlite3")
        self.objects = FilesystemStore(self.folder / "objects")

    @functools.cached_property
    def services(self) -> Services:
        return make_services(self.settings, self.catalogue, self.objects, CHEAP, self.clock)

    @property
    def app(self) -> Flask:
        """One application for all worlds of the same settings: to build one takes longer than most tests do with it."""
        app = _APPS.get(self.settings) or _APPS.setdefault(self.settings, build(self.services))
        install(app, self.services)
        return app

    def user(self, username: str) -> User:
        return self.services.gallery.user(username)

    def photo(self, username: str) -> Photo:
        owner = self.user(username)
        return self.services.gallery.photos_of(owner, username, 1).items[0].photo

    def visit(self, username: str | None = None) -> Browser:
        """A browser, logged in as `username`."""
        browser = Browser(self.app.test_client())
        if username is not None:
            browser.take(self.services.sessions.open(self.user(username)))
        return browser

    def close(self) -> None:
        self._opened.close()


class Browser:
    """A test client that has the session's cookie, and sends the CSRF token as our pages and scripts do."""

    def __init__(self, client: FlaskClient) -> None:
        self.client = client
        self.token = ""

    def take(self, token: str) -> None:
        self.token = token
        self.client.set_cookie("fotogal-session", token)

    @property
    def csrf_token(self) -> str:
        if self.token:
            return sessions.csrf_token(self.token)
        cookie = self.client.get_cookie("fotogal-visit")
        return sessions.csrf_token(cookie.value) if cookie else ""

    def get(self, path: str, **options):
        return self.client.get(path, buffered=True, **options)

    def post(self, path: str, form: dict | None = None, **options):
        """A form, as a page sends it."""
        return self.client.post(path, buffered=True, data={"csrf_token": self.csrf_token, **(form or {})}, **options)

    def call(self, method: str, path: str, body: object = None, **options):
        """The JSON API, as the scripts call it."""
        return self.client.open(
            path, buffered=True, method=method, json=body, headers={"X-CSRF-Token": self.csrf_token}, **options
        )

    def upload(self, path: str, data: bytes, name: str = "foto.png", **fields: str):
        """Encoded here: the test client would leave a temporary file open."""
        form = {"csrf_token": self.csrf_token, **fields, "image": FileStorage(io.BytesIO(data), name)}
        boundary, body = encode_multipart(form)
        return self.client.post(
            path, buffered=True, data=body, content_type=f"multipart/form-data; boundary={boundary}"
        )


def make(folder: Path) -> None:
    """The people and their photos, in `folder`: done once, and copied for each test."""
    world = World(folder)
    world.catalogue.provision()
    world.objects.provision()
    accounts, gallery = world.services.accounts, world.services.gallery
    for name in PEOPLE:
        accounts.register(
            Registration(f"{name}@exemplo.com.br", f"{name.title()} de Sousa", name, PASSWORD), "192.0.2.1"
        )
    make_private(world, "priscila")
    for owner in ("paula", "priscila"):
        gallery.publish(world.user(owner), a_png(), "foto.png", CAPTION.format(owner))
        gallery.set_profile_photo(world.user(owner), a_png(), "rosto.png")
        gallery.follow(world.user("fabio"), owner)
    gallery.accept(world.user("priscila"), "fabio")
    gallery.follow(world.user("rita"), "priscila")
    world.close()


def make_private(world: World, username: str) -> None:
    user = world.user(username)
    world.catalogue.edit_profile(user.id, user.full_name, is_private=True, user_data=user.user_data)


def copy(made: Path, folder: Path) -> World:
    shutil.copytree(made, folder)
    return World(folder, now_ms=NOW_MS + 60 * 60 * 1000)


@functools.cache
def a_png(width: int = 12, height: int = 8, colour: str = "teal") -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (width, height), colour).save(out, "PNG")
    return out.getvalue()

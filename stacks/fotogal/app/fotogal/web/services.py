"""What a request finds: the use cases and the settings, made once by the factory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from flask import Flask, current_app

from fotogal.accounts import Accounts
from fotogal.catalogue.interface import Catalogue
from fotogal.gallery import Gallery
from fotogal.objects.interface import ObjectStore
from fotogal.sessions import Sessions
from fotogal.web.settings import WebSettings

_NAME = "fotogal"


@dataclass(frozen=True, slots=True)
class Services:
    settings: WebSettings
    catalogue: Catalogue
    objects: ObjectStore
    sessions: Sessions
    accounts: Accounts
    gallery: Gallery


def install(app: Flask, services: Services) -> None:
    app.extensions[_NAME] = services


def services() -> Services:
    """Those of the application that answers the present request."""
    return cast("Services", current_app.extensions[_NAME])


def gallery() -> Gallery:
    return services().gallery


def accounts() -> Accounts:
    return services().accounts

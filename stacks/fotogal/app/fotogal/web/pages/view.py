"""What the templates use: filters for times and texts, the sources of images, who is looking. Reads rows, asks no store."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime
from urllib.parse import urlsplit

from flask import Flask, render_template, request
from werkzeug.wrappers import Response

from fotogal import fields, files, imaging
from fotogal.catalogue.interface import Unavailable
from fotogal.model import ImageType, Photo, Reaction, Relation, User
from fotogal.web import links
from fotogal.web.guard import CSRF_FIELD
from fotogal.web.services import gallery
from fotogal.web.visitor import csrf_token, known_visitor

_MONTHS = ("jan.", "fev.", "mar.", "abr.", "maio", "jun.", "jul.", "ago.", "set.", "out.", "nov.", "dez.")

# What a page says after something was done: `?feito=<name>`. Only these can be said, whatever the address holds.
DONE = {
    "perfil": "Perfil atualizado.",
    "foto-do-perfil": "Foto do perfil trocada.",
    "senha": "Senha trocada. As outras sessões foram encerradas.",
    "publicada": "Foto publicada.",
    "excluida": "Foto excluída.",
    "saiu": "Você saiu da sua conta.",
}


@dataclasses.dataclass(frozen=True, slots=True)
class Image:
    """What an <img> needs. `sources` is its srcset; empty where there is one size only. `still`: of an animation, what does not move."""

    url: str
    width: int
    height: int
    sources: str = ""
    still: str = ""


def install(app: Flask) -> None:
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.jinja_env.filters.update(moment=moment, iso=iso, count=count, host=host)
    app.jinja_env.globals.update(
        avatar=avatar,
        image=image,
        fields=fields,
        Reaction=Reaction,
        Relation=Relation,
        csrf_field=CSRF_FIELD,
        csrf_token=csrf_token,
        has_requests=has_requests,
    )
    app.context_processor(_context)


def page(template: str, status: int = 200, **values: object) -> Response:
    return Response(render_template(template, **values), status, mimetype="text/html")


def image(photo: Photo, largest: str = imaging.FULL) -> Image:
    """The photo in all sizes up to `largest`; a photo too small to have that one has them all. An animation moves in its full size only."""
    every = files.variants(photo)
    urls = [links.signed(files.url(photo.image_filename, variant.name)) for variant in every]
    width, height = every[0].width, every[0].height
    if photo.image_type == ImageType.GIF and largest == imaging.FULL:
        return Image(urls[0], width, height, still=urls[1] if len(urls) > 1 else "")
    names = [variant.name.partition(".")[0] for variant in every]
    first = names.index(largest) if largest in names else 0
    sources = [f"{url} {variant.width}w" for url, variant in zip(urls[first:], every[first:], strict=True)]
    return Image(urls[first], width, height, sources=", ".join(sources) if len(sources) > 1 else "")


def has_requests(viewer: User) -> bool:
    """Whether somebody waits for an answer: a question to the catalogue, only of private accounts. On a page about a failure it may fail too."""
    try:
        return viewer.is_private and bool(gallery().requests_received(viewer, 1).items)
    except Unavailable:
        return False


def avatar(user: User) -> files.ProfilePhoto | None:
    photo = files.profile_photo(user)
    return photo and dataclasses.replace(
        photo, small_url=links.signed(photo.small_url), full_url=links.signed(photo.full_url)
    )


def moment(milliseconds: int) -> str:
    """A time as people say it: how long ago, or the day."""
    then = datetime.fromtimestamp(milliseconds / 1000, UTC)
    seconds = (gallery().now_ms() - milliseconds) // 1000
    if seconds < 60:
        return "agora"
    if seconds < 60 * 60:
        return f"há {seconds // 60} min"
    if seconds < 24 * 60 * 60:
        return f"há {seconds // 3600} h"
    if seconds < 7 * 24 * 60 * 60:
        days = seconds // 86400
        return "ontem" if days == 1 else f"há {days} dias"
    return f"{then.day} de {_MONTHS[then.month - 1]} de {then.year}"


def iso(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="seconds")


def count(number: int) -> str:
    """12345 -> 12.345, as it is written in Brazil."""
    return f"{number:,}".replace(",", ".")


def host(url: str) -> str:
    """An address without what every address has."""
    parts = urlsplit(url)
    return f"{parts.netloc}{parts.path}".removeprefix("www.").rstrip("/")


def _context() -> dict[str, object]:
    viewer: User | None = known_visitor()
    return {"viewer": viewer, "done": DONE.get(request.args.get("feito", "")), "here": request.endpoint or ""}

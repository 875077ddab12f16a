"""How far a list goes, from the request: `?after=<cursor>` and, for the API, `?limit=`."""

from __future__ import annotations

from flask import request
from werkzeug.exceptions import BadRequest

from fotogal.model import Cursor

PHOTOS = 12
GRID = 24
PEOPLE = 30
MOST = 50


def after() -> Cursor | None:
    """The place after which the list goes on. Raises BadRequest."""
    given = request.args.get("after")
    if not given:
        return None
    try:
        return Cursor.parse(given)
    except ValueError as error:
        raise BadRequest('O parâmetro "after" não é um lugar da lista.') from error


def limit(default: int) -> int:
    """How many are wanted, 1 to MOST. Raises BadRequest."""
    given = request.args.get("limit", str(default))
    if not (given.isascii() and given.isdigit() and len(given) < 4 and 1 <= int(given) <= MOST):
        raise BadRequest(f'O parâmetro "limit" é um número de 1 a {MOST}.')
    return int(given)

"""The JSON object that a request carries, read field by field."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask import request
from werkzeug.exceptions import BadRequest, UnsupportedMediaType

from fotogal.refusals import Invalid


@dataclass(frozen=True, slots=True)
class Body:
    _fields: dict[str, Any]

    def text(self, name: str, default: str | None = None) -> str:
        """Raises Invalid for what is missing without a default, or no text."""
        value = self._fields.get(name, default)
        if value is None:
            raise Invalid({name: f'Falta o campo "{name}".'})
        if not isinstance(value, str):
            raise Invalid({name: f'O campo "{name}" é um texto.'})
        return value

    def flag(self, name: str, *, default: bool) -> bool:
        """Raises Invalid for what is neither true nor false."""
        value = self._fields.get(name, default)
        if not isinstance(value, bool):
            raise Invalid({name: f'O campo "{name}" é true ou false.'})
        return value

    def identity(self, name: str) -> int:
        """A 63-bit identity, given as a text or a number. Raises Invalid."""
        value = self._fields.get(name)
        if isinstance(value, int) and not isinstance(value, bool):
            value = str(value)
        if not (
            isinstance(value, str)
            and value.isascii()
            and value.isdigit()
            and len(value) < 20
            and 0 < int(value) < 1 << 63
        ):
            raise Invalid({name: f'O campo "{name}" é o número de uma foto.'})
        return int(value)


def read_body() -> Body:
    """415 for another type, 400 for what is no JSON object."""
    if request.mimetype != "application/json":
        raise UnsupportedMediaType("O corpo do pedido precisa ser application/json.")
    value = request.get_json(silent=True)
    if not isinstance(value, dict):
        raise BadRequest("O corpo do pedido não é um objeto JSON.")
    return Body(value)

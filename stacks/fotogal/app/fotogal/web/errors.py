"""Every refusal and every failure becomes a readable page, or `{"error": "..."}` for the API. None shows a stack trace."""

from __future__ import annotations

import contextlib
import logging

from flask import Flask, g, jsonify, make_response, render_template, request
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response

from fotogal import refusals
from fotogal.catalogue.interface import Unavailable
from fotogal.objects.interface import NoSuchObject, StoreUnavailable
from fotogal.refusals import Refusal
from fotogal.web.guard import is_api
from fotogal.web.visitor import visitor

log = logging.getLogger("fotogal.web")

RETRY_AFTER_S = 5
# How much of a body that is too large is still read, so that the browser gets to hear the answer instead of a broken connection.
_DRAIN_BYTES = 64 * 1024 * 1024

_STATUS: tuple[tuple[type[Refusal], int], ...] = (
    (refusals.TooLarge, 413),
    (refusals.NotAnImage, 415),
    (refusals.BadImage, 422),
    (refusals.Invalid, 422),
    (refusals.Conflict, 409),
    (refusals.NotFound, 404),
    (refusals.Forbidden, 403),
    (refusals.BadLogin, 401),
    (refusals.TooMany, 429),
)

# Title and sentence of each page; the sentence gives way to what a refusal says.
_PAGES = {
    400: ("Pedido malformado", "O navegador enviou algo que não entendemos."),
    401: ("Entre para continuar", "Esta página é só para quem entrou na sua conta."),
    403: ("Acesso negado", "Você não pode ver ou fazer isto."),
    404: ("Nada por aqui", "Esta página não existe, ou mudou de lugar."),
    405: ("Isto não se faz aqui", "O endereço existe, mas não aceita este tipo de pedido."),
    409: ("Já existe", "Alguém chegou primeiro."),
    413: ("Grande demais", "O arquivo tem mais de 16 MB. Escolha um menor."),
    415: ("Tipo de arquivo errado", "Use uma foto PNG, JPEG ou GIF."),
    422: ("Algo não confere", "O que foi enviado não pode ser usado."),
    429: ("Devagar!", "Foram pedidos demais. Espere um pouco e tente de novo."),
    500: ("Algo deu errado", "O erro foi nosso e ficou registrado. Tente de novo em instantes."),
    503: (
        "Voltamos já",
        "Uma parte do FotoGal não está respondendo. Nada se perdeu: tente de novo em alguns segundos.",
    ),
}
_OTHER = ("Não deu certo", "O pedido não pôde ser atendido.")


def status_of(refusal: Refusal) -> int:
    return next(status for kind, status in _STATUS if isinstance(refusal, kind))


def install(app: Flask) -> None:
    app.register_error_handler(Refusal, _refused)
    app.register_error_handler(Unavailable, _store_down)
    app.register_error_handler(StoreUnavailable, _store_down)
    app.register_error_handler(NoSuchObject, _object_gone)
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(Exception, _unforeseen)


def answer(status: int, message: str | None = None, fields: dict[str, str] | None = None) -> Response:
    """The error as the visitor can read it."""
    title, usual = _PAGES.get(status, _OTHER)
    if not is_api():
        _recognise(status)
        return make_response(
            render_template("error.html", status=status, title=title, message=message or usual), status
        )
    body = {"error": message or usual}
    return make_response(jsonify({**body, "fields": fields} if fields else body), status)


def _refused(refusal: Refusal) -> Response:
    fields = refusal.fields if isinstance(refusal, (refusals.Invalid, refusals.Conflict)) else None
    response = answer(status_of(refusal), str(refusal), fields)
    if isinstance(refusal, refusals.TooMany):
        response.headers["Retry-After"] = str(refusal.retry_after_s)
    return response


def _store_down(failure: Exception) -> Response:
    log.warning("a store does not answer: %s", failure, extra=_request())
    response = answer(503)
    response.headers["Retry-After"] = str(RETRY_AFTER_S)
    return response


def _object_gone(_: NoSuchObject) -> Response:
    """Deleted between the look at the row and the look at the object."""
    return answer(404, "Esta foto não existe, ou foi excluída.")


def _http(error: HTTPException) -> Response:
    """Werkzeug's own descriptions are English and for programmers; ours, given as `description`, are for the visitor."""
    code = error.code or 500
    if code == 413:
        _drain()
    is_ours = error.description is not None and error.description != type(error).description
    response = answer(code, error.description if is_ours and code < 500 else None)
    for name, value in error.get_headers():
        if name in ("Allow", "Retry-After"):
            response.headers[name] = value
    return response


def _unforeseen(error: Exception) -> Response:
    log.error("unforeseen", exc_info=error, extra=_request())
    return answer(500)


def _recognise(status: int) -> None:
    """So that a page about a wrong address has the visitor's navigation. Not while something is broken: nothing more is asked then."""
    if status < 500:
        with contextlib.suppress(Unavailable):
            visitor()


def _request() -> dict[str, str]:
    """What ties a line about a failure to the line of its request."""
    return {"request_id": str(g.get("request_id", ""))}


def _drain() -> None:
    """Reads and forgets what is left of the body."""
    source = request.environ["wsgi.input"]
    left = min(request.content_length or 0, _DRAIN_BYTES)
    with contextlib.suppress(OSError):  # the browser went away: then nobody is waiting for the answer
        while left > 0 and (read := source.read(min(left, 64 * 1024))):
            left -= len(read)

"""The page: a form that creates users, and the list of them. `create_app` is what gunicorn and `flask` call."""

from __future__ import annotations

import os
import re

from flask import Flask, redirect, render_template, request, url_for
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response

from backend import Backend, BackendDown, Refused

PAGE_SIZE = 50
MAX_BODY_BYTES = 16 * 1024
POLICY = "default-src 'self'; form-action 'self'; frame-ancestors 'none'"

# What the API refuses, in the page's language: by status and field.
MESSAGES = {
    (409, "id"): "Já existe um usuário com este ID.",
    (422, "id"): "O ID é um número inteiro, de 1 a 9223372036854775807.",
    (422, "name"): "O nome tem de 1 a 200 caracteres.",
    (413, ""): "Isto é grande demais.",
}
PAGES = {
    404: "Esta página não existe.",
    405: "Isto não se faz aqui.",
    413: "Isto é grande demais.",
}


def create_app(backend: Backend | None = None) -> Flask:
    """The WSGI application. Its settings come from the environment, which Compose fills from .env."""
    app = Flask(__name__)
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY_BYTES
    if backend is None:
        backend = Backend(
            os.environ.get("BACKEND_URL", "http://backend:8080"),
            connect_timeout_s=float(os.environ.get("BACKEND_CONNECT_TIMEOUT_S", "1")),
            read_timeout_s=float(os.environ.get("BACKEND_READ_TIMEOUT_S", "5")),
        )
    add_routes(app, backend)
    add_error_pages(app)
    app.after_request(add_headers)
    return app


def add_routes(app: Flask, backend: Backend) -> None:
    """The page, its form, and the health of this process alone."""

    @app.get("/")
    def show() -> str:
        return page(backend)

    @app.post("/")
    def create() -> Response | tuple[str, int]:
        given = {"id": request.form.get("id", "").strip(), "name": request.form.get("name", "")}
        try:
            user = backend.create(number(given["id"]), given["name"])
        except Refused as refused:
            return page(backend, given, {refused.field: message(refused)}), refused.status
        # After a redirect, reloading the page does not send the form again.
        return redirect(url_for("show", created=user["id"]), 303)

    @app.get("/health")
    def health() -> dict[str, str]:
        return {"status": "ok"}


def page(backend: Backend, given: dict[str, str] | None = None, errors: dict[str, str] | None = None) -> str:
    """The form, with what was typed and what is wrong with it, above the users."""
    after = request.args.get("after", "0")
    users = backend.users(after=int(after) if re.fullmatch(r"[1-9][0-9]{0,18}", after) else 0, limit=PAGE_SIZE + 1)
    more = users[PAGE_SIZE - 1]["id"] if len(users) > PAGE_SIZE else None
    return render_template(
        "index.html",
        users=users[:PAGE_SIZE],
        more=more,
        after=after,
        given=given or {},
        errors=errors or {},
        created=request.args.get("created") if given is None else None,
    )


def number(text: str) -> int | str:
    """What was typed as a number if it is one; else as it is, for the API to judge."""
    return int(text) if re.fullmatch(r"[0-9]{1,30}", text) else text


def message(refused: Refused) -> str:
    """What the API said: in Portuguese where the page knows it, else as it came."""
    return MESSAGES.get((refused.status, refused.field), refused.text)


def add_error_pages(app: Flask) -> None:
    """Every error is a page that can be read; none shows a stack trace."""

    @app.errorhandler(BackendDown)
    def backend_down(error: BackendDown) -> tuple[str, int, dict[str, str]]:
        app.logger.warning("the backend does not answer: %s", error)
        return render_template("unavailable.html"), 503, {"Retry-After": "5"}

    @app.errorhandler(HTTPException)
    def http_error(error: HTTPException) -> tuple[str, int]:
        code = error.code or 500
        return render_template("error.html", text=PAGES.get(code, error.name)), code

    @app.errorhandler(Exception)
    def anything_else(error: Exception) -> tuple[str, int]:
        app.logger.error("unforeseen", exc_info=error)
        return render_template("error.html", text="Algo deu errado por aqui."), 500


def add_headers(response: Response) -> Response:
    response.headers["Content-Security-Policy"] = POLICY
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response

"""The application: routes and error answers. `create_app` is what gunicorn and `flask` call."""

from __future__ import annotations

import os

from flask import Flask, Response, jsonify, request, url_for
from sqlalchemy import text
from sqlalchemy.exc import DataError, OperationalError, SQLAlchemyError
from werkzeug.exceptions import BadRequest, HTTPException, UnprocessableEntity, UnsupportedMediaType

from models import Visitor, create_tables, db

NAME_LENGTH = 200
PAGE_SIZE = 20
LARGEST_PAGE = 100
LARGEST_ID = 2**63 - 1
MAX_BODY_BYTES = 16 * 1024


def create_app(database_url: str | None = None) -> Flask:
    """The WSGI application. `database_url` (an SQLAlchemy URL) defaults to $DATABASE_URL."""
    app = Flask(__name__)
    app.config["SQLALCHEMY_DATABASE_URI"] = database_url or os.environ["DATABASE_URL"]
    # A connection that the database dropped is noticed before it is used, and one is not waited for longer than 3 s.
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = engine_options(app.config["SQLALCHEMY_DATABASE_URI"])
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY_BYTES
    app.json.ensure_ascii = False
    db.init_app(app)
    add_routes(app)
    add_error_answers(app)
    with app.app_context():
        create_tables()
        # gunicorn forks its workers after this: each must open connections of its own.
        db.engine.dispose()
    return app


def engine_options(url: str) -> dict[str, object]:
    """Options of SQLAlchemy's engine; SQLite (used by the unit tests) knows no connect_timeout."""
    options: dict[str, object] = {"pool_pre_ping": True}
    if url.startswith("postgresql"):
        options["connect_args"] = {"connect_timeout": 3}
    return options


def add_routes(app: Flask) -> None:
    """The API."""

    @app.get("/health")
    def health() -> Response:
        """Healthy means: a query gets an answer."""
        db.session.execute(text("SELECT 1"))
        return jsonify(status="ok")

    @app.get("/api/visitors")
    def list_visitors() -> Response:
        """The newest visitors first. `?limit=` of them, `?before=ID` for those after a page's last; the Link header has the next page."""
        limit = whole_number("limit", PAGE_SIZE, highest=LARGEST_PAGE)
        before = whole_number("before", 0, highest=LARGEST_ID)
        query = db.select(Visitor).order_by(Visitor.id.desc()).limit(limit + 1)
        if before:
            query = query.where(Visitor.id < before)
        found = db.session.scalars(query).all()
        answer = jsonify([visitor.as_json() for visitor in found[:limit]])
        if len(found) > limit:
            following = url_for("list_visitors", limit=limit, before=found[limit - 1].id)
            answer.headers["Link"] = f'<{following}>; rel="next"'
        return answer

    @app.post("/api/visitors")
    def add_visitor() -> tuple[Response, int, dict[str, str]]:
        """Add a visitor."""
        visitor = Visitor(name=visitor_name())
        db.session.add(visitor)
        db.session.commit()
        return jsonify(visitor.as_json()), 201, {"Location": f"/api/visitors/{visitor.id}"}

    @app.get(f"/api/visitors/<int(max={LARGEST_ID}):visitor_id>")
    def get_visitor(visitor_id: int) -> Response:
        """One visitor."""
        return jsonify(db.get_or_404(Visitor, visitor_id, description="no such visitor").as_json())


def whole_number(name: str, default: int, *, highest: int) -> int:
    """A query parameter as a number from 1 on; 400 when it is none."""
    given = request.args.get(name)
    if given is None:
        return default
    if not (given.isascii() and given.isdecimal() and len(given) < 20) or not 1 <= int(given) <= highest:
        raise BadRequest(f"{name} must be a whole number from 1 to {highest}")
    return int(given)


def visitor_name() -> str:
    """The name in the request's body: 415 for another type, 400 for malformed JSON, 422 for a name that will not do."""
    if request.mimetype != "application/json":
        raise UnsupportedMediaType("the body must be application/json")
    body = request.get_json()
    if not isinstance(body, dict) or not isinstance(body.get("name"), str):
        raise UnprocessableEntity("name is required and must be a text")
    name = body["name"].strip()
    if not 1 <= len(name) <= NAME_LENGTH:
        raise UnprocessableEntity(f"name must have 1 to {NAME_LENGTH} characters")
    if any(not_storable(character) for character in name):
        raise UnprocessableEntity("name must not contain the character NUL nor half of a surrogate pair")
    return name


def not_storable(character: str) -> bool:
    """JSON can write these (\\u0000, \\ud800), UTF-8 text in PostgreSQL cannot hold them."""
    return character == "\x00" or "\ud800" <= character <= "\udfff"


def add_error_answers(app: Flask) -> None:
    """Every error is JSON, {"error": "..."}; none shows a stack trace."""

    @app.errorhandler(HTTPException)
    def http_error(error: HTTPException) -> tuple[Response, int]:
        return jsonify(error=error.description or error.name), error.code or 500

    @app.errorhandler(BadRequest)
    def bad_request(error: BadRequest) -> tuple[Response, int]:
        # Flask says more of malformed JSON in debug mode; the answer is the same everywhere.
        text_of = error.description or ""
        return jsonify(
            error="the body is not valid JSON" if "JSON" in text_of or "browser" in text_of else text_of
        ), 400

    @app.errorhandler(DataError)
    def bad_data(error: DataError) -> tuple[Response, int]:
        app.logger.warning("refused by the database: %s", error.orig)
        db.session.rollback()
        return jsonify(error="the database cannot store this value"), 422

    @app.errorhandler(OperationalError)
    def database_down(error: OperationalError) -> tuple[Response, int]:
        app.logger.error("the database does not answer: %s", error.orig)
        return jsonify(error="the database does not answer; try again in a moment"), 503

    @app.errorhandler(SQLAlchemyError)
    def database_error(error: SQLAlchemyError) -> tuple[Response, int]:
        app.logger.error("database error", exc_info=error)
        return jsonify(error="the database failed"), 503

    @app.errorhandler(Exception)
    def anything_else(error: Exception) -> tuple[Response, int]:
        app.logger.error("unforeseen", exc_info=error)
        return jsonify(error="internal error"), 500

"""A prototype micro-service: says which commit and branch it was built from.

`app` is the WSGI application that gunicorn serves. Replace the route below by
your own; keep the error answers.
"""

from __future__ import annotations

import os

from flask import Flask, Response, jsonify
from werkzeug.exceptions import HTTPException

app = Flask(__name__)
app.json.sort_keys = False  # the answer's order is the one written below


@app.get("/")
def index() -> Response:
    return jsonify(
        commit=os.environ.get("app_commit", "unknown"),
        branch=os.environ.get("app_branch", "unknown"),
    )


@app.get("/health")
def health() -> Response:
    return jsonify(status="ok")


@app.errorhandler(HTTPException)
def http_error(error: HTTPException) -> tuple[Response, int]:
    return jsonify(error=error.description or error.name), error.code or 500


@app.errorhandler(Exception)
def anything_else(error: Exception) -> tuple[Response, int]:
    app.logger.error("unforeseen", exc_info=error)
    return jsonify(error="internal error"), 500

"""The factory: builds the stores and the use cases from the settings, and connects them with routes, checks and error pages."""

from __future__ import annotations

import io
import os
import time
from collections.abc import Callable
from typing import IO

from flask import Flask, Request
from werkzeug.middleware.proxy_fix import ProxyFix

from fotogal import imaging, settings as store_settings, stores
from fotogal.accounts import Accounts
from fotogal.catalogue.interface import Catalogue
from fotogal.gallery import Gallery
from fotogal.objects.interface import ObjectStore
from fotogal.log.setup import set_up as set_up_log
from fotogal.passwords import Passwords
from fotogal.sessions import Sessions
from fotogal.web import (
    api,
    errors,
    guard,
    headers,
    health,
    images,
    pages,
    requestlog,
    settings as web_settings,
    visitor,
)
from fotogal.web import services as request_services
from fotogal.web.services import Services

# A photo of 16 MB and the other fields of its form.
MAX_REQUEST_BYTES = imaging.MAX_BYTES + 128 * 1024


class UploadRequest(Request):
    """Keeps uploaded files in memory (they are bounded, and needed there anyway): no temporary files, so the container may be read-only."""

    def _get_file_stream(self, *_args: object, **_options: object) -> IO[bytes]:
        return io.BytesIO()


def create_app() -> Flask:
    """The application as the environment describes it: what gunicorn starts. Raises BadSetting."""
    chosen = store_settings.from_environment(os.environ)
    set_up_log(chosen)
    catalogue, objects = stores.open_catalogue(chosen), stores.open_objects(chosen)
    return build(make_services(web_settings.from_environment(os.environ), catalogue, objects))


def make_services(
    settings: web_settings.WebSettings,
    catalogue: Catalogue,
    objects: ObjectStore,
    passwords: Passwords | None = None,
    now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
) -> Services:
    """The use cases on these stores. Tests give cheap passwords and a clock of their own."""
    sessions = Sessions(catalogue, now_ms)
    accounts = Accounts(catalogue, passwords or Passwords(), sessions, now_ms)
    return Services(settings, catalogue, objects, sessions, accounts, Gallery(catalogue, objects, now_ms))


def build(services: Services) -> Flask:
    """The application on these services. It touches no store before the first request."""
    app = Flask("fotogal.web")
    app.request_class = UploadRequest
    app.config["MAX_CONTENT_LENGTH"] = MAX_REQUEST_BYTES
    app.json.ensure_ascii = False  # type: ignore[attr-defined]
    request_services.install(app, services)
    # Answers pass through the `after_request` hooks in the reverse order: the log's comes last.
    requestlog.install(app)
    app.before_request(guard.check_request)
    app.after_request(headers.add)
    app.after_request(visitor.send_visit)
    for blueprint in (*pages.BLUEPRINTS, *api.BLUEPRINTS, images.blueprint, health.blueprint):
        app.register_blueprint(blueprint)
    pages.install(app)
    errors.install(app)
    if services.settings.trusted_proxies:
        trusted = services.settings.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=trusted, x_proto=trusted, x_host=trusted, x_port=0)  # type: ignore[method-assign]
    return app

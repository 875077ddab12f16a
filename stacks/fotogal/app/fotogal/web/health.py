"""Alive is not ready: a process that answers is not to be restarted because a store is down, but it should get no visitors."""

from __future__ import annotations

from flask import Blueprint

from fotogal.catalogue.interface import Unavailable
from fotogal.objects.interface import StoreUnavailable
from fotogal.web.guard import public
from fotogal.web.services import services

blueprint = Blueprint("health", __name__, url_prefix="/health")


@blueprint.get("/live")
@public
def live() -> dict[str, str]:
    return {"status": "ok"}


@blueprint.get("/ready")
@public
def ready() -> tuple[dict[str, str], int]:
    """200 when both stores answer, else 503; which of them does in either case."""
    found = {"catalogue": "ok", "objects": "ok"}
    try:
        services().catalogue.ready()
    except Unavailable:
        found["catalogue"] = "unavailable"
    try:
        services().objects.ready()
    except StoreUnavailable:
        found["objects"] = "unavailable"
    is_ready = set(found.values()) == {"ok"}
    return {"status": "ok" if is_ready else "unavailable", **found}, 200 if is_ready else 503

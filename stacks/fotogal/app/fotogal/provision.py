"""Creates what the chosen stores need."""

from __future__ import annotations

from contextlib import closing

from fotogal.settings import Settings
from fotogal.stores import open_catalogue, open_objects


def provision(settings: Settings) -> list[str]:
    """What it did, a line each; nothing the second time. Raises Unavailable and StoreUnavailable."""
    with closing(open_objects(settings)) as objects, closing(open_catalogue(settings)) as catalogue:
        return [*objects.provision(), *catalogue.provision()]

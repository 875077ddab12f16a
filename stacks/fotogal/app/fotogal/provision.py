"""Creates what the chosen stores need."""

from __future__ import annotations

from contextlib import closing

from fotogal.settings import LogKind, Settings
from fotogal.stores import open_catalogue, open_objects


def provision(settings: Settings) -> list[str]:
    """What it did, a line each; nothing the second time. Raises Unavailable, StoreUnavailable and BadSetting."""
    with closing(open_objects(settings)) as objects, closing(open_catalogue(settings)) as catalogue:
        return [*objects.provision(), *catalogue.provision(), *_provision_log(settings)]


def _provision_log(settings: Settings) -> list[str]:
    if settings.log is not LogKind.OCI:
        return []
    from fotogal.log import oci
    from fotogal.oracle import UNREACHABLE, account
    from fotogal.objects.interface import StoreUnavailable

    try:
        return oci.provision(account(settings.oci))
    except UNREACHABLE as error:
        raise StoreUnavailable(f"the log service does not answer: {error}") from error

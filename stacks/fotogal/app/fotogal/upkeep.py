"""What has to be done now and then, whoever does it: objects without a row are swept away, sessions and attempts that are over are removed.

Every process of every container has the thread that does it, so that no further service has to run and none of them is special. The catalogue decides
whose turn it is: the first attempt in a period is one, as with attempts to log in. A process that dies in the middle leaves the rest to the next period.
"""

from __future__ import annotations

import logging
import threading
import time
from contextlib import closing

from fotogal.catalogue.interface import Catalogue, Unavailable
from fotogal.objects.interface import ObjectStore, StoreUnavailable
from fotogal.settings import Settings
from fotogal.stores import open_catalogue, open_objects
from fotogal.sweep import sweep

PERIOD_MS = 60 * 60 * 1000
# How often each process asks whether it is time.
ASK_EVERY_S = 300
_TURN = "upkeep"

log = logging.getLogger(__name__)


def start(settings: Settings) -> threading.Thread:
    """The thread, running; it ends with the process. To be called after a fork."""
    thread = threading.Thread(target=_run, args=(settings,), name="upkeep", daemon=True)
    thread.start()
    return thread


def do(catalogue: Catalogue, objects: ObjectStore, now_ms: int) -> bool:
    """Whether it was time, and ours. Raises StoreUnavailable and Unavailable."""
    if catalogue.attempt(_TURN, now_ms, PERIOD_MS) > 1:
        return False
    expired = catalogue.remove_expired(now_ms)
    swept = sweep(catalogue, objects, now_ms)
    log.info(
        "removed %d sessions and attempts that were over; of %d objects %d had no photo",
        expired,
        swept.seen,
        swept.removed,
    )
    return True


def _run(settings: Settings) -> None:
    while True:
        time.sleep(ASK_EVERY_S)
        try:
            with closing(open_objects(settings)) as objects, closing(open_catalogue(settings)) as catalogue:
                do(catalogue, objects, time.time_ns() // 1_000_000)
        except (Unavailable, StoreUnavailable) as error:
            log.warning("upkeep has to wait: %s", error)
        except Exception:  # the thread has to live on, or nothing is ever swept again
            log.exception("upkeep failed")

"""How gunicorn serves FotoGal: `gunicorn 'fotogal.web:create_app()'`. Names are gunicorn's settings."""

import logging
import os
import sys
from typing import Any

from fotogal import settings, stores, upkeep
from fotogal.catalogue.interface import Unavailable
from fotogal.objects.interface import StoreUnavailable
from fotogal.provision import provision
from fotogal.web import settings as web_settings

bind = "0.0.0.0:5000"
workers = int(os.environ.get("WEB_CONCURRENCY", "2"))
threads = int(os.environ.get("WEB_THREADS", "2"))
worker_class = "fotogal.web.worker.Worker"
# No control socket: nobody uses it here, and its folder would have to be writable.
control_socket_disable = True
# The application writes one line a request itself (fotogal.web.requestlog), in the central log's form.
accesslog = None
errorlog = "-"
# The application is loaded once, before the workers are forked: a faster start, and memory they share. It opens no connection before the first request.
preload_app = True
# Heartbeats in memory: on a slow disk a worker could look dead.
worker_tmp_dir = "/dev/shm"
# After SIGTERM no new request is taken, and those in flight have this long: an upload finishes. With none in flight stopping takes no time.
# Compose's `stop_grace_period` has to be longer.
graceful_timeout = 25
# A worker that says nothing for so long is started anew. Threads answer meanwhile, so a slow upload does not count as silence.
timeout = 60
# Behind nginx connections stay open between requests.
keepalive = 5


def _check_settings() -> None:
    """What cannot work is said in one line, before gunicorn loads the application and shows where in it that was."""
    try:
        chosen = settings.from_environment(os.environ)
        web_settings.from_environment(os.environ)
        stores.open_catalogue(chosen).close()
        stores.open_objects(chosen).close()
    except settings.BadSetting as error:
        sys.exit(f"cannot start: {error}")


_check_settings()


def on_starting(server: Any) -> None:
    """Before anything is served: what the stores need is there. Several containers may do it at once. Without its stores the
    application does not start; whoever watches it (Compose, Kubernetes) starts it again."""
    try:
        done = provision(settings.from_environment(os.environ))
    except (Unavailable, StoreUnavailable) as error:
        server.log.error("cannot start without the stores: %s", error)
        sys.exit(1)
    for line in done:
        server.log.info("provision: %s", line)


def post_worker_init(_worker: Any) -> None:
    """In each process, after the fork."""
    upkeep.start(settings.from_environment(os.environ))


def worker_exit(_server: Any, worker: Any) -> None:
    """At the end of each process that was told to stop. What was loaded before the fork is not taken apart piece by piece: that copies the memory
    shared with the others, and took longer than all the rest of stopping."""
    if not worker.alive:
        logging.shutdown()  # what the handlers still hold is sent
        os._exit(0)

"""How gunicorn serves the backend. Names are gunicorn's settings."""

import gc
import os

# Loading makes many objects and no garbage: looking for some meanwhile would take a tenth of the start.
gc.disable()

bind = "0.0.0.0:8000"
workers = int(os.environ.get("WEB_CONCURRENCY", "2"))
threads = 4
# No control socket: nobody uses it here, and its folder would have to be writable.
control_socket_disable = True
accesslog = "-"
errorlog = "-"
capture_output = True
# The application is loaded once, before the workers are forked: a faster start, and memory they share.
preload_app = True
# Heartbeats in memory: on a slow disk a worker could look dead.
worker_tmp_dir = "/dev/shm"
# A request in flight has this long to finish after SIGTERM: stopping stays under two seconds even if it does not.
graceful_timeout = 1
# Longer than what nginx lets through, so that nginx alone refuses a long address, as JSON.
limit_request_line = 8190
timeout = 30


def pre_fork(_server: object, _worker: object) -> None:
    """gunicorn calls it before each worker. What is loaded is never garbage; looked at by none, it stays shared by all (docs.python.org, gc.freeze)."""
    gc.freeze()
    gc.enable()

"""How gunicorn serves the page. Names are gunicorn's settings."""

import os

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
timeout = 30

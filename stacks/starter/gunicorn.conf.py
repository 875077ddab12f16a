"""How gunicorn serves the application. Names are gunicorn's settings."""

import os
import sys

bind = "0.0.0.0:8000"
chdir = "/app/src"
workers = int(os.environ.get("WEB_CONCURRENCY", "2"))
threads = 4
# "-" is stdout for the access log, but stderr for the error log and for what
# the application prints there. One stream for all of it: stdout.
os.dup2(sys.stdout.fileno(), sys.stderr.fileno())
accesslog = "-"
errorlog = "-"
capture_output = True
# No control socket: nobody uses it here, and its folder would have to be
# writable.
control_socket_disable = True
# Heartbeats in memory: on a slow disk a worker could look dead.
worker_tmp_dir = "/dev/shm"
# A request in flight has this long to finish after SIGTERM: stopping stays
# under two seconds even if it does not.
graceful_timeout = 1
timeout = 30

"""The health check: exit code 0 when /health/ready answers 200. Only `socket`, because it is started every few seconds.

`python healthcheck.py live` asks whether the process answers at all, whatever its stores do.
"""

import socket
import sys

path = "/health/live" if sys.argv[1:] == ["live"] else "/health/ready"
try:
    with socket.create_connection(("127.0.0.1", 5000), timeout=5) as connection:
        connection.sendall(f"GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n".encode())
        status = connection.recv(64).split(b"\r\n")[0].decode("ascii", "replace")
except OSError as error:
    sys.exit(f"no answer: {error}")
if " 200 " not in status + " ":
    sys.exit(f"unhealthy: {status}")

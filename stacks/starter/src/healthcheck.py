"""The health check: exit code 0 when /health answers 200.

Only `socket`, because it is started every few seconds.
"""

import socket
import sys

REQUEST = b"GET /health HTTP/1.0\r\nHost: localhost\r\n\r\n"

try:
    with socket.create_connection(("127.0.0.1", 8000), timeout=2) as server:
        server.sendall(REQUEST)
        status = server.recv(64).split(b"\r\n")[0].decode("ascii", "replace")
except OSError as error:
    sys.exit(f"no answer: {error}")
if " 200 " not in status + " ":
    sys.exit(f"unhealthy: {status}")

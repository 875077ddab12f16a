"""The health check: exit code 0 when /health answers 200.

It is started every few seconds, so it imports as little as it can: `_socket` is what Python's `socket` stands on, and is there in half the time.
"""

import sys
from _socket import socket

connection = socket()
connection.settimeout(2)
try:
    connection.connect(("127.0.0.1", 8000))
    connection.sendall(b"GET /health HTTP/1.0\r\nHost: localhost\r\n\r\n")
    status = connection.recv(64).split(b"\r\n")[0].decode("ascii", "replace")
except OSError as error:
    sys.exit(f"no answer: {error}")
if " 200 " not in status + " ":
    sys.exit(f"unhealthy: {status}")

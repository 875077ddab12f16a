"""api-frontend: says that it is there, and what api-backend says. One process, which is PID 1 in its container."""

from __future__ import annotations

import json
import os
import signal
import time
from http.client import HTTPException as BrokenAnswer
from queue import SimpleQueue
from threading import Thread
from urllib.request import ProxyHandler, build_opener

from cheroot.wsgi import Server
from flask import Flask, Response, jsonify, request
from werkzeug.exceptions import HTTPException

PORT = 5000
BACKEND_URL = os.environ.get("BACKEND_URL", "http://api-backend:5000/")
BACKEND_TIMEOUT_S = float(os.environ.get("BACKEND_TIMEOUT_S", "2"))
LARGEST_ANSWER = 64 * 1024

app = Flask(__name__)
app.json.sort_keys = False  # the answers' order is the one written here
# What ends the process, put here by whoever wants its end; `main` waits for it.
end: SimpleQueue[BaseException] = SimpleQueue()


class Crash(Exception):
    """An error that the process does not survive."""


class BackendDown(Exception):
    """api-backend gave no proper answer in time."""


@app.get("/")
def index() -> Response:
    return jsonify(api="frontend", status="ok", backend=ask_backend())


@app.get("/health")
def health() -> Response:
    return jsonify(status="ok")


@app.get("/traceback")
def traceback() -> Response:
    raise Crash("GET /traceback asked for the end of this process")


def ask_backend() -> object:
    """The JSON that api-backend answers with. Raises BackendDown."""
    deadline = time.monotonic() + BACKEND_TIMEOUT_S
    try:
        # Straight to the backend, whatever HTTP_PROXY says. A status of 400 and above is an error (an OSError, too).
        with build_opener(ProxyHandler({})).open(BACKEND_URL, timeout=BACKEND_TIMEOUT_S) as answer:
            body = b""
            while chunk := answer.read1(LARGEST_ANSWER):
                body += chunk
                if time.monotonic() > deadline or len(body) > LARGEST_ANSWER:
                    raise BackendDown("the backend's answer is too slow or too long")
            return json.loads(body)
    except TimeoutError as error:
        raise BackendDown("the backend does not answer in time") from error
    except (OSError, BrokenAnswer, ValueError) as error:
        raise BackendDown("the backend does not answer") from error


@app.errorhandler(BackendDown)
def backend_down(error: BackendDown) -> tuple[Response, int]:
    app.logger.warning("%s: %s", error, error.__cause__)
    return jsonify(error=str(error)), 502


@app.errorhandler(Crash)
def crash(error: Crash) -> tuple[Response, int]:
    app.logger.critical("this process ends", exc_info=error)
    # Without its traceback, which holds on to the connection: that has to be closed in order before the end.
    end.put(Crash(str(error)))
    return jsonify(error=str(error)), 500


@app.errorhandler(HTTPException)
def http_error(error: HTTPException) -> tuple[Response, int]:
    return jsonify(error=error.description or error.name), error.code or 500


@app.errorhandler(Exception)
def anything_else(error: Exception) -> tuple[Response, int]:
    app.logger.error("unforeseen", exc_info=error)
    return jsonify(error="internal error"), 500


@app.after_request
def write_access_log(response: Response) -> Response:
    if request.path != "/health":
        print(f'{request.remote_addr} "{request.method} {request.path}" {response.status_code}', flush=True)
    return response


def main() -> None:
    """Serve until something ends the process: SIGTERM (exit code 0) or a Crash (traceback on stderr, exit code 1)."""
    signal.signal(signal.SIGTERM, lambda _signal, _frame: end.put(SystemExit(0)))
    server = Server(("0.0.0.0", PORT), app, numthreads=8, shutdown_timeout=1)
    server.prepare()
    Thread(target=server.serve).start()
    cause = end.get()
    server.stop()  # requests in flight are answered first
    raise cause


if __name__ == "__main__":
    main()

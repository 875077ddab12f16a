"""The floor: the three servers of stacks/visitors started by hand, without containers, as fast as they allow.

The same programs from the same images with the same configuration, each started when the one it needs serves; a probe is asked
every 2 ms. Only addresses differ: everything is on 127.0.0.1, because there are no networks between containers.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from bench import probe
from bench.chroot import Root, bind, mounted
from bench.programs import MeasureError, wait

DATABASE_PORT, BACKEND_PORT, FRONTEND_PORT = 25432, 28000, 28080
USER, PASSWORD = "visitors", "bench-floor"
STOP_TIMEOUT_S = 10
DATA = "/var/lib/postgresql/data"
PAGE = probe.Target(FRONTEND_PORT, "/healthz")
API = probe.Target(FRONTEND_PORT, "/api/visitors")


class Floor:
    """The three servers, startable and stoppable."""

    def __init__(self, database: Root, backend: Root, frontend: Root) -> None:
        self._roots = {"db": database, "backend": backend, "frontend": frontend}
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def up(self) -> float:
        """Start all, each when what it needs serves; seconds until the last one does."""
        began = time.perf_counter()
        self._start_database()
        self._start_backend()
        probe.until(lambda: probe.serves(probe.Target(BACKEND_PORT, "/health")), "the floor's backend")
        self._start_frontend()
        probe.until(lambda: probe.serves(PAGE), "the floor's frontend")
        return time.perf_counter() - began

    def down(self) -> float:
        """Stop all in turn, each by its image's stop signal; seconds until the last is gone."""
        began = time.perf_counter()
        self._stop("frontend", signal.SIGQUIT)
        self._stop("backend", signal.SIGTERM)
        self._stop("db", signal.SIGINT)
        return time.perf_counter() - began

    def restart_backend(self) -> float:
        """Stop and start the backend; seconds until the page's API answers again."""
        began = time.perf_counter()
        self._stop("backend", signal.SIGTERM)
        self._start_backend()
        probe.until(lambda: probe.serves(API), "the floor's API")
        return time.perf_counter() - began

    def backend_start_up(self) -> float:
        """The backend's own start-up time: seconds from its start until the page's API answers."""
        self._stop("backend", signal.SIGKILL)
        began = time.perf_counter()
        self._start_backend()
        probe.until(lambda: probe.serves(API), "the floor's API")
        return time.perf_counter() - began

    @contextlib.contextmanager
    def frontend_only(self) -> Iterator[None]:
        """nginx alone, serving."""
        self._start_frontend()
        try:
            probe.until(lambda: probe.serves(PAGE), "the floor's frontend")
            yield
        finally:
            self._stop("frontend", signal.SIGQUIT)

    def close(self) -> None:
        """Kill what still runs."""
        for name in list(self._running):
            self._stop(name, signal.SIGKILL)

    def initialise(self) -> None:
        """Make the data volume once, by the image's own entry point."""
        self._start("db", ["docker-entrypoint.sh", "postgres", "-p", str(DATABASE_PORT)], self._database_env())
        self._await_database()
        self._stop("db", signal.SIGINT)

    def _start_database(self) -> None:
        self._start("db", ["postgres", "-p", str(DATABASE_PORT)], self._database_env())
        self._await_database()

    def _await_database(self) -> None:
        probe.until(lambda: probe.postgres_answers(DATABASE_PORT, USER), "the floor's database")

    def _start_backend(self) -> None:
        url = f"postgresql+psycopg://{USER}:{PASSWORD}@127.0.0.1:{DATABASE_PORT}/{USER}"
        command = [
            *("python3", "-m", "gunicorn"),
            "--config",
            "gunicorn.conf.py",
            "--bind",
            f"127.0.0.1:{BACKEND_PORT}",
            "app:create_app()",
        ]
        self._start("backend", command, {"DATABASE_URL": url})

    def _start_frontend(self) -> None:
        self._start("frontend", ["nginx", "-g", "daemon off;"], {})

    def _start(self, name: str, command: list[str], env: Mapping[str, str]) -> None:
        self._running[name] = self._roots[name].start(command, env=env)

    def _stop(self, name: str, number: signal.Signals) -> None:
        process = self._running.pop(name, None)
        if process is None:
            return
        if number is signal.SIGKILL:
            # Children too: without a PID namespace they outlive their parent.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, number)
        else:
            process.send_signal(number)
        if wait(process, STOP_TIMEOUT_S) is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            raise MeasureError(f"the floor's {name} did not stop on {number.name}")

    @staticmethod
    def _database_env() -> dict[str, str]:
        return {"POSTGRES_USER": USER, "POSTGRES_PASSWORD": PASSWORD, "POSTGRES_DB": USER}


class Images(msgspec.Struct, frozen=True, kw_only=True):
    """The stack's images as `cais image inspect` shows them."""

    database: Mapping[str, Any]
    backend: Mapping[str, Any]
    frontend: Mapping[str, Any]


@contextlib.contextmanager
def floor(images: Images, folder: str, env: Mapping[str, str]) -> Iterator[Floor]:
    """The floor over mounted images; its data volume is kept in `folder` between runs."""
    with contextlib.ExitStack() as stack:
        database = stack.enter_context(mounted(images.database, f"{folder}/db", env=env, user="postgres"))
        backend = stack.enter_context(mounted(images.backend, f"{folder}/backend", env=env))
        frontend = stack.enter_context(mounted(images.frontend, f"{folder}/frontend", env=env))
        data = f"{folder}/db-data"
        bind(data, database, DATA, env=env)
        uid, gid = (int(part) for part in database.user.split(":"))
        os.chown(data, uid, gid)
        _point_frontend(frontend)
        servers = Floor(database, backend, frontend)
        stack.callback(servers.close)
        if not os.path.exists(f"{data}/PG_VERSION"):
            servers.initialise()
        yield servers


def _point_frontend(root: Root) -> None:
    """Other ports in nginx's configuration, and the backend by address instead of by name."""
    path = f"{root.folder}/etc/nginx/nginx.conf"
    with open(path, encoding="utf-8") as stream:
        text = stream.read()
    text = re.sub(r"listen 8080;", f"listen 127.0.0.1:{FRONTEND_PORT};", text)
    text = re.sub(r"proxy_pass http://\S+;", f"proxy_pass http://127.0.0.1:{BACKEND_PORT};", text)
    with open(path, "w", encoding="utf-8") as stream:
        stream.write(text)

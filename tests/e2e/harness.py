"""Drives the real `cais` as a user would: a subprocess, its exit code, its output."""

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")
CHECKOUT = Path(__file__).parents[2]


class Result:
    """What came of one call."""

    def __init__(self, argv: tuple[str, ...], code: int, stdout: str, stderr: str, seconds: float) -> None:
        self.argv = argv
        self.code = code
        self.stdout = stdout
        self.stderr = stderr
        self.seconds = seconds

    def __repr__(self) -> str:
        return f"$ cais {' '.join(self.argv)}\n-> {self.code} after {self.seconds:.2f} s\n{self.stdout}\n--- stderr\n{self.stderr}"


class Cais:
    """`cais` under one root, in one folder."""

    def __init__(self, root: Path, folder: Path, env: Mapping[str, str] | None = None) -> None:
        self.root = root
        self.folder = folder
        self.env = {**os.environ, "CAIS_ROOT": str(root), "PYTHONPATH": str(CHECKOUT / "src"), **(env or {})}
        self.env.pop("PYTHONDONTWRITEBYTECODE", None)

    def run(
        self, *argv: str, timeout_s: float = 300, stdin: str | None = None, env: Mapping[str, str] | None = None
    ) -> Result:
        """Run to the end; any exit code is a result."""
        began = time.monotonic()
        done = subprocess.run(
            [sys.executable, "-m", "cais", *argv],
            cwd=self.folder,
            env={**self.env, **(env or {})},
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )
        return Result(argv, done.returncode, done.stdout, done.stderr, time.monotonic() - began)

    def ok(self, *argv: str, timeout_s: float = 300, stdin: str | None = None) -> Result:
        """Run and expect exit code 0."""
        result = self.run(*argv, timeout_s=timeout_s, stdin=stdin)
        assert result.code == 0, result
        return result

    def start(self, *argv: str) -> subprocess.Popen[bytes]:
        """Start and go on; what it prints is dropped."""
        return subprocess.Popen(
            [sys.executable, "-m", "cais", *argv],
            cwd=self.folder,
            env=self.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def containers(self, *argv: str) -> list[dict[str, Any]]:
        """`cais ps --format json`, all states."""
        return [json.loads(line) for line in self.ok("ps", "-a", "--format", "json", *argv).stdout.splitlines()]

    def container(self, service: str) -> dict[str, Any]:
        """The first container of a service."""
        found = [c for c in self.containers() if c["Service"] == service]
        assert found, f"no container of {service}"
        return found[0]


def until(what: Callable[[], T], *, timeout_s: float = 20, every_s: float = 0.05) -> T:
    """The first true value of `what`; fails with the last one after `timeout_s`. Waits for the world outside, never for our own code."""
    deadline = time.monotonic() + timeout_s
    while True:
        value = what()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"still {value!r} after {timeout_s} s")
        time.sleep(every_s)


class Answer:
    """An HTTP answer."""

    def __init__(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        self.status = status
        self.body = body
        self.headers = headers

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def http(
    url: str,
    *,
    method: str = "GET",
    data: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    timeout_s: float = 10,
) -> Answer:
    """One request; every status is an answer, a refused connection is an OSError."""
    request = urllib.request.Request(url, data=data, method=method, headers=dict(headers or {}))
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=timeout_s) as response:
            return Answer(response.status, response.read(), dict(response.headers))
    except urllib.error.HTTPError as error:
        with error:
            return Answer(error.code, error.read(), dict(error.headers))


def post_json(url: str, value: object) -> Answer:
    """POST `value` as JSON."""
    return http(url, method="POST", data=json.dumps(value).encode(), headers={"Content-Type": "application/json"})


def answers(url: str) -> Answer | None:
    """The answer, None while nobody listens."""
    try:
        return http(url, timeout_s=2)
    except OSError:
        return None

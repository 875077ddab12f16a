"""A headless Chromium driven over the WebDriver protocol (W3C), with nothing but the standard library."""

import base64
import json
import shutil
import socket
import subprocess
import tempfile
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.e2e.harness import answers, until

FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-quic", "--no-proxy-server", "--window-size=900,700", "--lang=pt-BR",
)  # fmt: skip
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"  # the key of an element reference (WebDriver, section 12)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Browser:
    """One browser with one window; a context manager."""

    def __enter__(self) -> Self:
        self._port = free_port()
        self._profile = tempfile.mkdtemp(prefix="cais-chromium-")
        self._driver = subprocess.Popen(
            ["chromedriver", f"--port={self._port}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        until(lambda: answers(f"http://127.0.0.1:{self._port}/status"), timeout_s=30)
        options = {"args": [*FLAGS, f"--user-data-dir={self._profile}"], "binary": "/usr/bin/chromium"}
        wanted = {"capabilities": {"alwaysMatch": {"browserName": "chrome", "goog:chromeOptions": options}}}
        self._session = self._call("POST", "/session", wanted)["sessionId"]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._call("DELETE", f"/session/{self._session}")
        finally:
            self._driver.terminate()
            self._driver.wait()
            shutil.rmtree(self._profile, ignore_errors=True)

    def open(self, url: str) -> None:
        self._window("POST", "/url", {"url": url})

    def text(self, selector: str) -> str:
        """The visible text of the first match."""
        return str(self._window("GET", f"/element/{self._find(selector)}/text"))

    def texts(self, selector: str) -> list[str]:
        """The visible text of every match, in the page's order; read at one moment, whatever the page does meanwhile."""
        script = "return Array.from(document.querySelectorAll(arguments[0]), (one) => one.innerText)"
        return [str(text) for text in self._window("POST", "/execute/sync", {"script": script, "args": [selector]})]

    def is_shown(self, selector: str) -> bool:
        return bool(self._window("GET", f"/element/{self._find(selector)}/displayed"))

    def fill(self, selector: str, text: str) -> None:
        element = self._find(selector)
        self._window("POST", f"/element/{element}/clear", {})
        self._window("POST", f"/element/{element}/value", {"text": text})

    def attach(self, selector: str, file: Path) -> None:
        """Choose a file in a field for files, which may be out of sight (a label shows it)."""
        self._window("POST", f"/element/{self._find(selector)}/value", {"text": str(file)})

    def url(self) -> str:
        """The address of the page that is open."""
        return str(self._window("GET", "/url"))

    def script(self, source: str) -> Any:
        """What JavaScript in the page returns."""
        return self._window("POST", "/execute/sync", {"script": source, "args": []})

    def forget(self) -> None:
        """Nobody is logged in any more."""
        self._window("DELETE", "/cookie")

    def slow_down(self, bytes_per_s: int) -> None:
        """From now on what is sent and what comes takes its time; 0 ends that (a command of chromedriver's own)."""
        conditions = {"offline": False, "latency": 0, "throughput": bytes_per_s or -1}
        self._window("POST", "/chromium/network_conditions", {"network_conditions": conditions})

    def click(self, selector: str) -> None:
        self._window("POST", f"/element/{self._find(selector)}/click", {})

    def screenshot(self, path: Path) -> None:
        path.write_bytes(base64.b64decode(self._window("GET", "/screenshot")))

    def _find(self, selector: str) -> str:
        return str(self._window("POST", "/element", {"using": "css selector", "value": selector})[ELEMENT])

    def _window(self, method: str, path: str, body: object = None) -> Any:
        return self._call(method, f"/session/{self._session}{path}", body)

    def _call(self, method: str, path: str, body: object = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            f"http://127.0.0.1:{self._port}{path}",
            data=data,
            method=method,
            headers={"Content-Type": "application/json"},
        )
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=60) as response:
            return json.loads(response.read())["value"]

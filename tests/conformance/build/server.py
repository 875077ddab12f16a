"""What ADD fetches from: a web server and a git server, at an address that Docker's engine and Cais both reach."""

from __future__ import annotations

import contextlib
import gzip
import http.server
import io
import os
import subprocess
import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path

import msgspec
from tests.e2e.build.gitserver import git_server

FILE = b"from afar\n"


class Servers(msgspec.Struct, frozen=True):
    """Where they are, and the commit that the tag v1 names."""

    web: str
    git: str
    commit: str


class _Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path == "/elsewhere":
            self.send_response(302)
            self.send_header("Location", "/file.txt")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        content = {"/file.txt": FILE, "/": b"root\n", "/archive.tar.gz": _archive()}.get(path)
        self.send_response(404 if content is None else 200)
        self.send_header("Content-Length", str(len(content or b"")))
        self.send_header("Last-Modified", "Tue, 02 Jan 2024 03:04:05 GMT")
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(content or b"")

    def do_HEAD(self) -> None:
        self.do_GET()

    def log_message(self, *_args: object) -> None:
        """Nothing."""


def _archive() -> bytes:
    stream = io.BytesIO()
    with gzip.GzipFile(fileobj=stream, mode="wb", mtime=0) as packed, tarfile.open(fileobj=packed, mode="w") as tar:
        member = tarfile.TarInfo("in/archive")
        member.size, member.uid, member.mode = 2, 7, 0o640
        tar.addfile(member, io.BytesIO(b"1\n"))
    return stream.getvalue()


@contextlib.contextmanager
def servers(address: str, folder: Path) -> Iterator[Servers]:
    """Both, for the time of the block."""
    commit = _repositories(folder)
    web = http.server.ThreadingHTTPServer((address, 0), _Handler)
    threading.Thread(target=web.serve_forever, daemon=True).start()
    try:
        with git_server(address, folder) as port:
            yield Servers(f"http://{address}:{web.server_port}", f"git://{address}:{port}", commit)
    finally:
        web.shutdown()
        web.server_close()


_ANYBODY = {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1"}
_AUTHOR = {f"GIT_{who}_{what}": value for who in ("AUTHOR", "COMMITTER")
           for what, value in (("NAME", "a"), ("EMAIL", "a@b.c"), ("DATE", "2024-01-02T03:04:05Z"))}  # fmt: skip


def _repositories(folder: Path) -> str:
    """`repo.git` with a tag, a branch, modes and a link; `outer.git` that has it as a submodule. The tag's commit."""
    work = folder / "work"
    _git(folder, "init", "-q", "-b", "main", str(work))
    for name, content in (("f", "1\n"), ("sub/g", "2\n"), ("script", "#!/bin/sh\n")):
        (work / name).parent.mkdir(exist_ok=True)
        (work / name).write_text(content)
    (work / "script").chmod(0o755)
    (work / "link").symlink_to("sub/g")
    _git(work, "add", ".")
    _git(work, "commit", "-qm", "one")
    _git(work, "tag", "v1")
    _git(work, "checkout", "-qb", "other")
    (work / "f").write_text("other\n")
    _git(work, "commit", "-qam", "two")
    _git(work, "checkout", "-q", "main")
    (work / "f").write_text("main\n")
    _git(work, "commit", "-qam", "three")
    _git(folder, "clone", "-q", "--bare", str(work), str(folder / "repo.git"))
    outer = folder / "outer-work"
    _git(folder, "init", "-q", "-b", "main", str(outer))
    _git(outer, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", "../repo.git", "inner")
    _git(outer, "commit", "-qm", "one")
    _git(folder, "clone", "-q", "--bare", str(outer), str(folder / "outer.git"))
    return _git(work, "rev-parse", "v1").strip()


def _git(folder: Path, *words: str) -> str:
    environment = {**os.environ, **_ANYBODY, **_AUTHOR}
    return subprocess.run(
        ["git", *words], cwd=folder, env=environment, check=True, capture_output=True, text=True
    ).stdout

"""Debian's `docker-registry`, run for a test on a port of its own: plain, or with a password and a certificate of a CA that the test makes."""

from __future__ import annotations

import contextlib
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.e2e.harness import until

USER, PASSWORD = "me", "hush-hush"
# bcrypt of the password, which is all that the registry takes (htpasswd -nbB).
_HTPASSWD = f"{USER}:$2b$05$abcdefghijklmnopqrstuu4uoW5CdSDmY8cLkib7pLDRBlvRVo8Pe\n"


class DebianRegistry:
    """A running registry. `ca` is the certificate to trust, None where it speaks plain HTTP."""

    def __init__(self, host: str, folder: Path, ca: Path | None) -> None:
        self.host = host
        self.folder = folder
        self.ca = ca

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text()


@contextlib.contextmanager
def debian_registry(
    folder: Path, *, login: bool = False, tls: bool = False, extra: str = ""
) -> Iterator[DebianRegistry]:
    """A registry with its files in `folder`, stopped at the end of the block."""
    folder.mkdir(parents=True, exist_ok=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = [f'http:\n  addr: "127.0.0.1:{port}"']
    if tls:
        certificate, key = make_certificate(folder)
        settings.append(f"  tls: {{certificate: {certificate}, key: {key}}}")
    if login:
        (folder / "htpasswd").write_text(_HTPASSWD)
        settings.append(f"auth:\n  htpasswd: {{realm: test, path: {folder}/htpasswd}}")
    settings += [
        "version: 0.1",
        "log: {level: info}",
        f"storage: {{filesystem: {{rootdirectory: {folder}/data}}, delete: {{enabled: true}}}}",
        extra,
    ]
    (folder / "config.yml").write_text("\n".join(settings))
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(["docker-registry", "serve", str(folder / "config.yml")], stdout=log, stderr=log)
    try:
        until(lambda: _listens(port))
        yield DebianRegistry(f"localhost:{port}", folder, folder / "ca.pem" if tls else None)
    finally:
        process.terminate()
        process.wait(10)


def make_certificate(folder: Path) -> tuple[Path, Path]:
    """A CA (`ca.pem`) and a certificate of it for localhost; the certificate's file and that of its key."""
    _openssl(folder, "req", "-x509", *_NEW, "-subj", "/CN=test CA", "-days", "2", "-keyout", "ca.key", "-out", "ca.pem")
    _openssl(folder, "req", *_NEW, "-subj", "/CN=localhost", "-keyout", "key.pem", "-out", "request.pem")
    (folder / "names").write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
    signing = ("-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-extfile", "names")
    _openssl(folder, "x509", "-req", "-in", "request.pem", *signing, "-out", "certificate.pem")
    return folder / "certificate.pem", folder / "key.pem"


_NEW = ("-newkey", "rsa:2048", "-nodes")


def _openssl(folder: Path, *words: str) -> None:
    subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)


def _listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False

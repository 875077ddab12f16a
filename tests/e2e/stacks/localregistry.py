"""A real registry (Debian's docker-registry) on the loopback, with one account."""

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

import yaml

from tests.e2e.browser import free_port
from tests.e2e.harness import answers, until

ACCOUNT, TOKEN = "alice", "s3cret-token"


@contextlib.contextmanager
def serving(folder: Path) -> Iterator[str]:
    """`host:port` of a registry that keeps its data in `folder`, in the network namespace of the caller."""
    address = f"127.0.0.1:{free_port()}"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "accounts").write_text(f"{ACCOUNT}:{_bcrypt(TOKEN)}\n")
    configuration = {
        "version": "0.1",
        "log": {"level": "warn"},
        "storage": {"filesystem": {"rootdirectory": str(folder / "data")}},
        "http": {"addr": address},
        "auth": {"htpasswd": {"realm": "test", "path": str(folder / "accounts")}},
    }
    (folder / "config.yml").write_text(yaml.safe_dump(configuration))
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(["docker-registry", "serve", str(folder / "config.yml")], stdout=log, stderr=log)
    try:
        until(lambda: (answer := answers(f"http://{address}/v2/")) is not None and answer.status == 401)
        yield address
    finally:
        process.terminate()
        process.wait()


def _bcrypt(password: str) -> str:
    """The only kind of password the registry knows. Perl asks the system's crypt(3), which can make it."""
    script = "print crypt($ARGV[0], q($2b$05$abcdefghijklmnopqrstuu))"
    return subprocess.run(["perl", "-e", script, password], capture_output=True, text=True, check=True).stdout

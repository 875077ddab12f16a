"""The two sides: `cais` and `docker compose` on the same compose file and the same image."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from ipaddress import ip_interface
from pathlib import Path
from typing import Protocol

import msgspec
from bench.docker import DockerTool
from tests.conformance.engine.cases import IMAGE
from tests.e2e.harness import Cais

HERE = Path(__file__).parent
TIMEOUT_S = 300
PROJECT = "conform"
ENVIRONMENT = {"TOLD": "a secret told by the environment", "COMPOSE_PROJECT_NAME": PROJECT}

# Applets that facts.sh and the scenarios use.
APPLETS = (
    *(
        "awk",
        "cat",
        "chown",
        "head",
        "chroot",
        "cut",
        "date",
        "dd",
        "dmesg",
        "env",
        "find",
        "grep",
        "hostname",
        "httpd",
        "id",
    ),
    *("insmod", "ip", "kill", "ls", "mkdir", "mknod", "mount", "nc", "nice", "nslookup", "ping", "printf", "ps"),
    *(
        "readlink",
        "rm",
        "rmdir",
        "sed",
        "sh",
        "sleep",
        "sort",
        "stat",
        "tail",
        "timeout",
        "touch",
        "tr",
        "true",
        "umount",
    ),
    *("unshare", "wget"),
)

Facts = Mapping[str, tuple[str, ...]]


class Answer(msgspec.Struct, frozen=True):
    """What came of a command."""

    code: int
    stdout: str
    stderr: str


class Side(Protocol):
    """One of the two."""

    name: str
    folder: Path

    def run(self, *words: str, timeout_s: float = TIMEOUT_S) -> Answer:
        """`cais WORDS` or `docker compose WORDS` in the project's folder."""

    def beside(self, *argv: str) -> Answer:
        """A program in the network namespace where published ports are."""


class CaisSide:
    """`cais`."""

    name = "cais"

    def __init__(self, root: Path, folder: Path) -> None:
        self.folder = folder
        self.cais = Cais(root, folder, ENVIRONMENT)

    def run(self, *words: str, timeout_s: float = TIMEOUT_S) -> Answer:
        done = self.cais.run(*words, timeout_s=timeout_s)
        return Answer(done.code, done.stdout, done.stderr)

    def beside(self, *argv: str) -> Answer:
        return _call(argv, self.folder, os.environ)


class DockerSide:
    """`docker compose`."""

    name = "docker"

    def __init__(self, docker: DockerTool, folder: Path) -> None:
        self.folder = folder
        self.docker = docker

    def run(self, *words: str, timeout_s: float = TIMEOUT_S) -> Answer:
        return self.beside("docker", "compose", *words)

    def beside(self, *argv: str) -> Answer:
        inside = ("nsenter", f"--net={self.docker.network}", "--", *argv)
        return _call(inside, self.folder, {**self.docker.env, **ENVIRONMENT})


def _call(argv: Sequence[str], folder: Path, env: Mapping[str, str]) -> Answer:
    done = subprocess.run(
        argv,
        cwd=folder,
        env={**env},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    return Answer(done.returncode, done.stdout, done.stderr)


def make_image(cais: Cais, folder: Path) -> None:
    """Import the image that both sides use."""
    root = folder / "root"
    for name in ("bin", "etc", "tmp", "root", "www", "mnt", "data/sub"):
        (root / name).mkdir(parents=True)
    shutil.copy("/bin/busybox", root / "bin/busybox")
    for applet in APPLETS:
        (root / "bin" / applet).symlink_to("busybox")
    shutil.copy(HERE / "facts.sh", root / "facts")
    (root / "facts").chmod(0o755)
    (root / "broken").write_text("neither a script nor a program\n")
    (root / "broken").chmod(0o755)
    (root / "etc/passwd").write_text(
        "root:x:0:0:root:/root:/bin/sh\napp:x:1000:1000::/home/app:/bin/sh\nmany:x:1001:1001::/home/many:/bin/sh\n"
    )
    (root / "etc/group").write_text(
        "root:x:0:root\napp:x:1000:\nmany:x:1001:\nextra:x:2000:many\nmore:x:2001:many,app\n"
    )
    (root / "tmp").chmod(0o1777)
    (root / "data/file").write_text("of the image\n")
    (root / "data/file").chmod(0o640)
    (root / "data/sub/deep").symlink_to("../file")
    (root / "link").symlink_to("data")
    for path in (root / "data", root / "data/file", root / "data/sub"):
        os.chown(path, 1000, 2000)
    (root / "data").chmod(0o2750)
    changes = ("ENV PATH=/bin", "ENV IMAGE=set", "LABEL of.image=yes", "WORKDIR /work", "STOPSIGNAL SIGTERM")
    words = [word for change in changes for word in ("-c", change)]
    cais.ok("image", "import", str(root), IMAGE, *words)


def furnish(folder: Path, compose: str) -> None:
    """The files of a project."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    (folder / "compose.yaml").write_text(compose)
    for name in ("bind", "nest", "written"):
        (folder / name).mkdir(mode=0o755)
        (folder / name / "file").write_text("of the host\n")
    (folder / "secret.txt").write_text("a secret of a file\n")
    (folder / "secret.txt").chmod(0o644)


def parse(text: str) -> dict[str, tuple[str, ...]]:
    """The facts that facts.sh printed; several of one name are sorted."""
    found: dict[str, list[str]] = {}
    # Compose 2.26 clears each line of a log before it prints it.
    for line in text.replace("\r", "").replace("\x1b[2K", "").splitlines():
        name, tab, value = line.partition("\t")
        if tab:
            found.setdefault(name, []).append(value)
    return {name: tuple(sorted(values)) for name, values in found.items()}


# What is random or belongs to the machine, as (pattern, stand-in).
SCRUB = (
    (r"\b[0-9a-f]{64}\b", "<id>"),
    (r"\b[0-9a-f]{12}\b", "<short id>"),
    (r"(lowerdir|upperdir|workdir)=[^,\s]*", r"\1=<path>"),
    (r"(?!02:42:0a:0b:0c:0d)\b([0-9a-f]{2}:){5}[0-9a-f]{2}\b", "<mac>"),
    (r"\b(f[ef]0[0-2]::)0\b", r"\1"),  # two ways to write the same address
    (r"\bfe80::[0-9a-f:]+", "<link local>"),
)


def scrub(facts: Facts, namespaces: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """`facts` without what differs at every run. `namespaces` are the host's by kind."""
    patterns = [*_own_addresses(facts), *SCRUB]
    result = {}
    for name, values in facts.items():
        if name.startswith("ns "):
            kind = name.removeprefix("ns ").removesuffix("_for_children")
            result[name] = tuple("the host's" if value == namespaces[kind] else "its own" for value in values)
        else:
            result[name] = tuple(sorted(_scrubbed(value, patterns) for value in values))
    return result


def _scrubbed(text: str, patterns: Sequence[tuple[str, str]]) -> str:
    for pattern, stand_in in patterns:
        text = re.sub(pattern, stand_in, text)
    return text


def _own_addresses(facts: Facts) -> list[tuple[str, str]]:
    found = []
    for value in facts.get("address", ()):
        link, family, address = value.split()[:3]
        if family == "inet" and link.startswith(("eth", "net")):
            network = ip_interface(address).network
            found.append((re.escape(address.partition("/")[0]) + r"\b", f"<{link}>"))
            found.append((re.escape(str(network)), f"<network of {link}>"))
            found.append((re.escape(str(network[1])) + r"\b", f"<gateway of {link}>"))
            found.append((rf"<{link}>/\d+", f"<{link}>"))
    return found


def host_namespaces(network: str = "") -> dict[str, str]:
    """The host's namespaces by kind; the network one may be another."""
    found = {kind: os.readlink(f"/proc/self/ns/{kind}") for kind in os.listdir("/proc/self/ns")}
    if network:
        found["net"] = f"net:[{Path(network).stat().st_ino}]"
    return found

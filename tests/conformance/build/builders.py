"""The builders that are compared: Cais, Docker's engine, and a BuildKit daemon for what the engine is too old for."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import msgspec
from bench.docker import DockerTool
from bench.netns import inside
from tests.e2e.harness import Cais

NAME = "case/built:1"
SCRIPT = Path(__file__).parents[3] / "scripts" / "buildkit.sh"
TIMEOUT_S = 180


class Outcome(msgspec.Struct, frozen=True):
    """How a build ended, and what it said."""

    code: int
    said: str


class Builder(Protocol):
    """Builds a folder under NAME."""

    def build(self, folder: Path, flags: tuple[str, ...]) -> Outcome:
        """Whatever comes of it; `flags` are those of `docker build`."""

    def save(self, archive: Path) -> None:
        """The image as an archive."""

    def take(self, archive: Path, name: str) -> None:
        """A base image, called `name`."""


class CaisBuilder:
    """`cais image build`."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def build(self, folder: Path, flags: tuple[str, ...], name: str = NAME) -> Outcome:
        done = Cais(self._root, folder).run("image", "build", "--no-host-ca", "-t", name, *flags, ".")
        return Outcome(done.code, done.stderr)

    def save(self, archive: Path, name: str = NAME) -> None:
        Cais(self._root, Path("/")).ok("image", "save", "-o", str(archive), name)


ENGINE_LOST = ("Cannot connect to the Docker daemon", "error reading from server: EOF")


class DockerBuilder:
    """`docker build` of the engine that scripts/docker-engine.sh starts."""

    def __init__(self, docker: DockerTool) -> None:
        self._docker = docker

    def build(self, folder: Path, flags: tuple[str, ...]) -> Outcome:
        words = ("docker", "build", "--progress=plain", "-t", NAME, *flags, ".")
        outcome = run(words, folder, self._docker)
        # An engine that dies of a Dockerfile has not refused it, and all that come after would seem to be refused too.
        assert not any(lost in outcome.said for lost in ENGINE_LOST), f"the engine is gone:\n{outcome.said[-800:]}"
        return outcome

    def save(self, archive: Path) -> None:
        self._docker.ask("save", "-o", str(archive), NAME)

    def take(self, archive: Path, name: str) -> None:
        self._docker.ask("load", "-i", str(archive))


def run(words: tuple[str, ...], folder: Path, docker: DockerTool | None = None) -> Outcome:
    """One program, in the engine's network and with its settings if one is given."""

    def call() -> Outcome:
        env = dict(docker.env) if docker else dict(os.environ)
        done = subprocess.run(
            words, cwd=folder, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
        )  # fmt: skip
        return Outcome(done.returncode, done.stdout + done.stderr)

    if docker is None:
        return call()
    with inside(docker.network):
        return call()


class BuildKit:
    """The daemon that scripts/buildkit.sh starts. It takes base images as OCI layouts; there is no registry."""

    def __init__(self, client: str, address: str, scratch: Path) -> None:
        self._client = client
        self._address = address
        self._scratch = scratch
        self._bases: dict[str, str] = {}

    def build(self, folder: Path, flags: tuple[str, ...]) -> Outcome:
        dockerfile = Path(dict(itertools.pairwise(flags)).get("-f", "Dockerfile"))
        words = [self._client, "--addr", self._address, "build", "--progress=plain", "--frontend=dockerfile.v0"]
        words += [
            "--local",
            "context=.",
            "--local",
            f"dockerfile={dockerfile.parent}",
            "--opt",
            f"filename={dockerfile.name}",
        ]
        for name, digest in self._bases.items():
            words += [
                "--oci-layout",
                f"base={self._scratch}/bases",
                "--opt",
                f"context:{name}=oci-layout://base@{digest}",
            ]
        words += ["--output", f"type=docker,name={NAME},dest={self._scratch}/built.tar", *_translated(flags)]
        return run(tuple(words), folder)

    def save(self, archive: Path) -> None:
        (self._scratch / "built.tar").rename(archive)

    def take(self, archive: Path, name: str) -> None:
        layout = self._scratch / "bases"
        layout.mkdir(exist_ok=True)
        subprocess.run(["tar", "xf", str(archive), "-C", str(layout)], check=True)
        index = json.loads((layout / "index.json").read_text())
        self._bases[name] = index["manifests"][0]["digest"]
        (layout / "index.json").write_text(
            json.dumps(index | {"manifests": [{k: v for k, v in index["manifests"][0].items() if k != "annotations"}]})
        )


def _translated(flags: tuple[str, ...]) -> list[str]:
    """The flags of `docker build` as buildctl's."""
    words: list[str] = []
    for flag, value in zip(flags[::2], flags[1::2], strict=True):
        name, _, rest = value.partition("=")
        match flag:
            case "--build-arg":
                words += ["--opt", f"build-arg:{value}"]
            case "--label":
                words += ["--opt", f"label:{name}={rest}"]
            case "--target" | "--shm-size" | "--ulimit":
                words += ["--opt", f"{flag.removeprefix('--')}={value}"]
            case "--build-context":
                words += ["--local", f"{name}={rest}", "--opt", f"context:{name}=local:{name}"]
            case "--secret" | "--allow":
                words += [flag, value]
            case "-f":
                pass
            case _:
                raise AssertionError(f"a flag that is not translated: {flag}")
    return words


@contextlib.contextmanager
def buildkit(scratch: Path) -> Iterator[BuildKit]:
    """The daemon, started if need be. Raises OSError when it cannot be had."""
    began = subprocess.run([str(SCRIPT), "start"], capture_output=True, text=True, check=False)
    if began.returncode:
        raise OSError(began.stderr.strip())
    settings = dict(
        line.split("=", 1)
        for line in subprocess.run([str(SCRIPT), "env"], capture_output=True, text=True, check=True).stdout.splitlines()
    )
    try:
        yield BuildKit(settings["CLIENT"], settings["ADDRESS"], scratch)
    finally:
        subprocess.run([str(SCRIPT), "stop"], check=True)

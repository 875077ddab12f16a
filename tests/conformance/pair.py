"""The same command line to Cais and to Docker Compose, in the same folder."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import NamedTuple

from bench.docker import DockerTool
from bench.netns import inside
from tests.e2e.harness import Cais


class Said(NamedTuple):
    """What one of them said."""

    code: int
    stdout: str
    stderr: str


class Answers(NamedTuple):
    """What both said."""

    cais: Said
    docker: Said


class Pair:
    """Cais and Docker Compose over one project folder."""

    def __init__(self, cais: Cais, docker: DockerTool, folder: Path, image: str) -> None:
        self.cais = cais
        self.docker = docker
        self.folder = folder
        self.image = image

    def write(self, text: str, name: str = "compose.yaml") -> None:
        """A file of the project."""
        (self.folder / name).write_text(text)

    def run(self, *words: str) -> Answers:
        """One command, to both."""
        ours = self.cais.run(*words)
        return Answers(Said(ours.code, ours.stdout, ours.stderr), self._docker(words))

    def _docker(self, words: tuple[str, ...]) -> Said:
        with inside(self.docker.network):
            done = subprocess.run(
                ["docker", "compose", *words],
                cwd=self.folder,
                env=self.docker.env,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=120,
                check=False,
            )
        return Said(done.returncode, done.stdout, done.stderr)

"""Everything the scenarios work with: both tools, the images, the folders with the Compose files. Kept between runs."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import msgspec

from bench.cais import CaisTool
from bench.docker import DockerTool
from bench.model import Side
from bench.programs import MeasureError, Place, call
from bench.tools import Project, Tool

REPOSITORY = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
STACK = os.path.join(REPOSITORY, "stacks", "visitors")
DATABASE = "postgres:17"
BASES = ("nginx:1.26", "python:3.13-slim", DATABASE)
SLEEPER = "cais-bench-sleeper:1"
BUSYBOX = "/bin/busybox"  # Debian's busybox-static
BUILD_TIMEOUT_S = 900
STACK_PORTS = {Side.CAIS: 28081, Side.DOCKER: 28082}
CA_SETTINGS = ("SSL_CERT_FILE", "PIP_CERT", "REQUESTS_CA_BUNDLE")

Tell = Callable[[str], None]


class Lab(msgspec.Struct, frozen=True, kw_only=True):
    """One machine's preparation."""

    root: str
    cais: CaisTool
    docker: DockerTool | None
    env: Mapping[str, str]
    tell: Tell

    @property
    def tools(self) -> tuple[Tool, ...]:
        """Those that are compared."""
        return (self.cais, self.docker) if self.docker else (self.cais,)

    def folder(self, *names: str) -> str:
        """A folder of the bench's own, made when it is not there."""
        path = os.path.join(self.root, "work", *names)
        os.makedirs(path, exist_ok=True)
        return path

    def project(self, tool: Tool, name: str, compose: str) -> Project:
        """A project of one file, the same for both tools."""
        folder = self.folder(tool.side.name.lower(), name)
        _write(os.path.join(folder, "compose.yaml"), compose)
        return Project(tool, folder)

    def image(self, name: str) -> Mapping[str, Any]:
        """An image of Cais's store. `MeasureError` when it is not there."""
        found = self.cais.image(name)
        if found is None:
            raise MeasureError(f'Cais has no image "{name}"')
        return found

    def sleeper(self) -> None:
        """The image of the services that only sleep, in both stores."""
        if self.cais.image(SLEEPER) is None:
            root = self.folder("sleeper")
            os.makedirs(os.path.join(root, "bin"), exist_ok=True)
            shutil.copy2(BUSYBOX, os.path.join(root, "bin", "sleep"))
            self.cais.ask("image", "import", root, SLEEPER, "-c", 'CMD ["/bin/sleep", "infinity"]')
        if self.docker:
            self._give(self.docker, SLEEPER)

    def stack(self, tool: Tool) -> Project:
        """`stacks/visitors` as it is, in a folder of the tool's, its images built."""
        name = tool.side.name.lower()
        folder = self.folder(name, "visitors")
        shutil.copytree(STACK, folder, dirs_exist_ok=True)
        settings = {
            "POSTGRES_USER": "visitors",
            "POSTGRES_PASSWORD": password(tool.side),
            "POSTGRES_DB": "visitors",
            "FRONTEND_PORT": str(STACK_PORTS[tool.side]),
        }
        _write(os.path.join(folder, ".env"), "".join(f"{key}={value}\n" for key, value in settings.items()))
        project = Project(tool, folder)
        if isinstance(tool, DockerTool):
            self._prepare_docker(tool, folder)
        self.tell(f"{tool.side.value}: building the images of stacks/visitors")
        project.run("build", timeout_s=BUILD_TIMEOUT_S)
        if tool is self.cais and self.cais.image(DATABASE) is None:
            self.tell(f"{tool.side.value}: making {DATABASE}")
            project.run("up", "-d", "--wait", timeout_s=BUILD_TIMEOUT_S)
        return project

    def _prepare_docker(self, docker: DockerTool, folder: str) -> None:
        """Base images, and Dockerfiles without their `# syntax=` line: for it BuildKit fetches its front end from a registry,
        and there may be none in reach. What the engine has built in does the same work.
        """
        for base in BASES:
            self._give(docker, base)
        for name in ("backend", "frontend"):
            path = os.path.join(folder, name, "Dockerfile")
            with open(path, encoding="utf-8") as stream:
                lines = stream.readlines()
            _write(path, "".join(line for line in lines if not line.startswith("# syntax=")))

    def _give(self, docker: DockerTool, name: str) -> None:
        """An image of Cais's store into Docker's, unless it has the same already."""
        wanted = self.image(name)["Id"]
        label = f"cais-bench/source:{wanted.removeprefix('sha256:')[:12]}"
        try:
            docker.ask("image", "inspect", label)
        except MeasureError:
            self.tell(f"Docker: loading {name}")
            archive = os.path.join(self.folder(), "image.tar")
            self.cais.ask("image", "save", name, "-o", archive)
            docker.ask("load", "-i", archive)
            os.unlink(archive)
            docker.ask("tag", name, label)
            self._offer_certificates(docker, name)

    def _offer_certificates(self, docker: DockerTool, name: str) -> None:
        """The host's certificate authorities in the image that runs pip, where the host's settings name some (Cais offers them by itself)."""
        bundle = next((self.env[setting] for setting in CA_SETTINGS if self.env.get(setting)), None)
        if bundle is None or not name.startswith("python:"):
            return
        context = self.folder("certificates")
        shutil.copyfile(bundle, os.path.join(context, "bundle.crt"))
        recipe = f"FROM {name}\nCOPY bundle.crt /etc/ssl/bench.crt\nENV PIP_CERT=/etc/ssl/bench.crt\n"
        _write(os.path.join(context, "Dockerfile"), recipe)
        docker.ask("build", "-q", "-t", name, context)


def password(side: Side) -> str:
    """The database's password: it marks a side's own processes in their environment."""
    return f"bench-{side.name.lower()}"


@contextmanager
def leaving_nothing(project: Project) -> Iterator[Project]:
    """Start with nothing running and leave nothing running, also after a failure. Volumes are kept."""
    project.run("down", "-t", "2", "--remove-orphans")
    try:
        yield project
    finally:
        project.run("down", "-t", "2", "--remove-orphans")


def facts(lab: Lab) -> tuple[str, ...]:
    """What was compared, on what: one line each."""
    here = Place(env=lab.env)
    parts = [call((program, "--version"), here).stdout.splitlines()[0].strip() for program in ("crun", "conmon")]
    lines = [*_machine(), f"Cais {lab.cais.ask('version', '--short').strip()}, {', '.join(parts)}"]
    if lab.docker:
        engine = lab.docker.ask("version", "-f", "Docker Engine {{.Server.Version}}").strip()
        lines.append(f"{engine}, Compose {lab.docker.ask('compose', 'version', '--short').strip()}")
    return tuple(lines)


def _machine() -> Iterator[str]:
    with open("/etc/os-release", encoding="utf-8") as stream:
        pairs = dict(line.strip().split("=", 1) for line in stream if "=" in line)
    yield f"{pairs.get('PRETTY_NAME', 'Linux').strip(chr(34))}, Linux {os.uname().release}"
    with open("/proc/meminfo", encoding="ascii") as stream:
        memory_gib = int(stream.readline().split()[1]) / 1024**2
    yield f"{os.cpu_count()} cores, {memory_gib:.0f} GiB; load average at the start {os.getloadavg()[0]:.1f}"


def _write(path: str, text: str) -> None:
    with open(path, "w", encoding="utf-8") as stream:
        stream.write(text)

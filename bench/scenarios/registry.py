"""Push and pull of a 200 MB image, four layers, to and from a registry on this machine: Debian's docker-registry, empty before each push."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

import msgspec

from bench.docker import DockerTool
from bench.lab import Lab
from bench.model import Figure, Round, Row, Side
from bench.netns import inside
from bench.programs import MeasureError, Place, call, wait
from bench.scenarios.protocol import Rounds, Scenario

ROWS = (
    Row(key="push", title="push of a 200 MB image (4 layers) to an empty registry on this machine"),
    Row(key="pull", title="pull of it back into an empty store"),
)
PORT = 28090
NAME = f"localhost:{PORT}/bench/large:1"
LAYERS = 4
LAYER_BYTES = 50_000_000
PROGRAM = "docker-registry"
# Programs, libraries and texts, as images hold them: what they pack to is what counts.
SOURCES = ("/usr/lib", "/usr/share", "/usr/bin")
START_S = 10.0


def _fill(folder: str) -> None:
    """Real files of this machine, dealt out to the layers' folders until each is full."""
    sizes = dict.fromkeys(range(LAYERS), 0)
    for number, path in enumerate(_files()):
        layer = min(sizes, key=lambda each: sizes[each])
        if sizes[layer] >= LAYER_BYTES:
            return
        target = os.path.join(folder, str(layer), f"{number:06d}")
        os.makedirs(os.path.dirname(target), exist_ok=True)
        shutil.copyfile(path, target)
        sizes[layer] += os.path.getsize(target)
    raise MeasureError(f"there are not {LAYERS * LAYER_BYTES} bytes of files below {', '.join(SOURCES)}")


def _files() -> Iterator[str]:
    for source in SOURCES:
        for folder, folders, names in os.walk(source):
            folders.sort()
            paths = (os.path.join(folder, name) for name in sorted(names))
            yield from (path for path in paths if os.path.isfile(path) and not os.path.islink(path))


def _archive(lab: Lab) -> str:
    """The image as an archive that both load; its layers are not packed."""
    folder = lab.folder("large")
    archive = os.path.join(folder, "large.tar")
    if os.path.exists(archive):
        return archive
    lab.tell("making an image of 200 MB")
    context = lab.folder("large", "context")
    _fill(context)
    with open(os.path.join(context, "Dockerfile"), "w", encoding="ascii") as stream:
        stream.write("FROM scratch\n" + "".join(f"COPY {n} /{n}\n" for n in range(LAYERS)))
    # In a root of its own: a build cache would keep the layers, and nothing would be left to pull.
    builder = msgspec.structs.replace(lab.cais, root=lab.folder("large", "root"))
    builder.ask("image", "build", "-t", NAME, context)
    builder.ask("image", "save", NAME, "-o", archive)
    shutil.rmtree(builder.root)
    shutil.rmtree(context)
    return archive


@contextmanager
def _registry(lab: Lab, place: Place) -> Iterator[None]:
    """An empty registry in a side's network namespace."""
    folder = lab.folder("registry")
    shutil.rmtree(folder)
    os.makedirs(folder)
    settings = os.path.join(folder, "config.yml")
    with open(settings, "w", encoding="ascii") as stream:
        stream.write(
            "version: 0.1\nlog: {level: error, accesslog: {disabled: true}}\n"
            f"storage: {{filesystem: {{rootdirectory: {folder}/data}}}}\nhttp: {{addr: 127.0.0.1:{PORT}}}\n"
        )
    argv = [PROGRAM, "serve", settings]
    if place.network:
        argv = ["nsenter", f"--net={place.network}", "--", *argv]
    process = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _await_listening(place)
        yield
    finally:
        process.terminate()
        if wait(process, START_S) is None:
            process.kill()
            process.wait()


def _await_listening(place: Place) -> None:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        try:
            there = inside(place.network) if place.network else nullcontext()
            with there, socket.create_connection(("127.0.0.1", PORT)):
                return
        except OSError:
            time.sleep(0.02)
    raise MeasureError(f"{PROGRAM} does not listen")


def _cais_round(lab: Lab, archive: str) -> Round:
    program = lab.cais.compose
    # The lab keeps Cais from asking registries, so that base images are the ones it makes; this one it is to ask.
    usual = lab.cais.place
    place = msgspec.structs.replace(usual, env={**usual.env, "CAIS_OFFLINE": "0"})

    def go(_wanted: frozenset[str]) -> Iterator[Figure]:
        _forget_cais(lab)
        lab.cais.ask("image", "load", "-i", archive)
        with _registry(lab, lab.cais.place):
            yield "push", call((*program, "image", "push", NAME), place).seconds
            _remove_cais(lab)
            yield "pull", call((*program, "image", "pull", NAME), place).seconds
        _forget_cais(lab)

    return go


def _docker_round(lab: Lab, docker: DockerTool, archive: str) -> Round:
    def go(_wanted: frozenset[str]) -> Iterator[Figure]:
        _forget_docker(docker)
        docker.ask("load", "-i", archive)
        with _registry(lab, docker.place):
            yield "push", call(("docker", "push", NAME), docker.place).seconds
            _remove_docker(docker)
            yield "pull", call(("docker", "pull", NAME), docker.place).seconds
        _forget_docker(docker)

    return go


def _remove_cais(lab: Lab) -> None:
    """The image with its layers. `MeasureError` when something keeps a layer: then there would be nothing to pull."""
    layers = lab.image(NAME)["Snapshots"]
    lab.cais.ask("image", "rm", NAME)
    if any(os.path.exists(layer) for layer in layers):
        raise MeasureError("Cais: layers of the image are kept by something else")


def _remove_docker(docker: DockerTool) -> None:
    """The same: Docker names each layer that it deletes, and the image."""
    if docker.ask("image", "rm", NAME).count("Deleted: ") < LAYERS + 1:
        raise MeasureError("Docker: layers of the image are kept by something else")


def _forget_cais(lab: Lab) -> None:
    if lab.cais.image(NAME) is not None:
        _remove_cais(lab)


def _forget_docker(docker: DockerTool) -> None:
    if docker.ask("image", "ls", "-q", NAME).strip():
        _remove_docker(docker)


@contextmanager
def _open(lab: Lab) -> Iterator[Rounds]:
    if shutil.which(PROGRAM) is None:
        raise MeasureError(f"{PROGRAM} is not installed (scripts/packages-bench.txt)")
    archive = _archive(lab)
    rounds = {Side.CAIS: _cais_round(lab, archive)}
    if lab.docker:
        rounds[Side.DOCKER] = _docker_round(lab, lab.docker, archive)
    yield rounds


SCENARIO = Scenario(name="registry", rows=ROWS, open=_open)

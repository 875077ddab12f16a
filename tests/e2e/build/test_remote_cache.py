"""What one machine has built another must not build again: caches in folders and in Debian's registry."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.e2e.harness import Cais
from tests.e2e.registry.debian import debian_registry

from cais.build.remotecache import CachePlace, parse_place
from cais.errors import UsageError

pytestmark = pytest.mark.root

DOCKERFILE = """FROM {base} AS made
RUN head -c 100000 /dev/urandom > /random
FROM {base} AS ground
WORKDIR /w
RUN head -c 100 /dev/urandom > ground
FROM ground
COPY --from=made /random /random
COPY a .
RUN head -c 100 /dev/urandom > last
"""


@pytest.fixture
def machines(project: Cais, tiny: str, tmp_path: Path) -> tuple[Cais, Cais]:
    """Two that share nothing but the sources and the base image."""
    project.ok("image", "save", tiny, "-o", str(tmp_path / "tiny.tar"))
    (project.folder / "Dockerfile").write_text(DOCKERFILE.format(base=tiny))
    (project.folder / "a").write_text("1\n")
    found = tuple(Cais(tmp_path / name, project.folder) for name in ("one", "two"))
    for each in found:
        each.ok("image", "load", "-i", str(tmp_path / "tiny.tar"))
    return found[0], found[1]


def built(cais: Cais, *words: str) -> tuple[str, str]:
    """The image's id, and how many steps came from where."""
    result = cais.ok("image", "build", "-t", "x:1", "--iidfile", "id", *words, ".")
    summary = re.findall(r"^x:1: (.*), in", result.stderr, re.MULTILINE)[-1]
    return (cais.folder / "id").read_text(), summary


def test_a_folder_with_all_stages(machines: tuple[Cais, Cais], tmp_path: Path) -> None:
    one, two = machines
    image, _ = built(one, "--cache-to", f"type=local,dest={tmp_path}/cache,mode=max")
    assert built(two, "--cache-from", f"type=local,src={tmp_path}/cache") == (image, "6 steps, all from the cache")
    # Everything is here now.
    assert built(two) == (image, "6 steps, all from the cache")
    assert "<none>" not in two.ok("image", "ls").stdout


def test_a_folder_with_the_image_alone(machines: tuple[Cais, Cais], tmp_path: Path) -> None:
    one, two = machines
    image, _ = built(one, "--cache-to", f"type=local,dest={tmp_path}/cache")
    # The stage that only gives files is not needed when it is known what it gave.
    assert built(two, "--cache-from", f"type=local,src={tmp_path}/cache")[0] == image


def test_a_change_is_made_from_there_on(machines: tuple[Cais, Cais], tmp_path: Path) -> None:
    one, two = machines
    built(one, "--cache-to", f"type=local,dest={tmp_path}/cache,mode=max")
    (two.folder / "a").write_text("2\n")
    assert built(two, "--cache-from", f"type=local,src={tmp_path}/cache")[1] == "6 steps, 4 from the cache"


def test_a_registry(machines: tuple[Cais, Cais], tmp_path: Path) -> None:
    one, two = machines
    with debian_registry(tmp_path / "registry") as registry:
        place = f"{registry.host}/team/cache:main"
        image, _ = built(one, "--cache-to", f"type=registry,ref={place},mode=max")
        assert built(two, "--cache-from", place) == (image, "6 steps, all from the cache")


def test_a_cache_that_is_not_there_costs_no_build(machines: tuple[Cais, Cais], tmp_path: Path) -> None:
    one, _ = machines
    result = one.ok("image", "build", "--cache-from", f"type=local,src={tmp_path}/nowhere", ".")
    assert f'warning: the cache "{tmp_path}/nowhere" is not used: ' in result.stderr


def test_compose(machines: tuple[Cais, Cais]) -> None:
    one, two = machines
    text = "services:\n  x:\n    image: x:1\n    build: {context: ., cache_to: ['type=local,dest=kept,mode=max'], cache_from: ['type=local,src=kept']}\n"
    (one.folder / "compose.yaml").write_text(text)
    one.ok("build")
    assert "6 steps, all from the cache" in two.ok("build").stderr
    (one.folder / "compose.yaml").write_text(text.replace("type=local,dest", "type=gha,dest"))
    refused = one.run("build")
    assert (refused.code, 'cache-to has no type "gha"' in refused.stderr) == (15, True)


PLACES = [
    ("example.org/cache:1", False, CachePlace(reference="example.org/cache:1")),
    ("type=registry,ref=x", True, CachePlace(reference="x")),
    ("type=local,dest=d,mode=max", True, CachePlace(folder="d", everything=True)),
    ("type=local,src=d", False, CachePlace(folder="d")),
]


@pytest.mark.parametrize(("text", "to", "place"), PLACES)
def test_places(text: str, to: bool, place: CachePlace) -> None:
    assert parse_place(text, to=to) == place


@pytest.mark.parametrize(
    "text", ["type=s3,bucket=x", "type=local", "type=local,src=x,mode=some", "type=registry,ref=x,colour=red"]
)
def test_no_places(text: str) -> None:
    with pytest.raises(UsageError):
        parse_place(text, to=False)

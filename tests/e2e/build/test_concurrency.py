"""Builds side by side, and builds that are killed, must leave nothing that the next one trips over."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from tests.e2e.build.workshop import Workshop

from cais.errors import BuildError
from cais.images.model import StoredImage
from cais.locations import Locations

pytestmark = pytest.mark.root

# Another process that builds the same Dockerfile in the same store.
CHILD = """
import sys
from pathlib import Path
from tests.e2e.build.workshop import Workshop
shop = Workshop(Path(sys.argv[1]), Path(sys.argv[2]))
print(shop.build(Path(sys.argv[3]).read_text(), secrets={"s": b"secret"}).id)
"""


def start(shop: Workshop, dockerfile: str) -> subprocess.Popen[str]:
    path = shop.context.parent / "Childfile"
    path.write_text(dockerfile)
    arguments = [sys.executable, "-c", CHILD, str(shop.context), shop.locations.root, str(path)]
    return subprocess.Popen(
        arguments, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    )


def kill(child: subprocess.Popen[str]) -> None:
    child.kill()
    child.communicate()


def wait_for(what: str, locations: Locations) -> int:
    """The pid of the process in a build whose command line has `what`."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    if (
                        what.encode() in (entry / "cmdline").read_bytes()
                        and (entry / "exe").readlink().name == "busybox"
                    ):
                        return int(entry.name)
                except OSError:
                    continue
        time.sleep(0.02)
    pytest.fail(f'"{what}" never ran under {locations.root}')


def test_stages_run_side_by_side(shop: Workshop) -> None:
    # Each waits for the other's mark in a shared cache: one after the other they would never end.
    meet = "RUN --mount=type=cache,id=meet,target=/m touch /m/{0}; while [ ! -e /m/{1} ]; do sleep 0.05; done; touch /{0}\n"
    image = shop.build(
        "FROM busybox:1 AS one\n"
        + meet.format("one", "two")
        + "FROM busybox:1 AS two\n"
        + meet.format("two", "one")
        + "FROM scratch\nCOPY --from=one /one /\nCOPY --from=two /two /\n"
    )
    assert sorted(shop.files(image)) == ["one", "two"]


def test_a_failing_stage_ends_the_build(shop: Workshop) -> None:
    began = time.monotonic()
    with pytest.raises(BuildError, match="exit code 4") as caught:
        shop.build(
            "FROM busybox:1 AS slow\nRUN while true; do echo tick; sleep 0.1; done\n"
            "FROM busybox:1 AS bad\nRUN exit 4\nFROM scratch\nCOPY --from=slow / /\nCOPY --from=bad / /\n"
        )
    assert caught.value.span is not None
    assert caught.value.span.line == 4
    assert time.monotonic() - began < 5


def test_identical_steps_are_made_once(shop: Workshop) -> None:
    same = "RUN --mount=type=cache,target=/m echo x >> /m/log; cp /m/log /log\n".replace(
        "cp", "cat /m/log > /log; true"
    )
    image = shop.build(
        f"FROM busybox:1 AS one\n{same}FROM busybox:1 AS two\n{same}FROM scratch\nCOPY --from=one /log /1\nCOPY --from=two /log /2\n"
    )
    assert shop.files(image) == {"1": "0644 0:0 x\n", "2": "0644 0:0 x\n"}


DOCKERFILE = "FROM busybox:1\nWORKDIR /a\nCOPY . .\nRUN sleep 0.3; echo made > made\nRUN --mount=type=secret,id=s cat made > again\n"


def test_two_processes_and_two_threads_build_the_same(shop: Workshop) -> None:
    shop.write({"file": "content"})
    children = [start(shop, DOCKERFILE) for _ in range(2)]
    images: list[StoredImage] = []
    other = Workshop(shop.context, Path(shop.locations.root))
    threads = [
        threading.Thread(target=lambda each=each: images.append(each.build(DOCKERFILE))) for each in (shop, other)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    ids = {image.id for image in images} | {child.communicate(timeout=60)[0].strip() for child in children}
    assert len(ids) == 1
    assert [child.returncode for child in children] == [0, 0]
    other.store.close()


def test_a_killed_build_is_repaired_by_the_next(shop: Workshop) -> None:
    shop.write({"file": "content"})
    slow = DOCKERFILE.replace("cat made > again", "sleep 98765")
    child = start(shop, slow)
    pid = wait_for("98765", shop.locations)
    kill(child)
    deadline = time.monotonic() + 5
    while Path(f"/proc/{pid}").exists():
        assert time.monotonic() < deadline, "the command outlived its build"
        time.sleep(0.02)
    following = Workshop(shop.context, Path(shop.locations.root))  # as the next command would
    image = following.build(slow.replace("sleep 98765", "true"), secrets={"s": b"secret"})
    following.store.close()
    assert shop.files(image)["a/made"] == "0644 0:0 made\n"
    assert [name for name in following.made() if "made" in name] == []  # what was done is not done again


def test_a_killed_build_leaves_no_secret_behind_the_next(shop: Workshop) -> None:
    child = start(shop, "FROM busybox:1\nRUN --mount=type=secret,id=s sleep 98764\n")
    wait_for("98764", shop.locations)
    kill(child)
    assert list(Path(shop.locations.run, "secrets").iterdir()) != []
    following = Workshop(shop.context, Path(shop.locations.root))
    following.build("FROM busybox:1\nRUN --mount=type=secret,id=s true\n", secrets={"s": b"x"})
    following.store.close()
    assert list(Path(shop.locations.run, "secrets").iterdir()) == []

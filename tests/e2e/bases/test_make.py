"""Making a base must survive a kill, share its work, and fail with words."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.e2e.bases.conftest import Workshop

from cais.bases import archive
from cais.bases.sources import Mirror
from cais.errors import PullError
from cais.images.model import ImageConfig
from cais.linux.mount import mounts_below

pytestmark = pytest.mark.root

MAKE = """
import sys
from cais.bases import catalogue, make
from cais.database import Database
from cais.events import NullSink
from cais.images.store import ImageStore
from cais.locations import Locations
locations = Locations(sys.argv[1], sys.argv[1] + "/run")
store = ImageStore(locations, Database(locations.database))
print(make.make(catalogue.by_name("debian-trixie-slim"), store, events=NullSink(), locations=locations).id)
"""


def start_making(root: Path) -> subprocess.Popen[bytes]:
    env = {**os.environ, "PYTHONPATH": ":".join(sys.path)}
    return subprocess.Popen([sys.executable, "-c", MAKE, str(root)], env=env, stdout=subprocess.PIPE)


def wait_for_unpacking(root: Path) -> None:
    deadline = time.monotonic() + 60
    while not list(root.glob("snapshots/.working/*/*/var/lib/dpkg")):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def programs_in(root: Path) -> list[str]:
    """Processes that name the root in their arguments."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            arguments = Path(f"/proc/{pid}/cmdline").read_bytes()
        except (FileNotFoundError, ProcessLookupError):  # ended meanwhile
            continue
        if os.fsencode(root) in arguments and int(pid) != os.getpid():
            found.append(arguments.decode(errors="replace"))
    return found


def test_killed_in_the_middle_it_leaves_no_process_and_works_again(tmp_path: Path, workshop: Workshop) -> None:
    killed = start_making(tmp_path)
    wait_for_unpacking(tmp_path)
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    deadline = time.monotonic() + 5
    while programs_in(tmp_path):
        assert time.monotonic() < deadline, programs_in(tmp_path)
        time.sleep(0.05)
    first, second = start_making(tmp_path), start_making(tmp_path)
    ids = {process.communicate()[0].decode().strip() for process in (first, second)}
    # Two at once make it once; and the same packages give the same image, in whichever store.
    assert ids == {workshop.image("debian:trixie-slim").id}
    assert mounts_below(str(tmp_path)) == ()


def test_it_is_made_once_and_named_unless_the_name_is_taken(workshop: Workshop) -> None:
    image = workshop.image("debian:13-slim")
    name = image.references[0]
    workshop.store.untag(name)
    pulled = workshop.store.create(ImageConfig(architecture="amd64", os="linux"), "", references=[name])
    assert workshop.image("debian:trixie-slim").id == image.id
    assert workshop.store.find(name) == pulled
    workshop.store.untag(name)
    assert workshop.image("debian:trixie-slim") == image


def test_mirror_that_does_not_answer_is_a_clear_error(tmp_path: Path) -> None:
    unreachable = archive.Archive(
        "trixie", Mirror("http://127.0.0.1:9/debian", "http://127.0.0.1:9/security"), str(tmp_path)
    )
    with pytest.raises(PullError, match=r"could not be had from http://127\.0\.0\.1:9/debian") as caught:
        archive.prepare(unreachable, lambda _: None)
    assert any("127.0.0.1" in line for line in caught.value.details)
    assert "network" in str(caught.value.hint)

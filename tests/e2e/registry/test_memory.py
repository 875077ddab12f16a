"""No layer is held in memory: what a command takes does not grow with the image."""

from __future__ import annotations

import subprocess
import sys

import pytest
from tests.e2e.harness import Cais
from tests.e2e.registry.debian import DebianRegistry
from tests.e2e.registry.images import make_image

pytestmark = pytest.mark.root
MEGABYTE = 1 << 20
SMALL, LARGE = 2 * MEGABYTE, 200 * MEGABYTE


# The high-water mark of its own memory map: what wait4(2) tells begins with that of the process it was forked from.
PROGRAM = """
import re, sys
from cais.cli.main import main
code = main(sys.argv[2:])
with open("/proc/self/status") as status, open(sys.argv[1], "w") as told:
    told.write(re.search(r"VmHWM:\\s+(\\d+) kB", status.read())[1])
sys.exit(code)
"""


def peak_bytes(cais: Cais, *words: str) -> int:
    """The most memory that a command had at a time."""
    told = cais.folder / "peak"
    subprocess.run(
        [sys.executable, "-c", PROGRAM, str(told), *words],
        cwd=cais.folder,
        env=cais.env,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=True,
    )
    return int(told.read_text()) * 1024


def test_what_travels_streams(cais: Cais, debian: DebianRegistry) -> None:
    peaks: dict[int, list[int]] = {}
    for size in (SMALL, LARGE):
        name = f"{debian.host}/app{size}:1"
        make_image(cais, name, size)
        peaks[size] = [
            peak_bytes(cais, "image", "push", name),
            peak_bytes(cais, "image", "push", "--compression", "zstd", name),
            peak_bytes(cais, "image", "copy", f"docker://{name}", f"oci:folder{size}"),
            peak_bytes(cais, "image", "copy", f"docker://{name}", f"docker://{debian.host}/other{size}:1"),
        ]
        cais.ok("image", "rm", name)
        peaks[size].append(peak_bytes(cais, "image", "pull", name))
    grown = [large - small for small, large in zip(peaks[SMALL], peaks[LARGE], strict=True)]
    assert max(grown) < 40 * MEGABYTE, peaks
    assert min(peaks[SMALL]) > 10 * MEGABYTE, peaks  # that something was measured

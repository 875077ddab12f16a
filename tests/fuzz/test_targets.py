"""The targets of the fuzzers, fed by hypothesis always and by atheris where it can be installed."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.targets import TARGETS, seeds

RUNS, SECONDS = 20_000, 10
NEEDS_ROOT = {"unpack"}


def check_rights(name: str) -> None:
    if name in NEEDS_ROOT and os.getuid() != 0:
        pytest.skip("owners cannot be set without root")


@pytest.mark.parametrize("name", TARGETS)
def test_good_input_is_taken(name: str) -> None:
    check_rights(name)
    for data in seeds(name):
        TARGETS[name](data)


@st.composite
def damaged(draw: st.DrawFn, data: bytes) -> bytes:
    """`data` with some bytes changed, taken out, doubled or put in."""
    changed = bytearray(data)
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.integers(0, len(changed)))
        piece = draw(st.binary(max_size=12))
        end = min(len(changed), at + draw(st.integers(0, 600)))
        changed[at:end] = draw(st.sampled_from((piece, bytes(changed[at:end]) * 2, b"")))
    return bytes(changed)


@pytest.mark.parametrize("name", TARGETS)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_bad_input_is_refused(name: str, data: st.DataObject) -> None:
    check_rights(name)
    TARGETS[name](data.draw(st.one_of(st.binary(max_size=2000), st.sampled_from(seeds(name)).flatmap(damaged))))


@pytest.mark.parametrize("name", TARGETS)
def test_atheris(name: str, tmp_path: Path) -> None:
    if importlib.util.find_spec("atheris") is None:
        pytest.skip("atheris is not installed: it has no wheel for this Python, or could not be fetched")
    check_rights(name)
    options = [f"-runs={RUNS}", f"-max_total_time={SECONDS}", "-rss_limit_mb=2048", f"-artifact_prefix={tmp_path}/"]
    done = subprocess.run(
        [sys.executable, "-m", "tests.fuzz", name, *options],
        cwd=Path(__file__).parents[2],
        env={**os.environ, "PYTHONPATH": "src:."},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]

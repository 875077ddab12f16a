"""What `ps` and `exec` load is what they wait for."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = ("subprocess", "ctypes", "shutil", "tempfile", "asyncio", "dataclasses", "logging", "cais.images.model")


@pytest.mark.parametrize(
    ("module", "allowed"),
    [("cais.engine.native.engine", ()), ("cais.engine.native.execute", ("subprocess",))],
)
def test_little_is_loaded(module: str, allowed: tuple[str, ...]) -> None:
    code = f"import {module}, sys; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-S", "-c", code], capture_output=True, text=True, env=_environment())
    assert loaded.returncode == 0, loaded.stderr
    names = set(loaded.stdout.split())
    assert [name for name in HEAVY if name in names and name not in allowed] == []


def _environment() -> dict[str, str]:
    return {"PYTHONPATH": ":".join(path for path in sys.path if path)}

"""The base of `stacks/starter`, brought the way its README shows: nobody can pull it here, and Debian has no Python 3.12."""

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.e2e.harness import CHECKOUT, Cais

NAME = "python:3.12-slim-bookworm"
SCRIPT = CHECKOUT / "stacks/starter/import-base.sh"
NONE_HERE = "no Python 3.12 is on this machine"


def ensure(root: Path, arguments: Sequence[str] = ()) -> None:
    """The base in the store of `root`. Skips the test where the script finds no interpreter."""
    if Cais(root, CHECKOUT).run("image", "inspect", NAME).code == 0:
        return
    env = {**os.environ, "CAIS_ROOT": str(root), "PATH": f"{CHECKOUT / '.venv/bin'}:{os.environ['PATH']}"}
    done = subprocess.run([SCRIPT, *arguments], env=env, capture_output=True, text=True, check=False)
    if NONE_HERE in done.stderr:
        pytest.skip(NONE_HERE)
    assert done.returncode == 0, done.stdout + done.stderr

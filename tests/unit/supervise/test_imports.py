"""Commands talk to the supervisor without paying for what only the supervisor needs."""

import subprocess
import sys

import pytest


@pytest.mark.parametrize("module", ["cais.supervise.channel", "cais.supervise.spawn", "cais.supervise.goals"])
def test_the_client_is_light(module: str) -> None:
    heavy = "{'asyncio', 'sqlite3', 'logging', 'tempfile', 'cais.supervise.loop', 'cais.supervise.keeper'}"
    code = f"import sys, {module}; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"

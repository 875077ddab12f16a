import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.e2e.network.lab import Lab, soon


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    if os.geteuid() != 0:
        pytest.skip("needs root")
    made = Lab(str(tmp_path / "root"))
    yield made
    made.close()
    assert soon(lambda: not made.links(), timeout_s=20), "interfaces were left"
    assert str(tmp_path) not in Path("/proc/self/mountinfo").read_text(), "a namespace was left"

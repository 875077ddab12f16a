from __future__ import annotations

import signal

import pytest

from cais.engine.native.stop import number_of
from cais.errors import CaisError


@pytest.mark.parametrize(
    ("name", "number"),
    [("SIGTERM", 15), ("TERM", 15), ("term", 15), ("9", 9), ("SIGRTMIN+3", int(signal.SIGRTMIN) + 3), ("SIGQUIT", 3)],
)
def test_signals(name: str, number: int) -> None:
    assert number_of(name) == number


@pytest.mark.parametrize("name", ["SIGNOPE", "", "0", "999", "-1"])
def test_what_is_no_signal(name: str) -> None:
    with pytest.raises(CaisError, match="is not a signal"):
        number_of(name)

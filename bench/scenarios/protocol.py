"""What a scenario is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager

import msgspec

from bench.lab import Lab
from bench.model import Round, Row, Side

Rounds = Mapping[Side, Round]
Opener = Callable[[Lab], AbstractContextManager[Rounds]]


class Scenario(msgspec.Struct, frozen=True, kw_only=True):
    """Rows that are measured together. `open` prepares everything and takes it away again."""

    name: str
    rows: tuple[Row, ...]
    open: Opener
    most_runs: int = 1000
    """An upper bound where one round takes long."""
    on_request: bool = False
    """Only measured when one of its rows is named."""

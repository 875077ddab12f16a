from __future__ import annotations

import pytest

from cais.compose.model.service import Logging
from cais.engine.details import LogDriver, LogSpec
from cais.errors import CaisError
from cais.project.logspec import log_spec


@pytest.mark.parametrize(
    ("logging", "expected"),
    [
        (None, LogSpec()),
        (Logging(driver="json-file"), LogSpec()),
        (Logging(options={"max-size": "10m", "max-file": "3"}), LogSpec(max_bytes=10_000_000, max_files=3)),
        (Logging(options={"max-size": "1.5kB"}), LogSpec(max_bytes=1500)),
        (Logging(options={"max-size": "-1"}), LogSpec()),
        (Logging(driver="local"), LogSpec(driver=LogDriver.LOCAL, max_bytes=20_000_000, max_files=5)),
        (
            Logging(driver="local", options={"max-size": "7g", "max-file": "1"}),
            LogSpec(driver=LogDriver.LOCAL, max_bytes=7_000_000_000, max_files=1),
        ),
        (Logging(driver="none", options={"max-size": "1m"}), LogSpec(driver=LogDriver.NONE)),
        (Logging(driver="syslog", options={"syslog-address": "x"}), LogSpec()),
    ],
)
def test_drivers_and_options(logging: Logging | None, expected: LogSpec) -> None:
    assert log_spec(logging) == expected


@pytest.mark.parametrize("options", [{"max-size": "big"}, {"max-size": "0"}, {"max-file": "0"}, {"max-file": "x"}])
def test_what_is_no_size_or_number(options: dict[str, str]) -> None:
    with pytest.raises(CaisError, match=next(iter(options))):
        log_spec(Logging(options=options))

from __future__ import annotations

import math

import pytest

from cais.compose import quantities, scalars
from cais.compose.nodes import Value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None),
        ("~", None),
        ("Null", None),
        ("true", True),
        ("FALSE", False),
        ("yes", "yes"),
        ("off", "off"),
        ("22:22", "22:22"),
        ("2001-01-01", "2001-01-01"),
        ("1.2.3.4", "1.2.3.4"),
        ("12", 12),
        ("-12", -12),
        ("+3", 3),
        ("0", 0),
        ("0440", 0o440),
        ("0o17", 15),
        ("0x1F", 31),
        ("0b101", 5),
        ("1_000", 1000),
        ("089", 89.0),
        ("1.10", 1.1),
        (".5", 0.5),
        ("1e3", 1000.0),
        ("-.inf", -math.inf),
        ("-", "-"),
        ("1.2.3", "1.2.3"),
        ("0x", "0x"),
        ("9" * 500, "9" * 500),
    ],
)
def test_plain_scalars_mean_what_go_yaml_reads(text: str, value: Value) -> None:
    found = scalars.resolve(text)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1.1, "1.1"),
        (1.0, "1"),
        (1000.0, "1000"),
        (1500000.0, "1.5e+06"),
        (1e25, "1e+25"),
        (1e-5, "1e-05"),
        (0.0001, "0.0001"),
        (123456.0, "123456"),
        (1234567.5, "1.2345675e+06"),
        (1.2345678901234568e22, "1.2345678901234568e+22"),
        (-0.5, "-0.5"),
        (math.inf, "+Inf"),
        (True, "true"),
        (None, ""),
    ],
)
def test_values_become_the_text_that_go_prints(value: Value, text: str) -> None:
    assert scalars.as_text(value) == text


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("5s", 5),
        ("1m30s", 90),
        ("500ms", 0.5),
        ("1h", 3600),
        ("1.5s", 1.5),
        ("2d", 172800),
        ("0", 0),
        ("5", None),
        ("", None),
        ("s", None),
        ("5x", None),
    ],
)
def test_durations(text: str, seconds: float | None) -> None:
    assert quantities.parse_duration(text) == seconds


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0s"), (0.2, "200ms"), (90, "1m30s"), (3600, "1h0m0s"), (1.5, "1.5s"), (1e-9, "1ns"), (63.5, "1m3.5s")],
)
def test_durations_are_written_as_go_writes_them(seconds: float, text: str) -> None:
    assert quantities.format_duration(seconds) == text
    assert quantities.parse_duration(text) == seconds


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("512m", 512 << 20),
        ("1.5gb", 3 << 29),
        ("64 KiB", 64 << 10),
        ("10", 10),
        ("-1", -1),
        ("1b", 1),
        ("-2", None),
        ("x", None),
        ("1e3", None),
        ("9999999p", None),
    ],
)
def test_sizes(text: str, size: int | None) -> None:
    assert quantities.parse_size(text) == size

from __future__ import annotations

import pytest

from cais.registry.retry import RetryPolicy, retry_after_s

NOW = 1_700_000_000.0


def test_pauses_grow_to_a_limit_and_end() -> None:
    policy = RetryPolicy(attempts=8, first_s=0.25, most_s=4.0)
    assert [policy.delay_s(n, None, 0.5) for n in range(1, 9)] == [0.25, 0.5, 1.0, 2.0, 4.0, 4.0, 4.0, None]


@pytest.mark.parametrize(("jitter", "expected"), [(0.0, 0.75), (0.5, 1.0), (1.0, 1.25)])
def test_those_who_failed_together_come_back_apart(jitter: float, expected: float) -> None:
    assert RetryPolicy(first_s=1.0).delay_s(1, None, jitter) == expected


@pytest.mark.parametrize(("asked_s", "expected"), [(0.0, 0.25), (5.0, 5.0), (60.0, 60.0), (61.0, None)])
def test_the_registry_says_how_long(asked_s: float, expected: float | None) -> None:
    assert RetryPolicy().delay_s(1, asked_s, 0.5) == expected


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, None),
        ("120", 120.0),
        (" 3 ", 3.0),
        ("Tue, 14 Nov 2023 22:13:30 GMT", 10.0),
        ("Tue, 14 Nov 2023 22:13:00 GMT", 0.0),
        ("soon", None),
        ("-5", None),
        ("9" * 400, 999_999_999.0),
        ("Tue, 99 Nov 2023 22:13:30 GMT", None),
    ],
)
def test_retry_after(header: str | None, expected: float | None) -> None:
    assert retry_after_s(header, NOW) == expected

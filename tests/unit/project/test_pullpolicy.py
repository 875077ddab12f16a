from __future__ import annotations

import pytest

from cais.project.pullpolicy import PullPolicy, PullRule, parse_policy

HOUR_S = 3600.0


@pytest.mark.parametrize(
    ("text", "policy"),
    [
        ("", PullPolicy(PullRule.UNSAID)),
        ("always", PullPolicy(PullRule.ALWAYS)),
        ("if_not_present", PullPolicy(PullRule.MISSING)),
        ("never", PullPolicy(PullRule.NEVER)),
        ("build", PullPolicy(PullRule.BUILD)),
        ("daily", PullPolicy(PullRule.AGE, 24 * HOUR_S)),
        ("weekly", PullPolicy(PullRule.AGE, 168 * HOUR_S)),
        ("every_2h30m", PullPolicy(PullRule.AGE, 2.5 * HOUR_S)),
    ],
)
def test_policies(text: str, policy: PullPolicy) -> None:
    assert parse_policy(text) == policy


@pytest.mark.parametrize(
    ("text", "present", "age_s", "wanted"),
    [
        ("", False, None, True),
        ("", True, None, False),
        ("missing", True, None, False),
        ("always", True, 0.0, True),
        ("never", False, None, False),
        ("build", False, None, False),
        ("daily", True, 23 * HOUR_S, False),
        ("daily", True, 25 * HOUR_S, True),
        ("daily", True, None, True),
        ("daily", False, 1.0, True),
    ],
)
def test_when_a_registry_is_asked(text: str, present: bool, age_s: float | None, wanted: bool) -> None:
    assert parse_policy(text).wants(is_present=present, age_s=age_s) is wanted

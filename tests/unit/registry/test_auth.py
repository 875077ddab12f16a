from __future__ import annotations

import pytest

from cais.registry.auth import parse_challenge


@pytest.mark.parametrize(
    ("header", "scheme", "parameters"),
    [
        ("", "", {}),
        ('Basic realm="x"', "basic", {"realm": "x"}),
        (
            'Bearer realm="https://a.b/token",service="s",scope="repository:x/y:pull,push"',
            "bearer",
            {"realm": "https://a.b/token", "service": "s", "scope": "repository:x/y:pull,push"},
        ),
        ('bearer  Realm = "a\\"b" , service=plain', "bearer", {"realm": 'a"b', "service": "plain"}),
        ("Negotiate", "negotiate", {}),
    ],
)
def test_challenges(header: str, scheme: str, parameters: dict[str, str]) -> None:
    challenge = parse_challenge(header)
    assert (challenge.scheme, challenge.parameters) == (scheme, parameters)

from __future__ import annotations

import pytest

from cais.engine.native.security import Security, parse_security
from cais.errors import CaisError


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ((), Security()),
        (("no-new-privileges",), Security(no_new_privileges=True)),
        (("no-new-privileges:true",), Security(no_new_privileges=True)),
        (("no-new-privileges=false",), Security()),
        (("seccomp=unconfined",), Security(seccomp="unconfined")),
        (("seccomp:/etc/mine.json",), Security(seccomp="/etc/mine.json")),
        (("seccomp=builtin",), Security()),
        (("apparmor=mine", "label=disable"), Security(apparmor="mine")),
        (("apparmor:unconfined",), Security()),
        (("systempaths=unconfined",), Security(unmask=True)),
        (("label=type:x_t", "label:level:s0"), Security(labels=("type:x_t", "level:s0"))),
    ],
)
def test_options(options: tuple[str, ...], expected: Security) -> None:
    assert parse_security(options) == expected


@pytest.mark.parametrize("option", ["label=colour:x", "label", "seccomp", "whatever", "no-new-privileges=maybe", ""])
def test_what_is_not_understood_is_refused(option: str) -> None:
    with pytest.raises(CaisError):
        parse_security((option,))

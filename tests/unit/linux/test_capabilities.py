from __future__ import annotations

import pytest

from cais.engine.native.defaults import CAPABILITIES
from cais.errors import CaisError
from cais.linux.capabilities import NAMES, decode, normalise, tweak


@pytest.mark.parametrize("name", ["net_admin", "NET_ADMIN", "CAP_NET_ADMIN", "cap_net_admin"])
def test_spellings(name: str) -> None:
    assert normalise(name) == "CAP_NET_ADMIN"


def test_a_mistake_is_told_with_the_near_name() -> None:
    with pytest.raises(CaisError) as raised:
        normalise("NET_ADMINN")
    assert raised.value.hint == 'did you mean "CAP_NET_ADMIN"?'


@pytest.mark.parametrize(
    ("add", "drop", "expected"),
    [
        ((), (), set(CAPABILITIES)),
        (("SYS_TIME",), ("CHOWN",), {*CAPABILITIES, "CAP_SYS_TIME"} - {"CAP_CHOWN"}),
        (("ALL",), ("SYS_TIME",), set(NAMES) - {"CAP_SYS_TIME"}),
        (("CHOWN",), ("ALL",), {"CAP_CHOWN"}),
        ((), ("all",), set()),
    ],
)
def test_add_and_drop(add: tuple[str, ...], drop: tuple[str, ...], expected: set[str]) -> None:
    assert set(tweak(CAPABILITIES, add, drop, NAMES)) == expected


def test_what_the_machine_lacks_is_refused_when_asked_for_and_left_out_else() -> None:
    able = tuple(name for name in NAMES if name not in ("CAP_SYS_TIME", "CAP_MKNOD"))
    assert "CAP_MKNOD" not in tweak(CAPABILITIES, (), (), able)
    with pytest.raises(CaisError, match="CAP_SYS_TIME"):
        tweak(CAPABILITIES, ("SYS_TIME",), (), able)


def test_mask() -> None:
    assert decode(0b100001) == ("CAP_CHOWN", "CAP_KILL")
    assert set(decode(0xA80425FB)) == set(CAPABILITIES)

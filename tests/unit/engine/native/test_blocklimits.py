from __future__ import annotations

import os

import msgspec
import pytest

from cais.engine.details import BlockLimits
from cais.engine.native import oci
from cais.engine.native.blocklimits import block_io
from cais.errors import CaisError

ALL = frozenset({"block-weight", "block-rate"})


@pytest.fixture
def disks(monkeypatch: pytest.MonkeyPatch) -> None:
    def stat(path: str) -> os.stat_result:
        mode = 0o060600 if path.startswith("/dev/disk") else 0o020600
        return os.stat_result((mode, 0, 0, 0, 0, 0, 0, 0, 0, 0), {"st_rdev": os.makedev(8, int(path[-1]))})

    monkeypatch.setattr(os, "stat", stat)


@pytest.mark.usefixtures("disks")
def test_the_names_are_those_of_the_runtime_specification() -> None:
    limits = BlockLimits(
        weight=10,
        weights=(("/dev/disk1", 1000),),
        read_bytes=(("/dev/disk2", 1),),
        write_bytes=(("/dev/disk3", 2),),
        read_operations=(("/dev/disk4", 3),),
        write_operations=(("/dev/disk5", 4),),
    )
    made = oci.Resources(block_io=block_io(limits, ALL, []))
    assert msgspec.json.decode(msgspec.json.encode(made)) == {
        "blockIO": {
            "weight": 10,
            "weightDevice": [{"major": 8, "minor": 1, "weight": 1000}],
            "throttleReadBpsDevice": [{"major": 8, "minor": 2, "rate": 1}],
            "throttleWriteBpsDevice": [{"major": 8, "minor": 3, "rate": 2}],
            "throttleReadIOPSDevice": [{"major": 8, "minor": 4, "rate": 3}],
            "throttleWriteIOPSDevice": [{"major": 8, "minor": 5, "rate": 4}],
        }
    }


@pytest.mark.usefixtures("disks")
def test_what_the_machine_cannot_do_is_said() -> None:
    limits = BlockLimits(weight=10, read_bytes=(("/dev/disk2", 1),))
    warnings: list[str] = []
    assert block_io(limits, frozenset(), warnings) is None
    assert [text.partition(" is not")[0] for text in warnings] == ["the block device weight", "the block device rate"]
    only_rates = block_io(limits, {"block-rate"}, [])
    assert only_rates is not None
    assert (only_rates.weight, len(only_rates.read_bytes)) == (None, 1)


@pytest.mark.usefixtures("disks")
@pytest.mark.parametrize("weight", [9, 1001])
def test_a_weight_out_of_range(weight: int) -> None:
    with pytest.raises(CaisError, match="not between 10 and 1000"):
        block_io(BlockLimits(weight=weight), ALL, [])
    with pytest.raises(CaisError, match="not between 10 and 1000"):
        block_io(BlockLimits(weights=(("/dev/disk1", weight),)), ALL, [])


@pytest.mark.usefixtures("disks")
def test_what_is_no_block_device() -> None:
    with pytest.raises(CaisError, match='"/dev/tty1": it is no block device'):
        block_io(BlockLimits(read_bytes=(("/dev/tty1", 1),)), ALL, [])


def test_nothing_asked() -> None:
    assert block_io(BlockLimits(), frozenset(), []) is None

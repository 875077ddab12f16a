import gc
import sys
import threading
from collections.abc import Iterator, Mapping

import msgspec
import pytest

from cais import decoding

ROUNDS = 150
THREADS = 4


@pytest.fixture
def hurried() -> Iterator[None]:
    """Threads change places as often as they can, and garbage is collected all the time: that brings the race about."""
    interval, threshold = sys.getswitchinterval(), gc.get_threshold()
    sys.setswitchinterval(1e-6)
    gc.set_threshold(5)
    yield
    sys.setswitchinterval(interval)
    gc.set_threshold(*threshold)


def new_type() -> type[msgspec.Struct]:
    inner = msgspec.defstruct("Inner", [("numbers", tuple[int, ...], ()), ("names", Mapping[str, str], {})])
    return msgspec.defstruct("Outer", [("first", inner), ("others", tuple[inner, ...], ())])  # type: ignore[valid-type]


def test_a_type_may_be_used_first_by_several_threads_at_once(hurried: None) -> None:
    for _ in range(ROUNDS):
        kind, together = new_type(), threading.Barrier(THREADS)
        seen: list[msgspec.Struct] = []

        def work(kind: type[msgspec.Struct], together: threading.Barrier, seen: list[msgspec.Struct]) -> None:
            together.wait()
            seen.append(decoding.decode(b'{"first":{"numbers":[1]},"others":[{}]}', kind))

        threads = [threading.Thread(target=work, args=(kind, together, seen)) for _ in range(THREADS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(seen) == THREADS
        assert len({repr(value) for value in seen}) == 1


def test_errors_are_msgspecs(hurried: None) -> None:
    with pytest.raises(msgspec.ValidationError):
        decoding.decode(b'{"first":1}', new_type())

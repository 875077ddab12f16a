"""Jobs side by side in threads. The first failure gives up the rest."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable, Mapping
from typing import Generic, TypeVar

from cais.errors import Interrupted

# What runs without output does not notice that the build was given up; the process need not wait for it.
_GRACE_S = 5.0

Key = TypeVar("Key", bound=Hashable)
Result = TypeVar("Result")


class Outcomes(Generic[Key, Result]):
    """Results that others wait for. A failure is an outcome too."""

    def __init__(self, known: Mapping[Key, Result]) -> None:
        self._results = dict(known)
        self._failed: set[Key] = set()
        self._changed = threading.Condition()

    def settle(self, key: Key, work: Callable[[], Result]) -> None:
        """Do `work` and keep its result for who waits for `key`; its exception is raised here and told to them."""
        try:
            result = work()
        except BaseException:
            with self._changed:
                self._failed.add(key)
                self._changed.notify_all()
            raise
        with self._changed:
            self._results[key] = result
            self._changed.notify_all()

    def wait(self, key: Key) -> Result:
        """The result of `key`, when it is there. Raises Interrupted when it failed, which is reported by whoever made it."""
        with self._changed:
            self._changed.wait_for(lambda: key in self._results or key in self._failed)
            if key in self._failed:
                raise Interrupted("something this waited for has failed")
            return self._results[key]


def run_side_by_side(jobs: Mapping[Key, Callable[[], None]], cancelled: threading.Event) -> None:
    """Run all jobs to their end. Raises the first failure, after `cancelled` was set and the others were given a moment to end."""
    if len(jobs) == 1:
        next(iter(jobs.values()))()
        return
    failures: list[BaseException] = []

    def body(job: Callable[[], None]) -> None:
        try:
            job()
        except BaseException as failure:  # noqa: BLE001 - raised in the thread that waits
            failures.append(failure)
            cancelled.set()

    threads = [
        threading.Thread(target=body, args=(job,), name=f"build-{key}", daemon=True) for key, job in jobs.items()
    ]
    for thread in threads:
        thread.start()
    try:
        _join(threads, cancelled)
    except BaseException:
        cancelled.set()
        raise
    if failures:
        # An interruption is only the echo of somebody else's failure.
        raise next((failure for failure in failures if not isinstance(failure, Interrupted)), failures[0])


def _join(threads: list[threading.Thread], cancelled: threading.Event) -> None:
    deadline: float | None = None
    for thread in threads:
        while thread.is_alive():
            if deadline is None and cancelled.is_set():
                deadline = time.monotonic() + _GRACE_S
            if deadline is not None and time.monotonic() >= deadline:
                return
            thread.join(0.05)

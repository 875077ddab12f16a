"""Receives blobs into the store, several at a time, while somebody reads along. What breaks off is gone on with where it was."""

from __future__ import annotations

import contextlib
import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence

from cais.errors import CaisError, InternalError, InvalidImage
from cais.events import EventSink, MessageEvent, Phase
from cais.images.blobs import Blobs
from cais.images.content import ContentSource
from cais.images.incoming import IncomingBlob
from cais.images.model import Descriptor
from cais.registry.errors import ConnectionLost
from cais.registry.progress import Progress
from cais.registry.retry import DEFAULT_RETRY, RetryPolicy

_READ_BYTES = 1 << 18


class GivenUp(CaisError):
    """Another blob of the image has failed, so this one is of no use. Never shown."""


@contextlib.contextmanager
def receiving(
    source: ContentSource,
    blobs: Blobs,
    descriptors: Sequence[Descriptor],
    events: EventSink,
    *,
    abort: Callable[[], None],
    policy: RetryPolicy = DEFAULT_RETRY,
    pause: Callable[[float], None] = time.sleep,
) -> Iterator[Sequence[IncomingBlob]]:
    """The blobs of `descriptors`, being received in their order by as many threads as the source allows.

    At the end of the block, what is still going on is given up: `abort` makes the threads that wait for the source fail.
    """
    receiver = _Receiver(source, events, policy, pause)
    incoming = [IncomingBlob(blobs, each.digest, each.size) for each in descriptors]
    queue = iter(zip(descriptors, incoming, strict=True))
    lock = threading.Lock()

    def work() -> None:
        while True:
            with lock:
                job = next(queue, None)
            if job is None:
                return
            receiver.run(*job)

    count = min(source.transfers, len(incoming))
    threads = [threading.Thread(target=work, name=f"receive-{n}", daemon=True) for n in range(count)]
    for thread in threads:
        thread.start()
    try:
        yield incoming
    except BaseException:
        receiver.give_up()
        abort()
        raise
    finally:
        for thread in threads:
            thread.join()
        for blob in incoming:
            blob.close()


class _Receiver:
    def __init__(
        self, source: ContentSource, events: EventSink, policy: RetryPolicy, pause: Callable[[float], None]
    ) -> None:
        self._source = source
        self._events = events
        self._policy = policy
        self._pause = pause
        self._given_up = False

    def give_up(self) -> None:
        self._given_up = True

    def run(self, descriptor: Descriptor, blob: IncomingBlob) -> None:
        """Receive one blob; how it ended is told to those who follow it."""
        progress = Progress(descriptor, self._events)
        try:
            self._check()
            with blob.receiving() as needed:
                if needed:
                    self._persist(descriptor, blob, progress)
            progress.ended("Download complete" if needed else "Already here")
        except CaisError as error:
            blob.fail(error)
        except Exception as error:  # noqa: BLE001  (a thread must report; shown as a bug)
            wrapped = InternalError(f"receiving {descriptor.digest}: {type(error).__name__}: {error}")
            wrapped.__cause__ = error
            blob.fail(wrapped)

    def _persist(self, descriptor: Descriptor, blob: IncomingBlob, progress: Progress) -> None:
        failures = 0
        while True:
            before = blob.offset
            try:
                self._once(descriptor, blob, progress)
            except ConnectionLost as error:
                self._check()
                failures = 1 if blob.offset - before >= self._policy.progress_bytes else failures + 1
                delay_s = self._policy.delay_s(failures, None, random.random())
                if delay_s is None:
                    raise
                text = f"{error.message}; going on at byte {blob.offset} of {descriptor.size}"
                self._events.emit(MessageEvent(phase=Phase.WARNING, text=text))
                self._pause(delay_s)
            except InvalidImage:
                if not blob.was_begun:
                    raise
                blob.restart()  # what an earlier try left may have been the fault
            else:
                return

    def _once(self, descriptor: Descriptor, blob: IncomingBlob, progress: Progress) -> None:
        if blob.offset == descriptor.size:
            blob.check()
            return
        with self._source.open(descriptor, blob.offset) as (stream, start):
            if start != blob.offset:
                blob.restart()
            while piece := stream.read(_READ_BYTES):
                self._check()
                blob.write(piece)
                progress.reached(blob.offset)
        blob.check()

    def _check(self) -> None:
        if self._given_up:
            raise GivenUp("given up")

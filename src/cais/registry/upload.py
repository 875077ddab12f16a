"""One blob to a repository (OCI distribution specification, "Pushing Blobs"): whole or in chunks, going on where it broke off."""

from __future__ import annotations

import contextlib
import random
import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from urllib.parse import urlencode

from cais.digest import Digest
from cais.errors import PullError
from cais.images.bounded import Counting
from cais.images.content import OnBytes, Opened, skip
from cais.images.model import Descriptor
from cais.images.tarread import ByteSource
from cais.registry.client import Repository
from cais.registry.errors import ConnectionLost, refused
from cais.registry.retry import TEMPORARY, retry_after_s
from cais.registry.transport import Answer, Body, Request, error_text

MONOLITHIC_BYTES = 1 << 20
"""Up to this size a blob goes in one request, for which nothing can go on."""

_RANGE = re.compile(r"(?:bytes=)?0-([0-9]{1,18})\Z")
_UNSUPPORTED = (404, 405, 501)
_LOST = (404, 410, 416)
_OTHER_CONTENT = 400  # DIGEST_INVALID, SIZE_INVALID

OpenAt = Callable[[int], AbstractContextManager[Opened]]


class _Stumbled(Exception):
    """The registry did not take it this time; `asked_s` is how long it wants to be left alone."""

    def __init__(self, error: PullError, asked_s: float | None) -> None:
        super().__init__(error.message)
        self.error = error
        self.asked_s = asked_s


class Upload:
    """The upload of one blob, whose content `open_at` gives from any offset, more than once if need be."""

    def __init__(
        self,
        repository: Repository,
        descriptor: Descriptor,
        open_at: OpenAt,
        on_bytes: OnBytes,
        *,
        chunk_bytes: int = 0,
    ) -> None:
        """`chunk_bytes`: the most to send in one request, 0 for any size."""
        self._repository = repository
        self._digest: Digest = descriptor.digest
        self._size = descriptor.size
        self._open_at = open_at
        self._on_bytes = on_bytes
        self._chunk_bytes = chunk_bytes
        self._in_one = descriptor.size <= MONOLITHIC_BYTES and (not chunk_bytes or descriptor.size <= chunk_bytes)
        self._url: str | None = None
        self._sent = 0
        self._went_on = False
        self._what = f'blob "{self._digest}" for "{repository.name}"'

    def run(self, url: str | None = None) -> None:
        """Send it, to the upload that has begun at `url` or a new one. Raises PullError, InvalidImage."""
        self._url = url
        failures = 0
        while True:
            before = self._sent
            try:
                self._attempt()
            except (ConnectionLost, _Stumbled) as error:
                self._locate()
                policy = self._repository.policy
                failures = 1 if self._sent - before >= policy.progress_bytes else failures + 1
                asked_s = error.asked_s if isinstance(error, _Stumbled) else None
                delay_s = policy.delay_s(failures, asked_s, random.random())
                if delay_s is None:
                    raise (error.error if isinstance(error, _Stumbled) else error) from error
                self._repository.pause(delay_s)
            else:
                return

    def _attempt(self) -> None:
        if self._url is None:
            self._url, self._sent, self._went_on = self._repository.begin_upload(), 0, False
        if not self._in_one:
            self._chunks()
        if not self._in_one:
            self._put(b"")
            return
        if self._url is None:
            self._url = self._repository.begin_upload()
        self._put(Body(self._size, lambda: self._from(0)))

    def _chunks(self) -> None:
        while self._sent < self._size and not self._in_one:
            self._patch()

    def _patch(self) -> None:
        assert self._url is not None
        begin = self._sent
        size = min(self._chunk_bytes or self._size, self._size - begin)
        headers = {"Content-Type": "application/octet-stream", "Content-Range": f"{begin}-{begin + size - 1}"}
        body = Body(size, lambda: self._from(begin))
        with self._answer(Request(url=self._url, method="PATCH", headers=headers, body=body)) as answer:
            if answer.status in _UNSUPPORTED and begin == 0:
                self._in_one, self._url = True, None  # it takes blobs whole only
                return
            if answer.status in _LOST:
                raise _Stumbled(self._refused(answer), None)
            if answer.status not in (200, 201, 202, 204):
                raise self._refused(answer)
            self._url = self._repository.location(answer)
            reached = _reached(answer)
            self._sent = begin + size if reached is None else min(reached, self._size)
        if self._sent <= begin:
            raise self._no_progress()

    def _put(self, body: Body | bytes) -> None:
        assert self._url is not None
        joint = "&" if "?" in self._url else "?"
        headers = {"Content-Type": "application/octet-stream"}
        if body == b"":
            headers["Content-Length"] = "0"
        request = Request(
            url=f"{self._url}{joint}{urlencode({'digest': self._digest})}", method="PUT", headers=headers, body=body
        )
        try:
            with self._answer(request) as answer:
                if answer.status in _LOST or (self._went_on and answer.status == _OTHER_CONTENT):
                    # A registry may still have been taking in what was on its way when it told how much it had.
                    self._url = None
                    raise _Stumbled(self._refused(answer), None)
                if answer.status not in (200, 201, 202, 204):
                    raise self._refused(answer)
        except ConnectionLost:
            # It may have been stored before the connection broke.
            if not self._repository.has_blob(self._digest):
                raise

    @contextlib.contextmanager
    def _answer(self, request: Request) -> Iterator[Answer]:
        answer = self._repository.send(request, self._what)
        try:
            if answer.status in TEMPORARY:
                now = self._repository.now()
                raise _Stumbled(self._refused(answer), retry_after_s(answer.headers.get("Retry-After"), now))
            yield answer
        finally:
            answer.close()

    def _refused(self, answer: Answer) -> PullError:
        return refused(self._repository.host, self._what, answer.status, error_text(answer))

    def _no_progress(self) -> PullError:
        return ConnectionLost(f'registry "{self._repository.host}" takes nothing of {self._what}', hint="try again")

    def _locate(self) -> None:
        """Ask how much has arrived; begin anew where that is not known."""
        url, self._url = self._url, None
        if url is None or self._in_one:
            self._sent = 0
            return
        try:
            answer = self._repository.send(Request(url=url), self._what)
        except ConnectionLost:
            self._sent = 0
            return
        try:
            reached = _reached(answer)
            if answer.status in (200, 202, 204) and reached is not None and reached < self._size:
                self._url, self._sent, self._went_on = self._repository.location(answer), reached, reached > 0
            else:
                self._sent = 0
        finally:
            answer.close()

    @contextlib.contextmanager
    def _from(self, begin: int) -> Iterator[ByteSource]:
        with self._open_at(begin) as (stream, start):
            skip(stream, begin - start)
            yield Counting(stream, self._on_bytes, seen=begin)


def _reached(answer: Answer) -> int | None:
    """How many bytes an upload has, of its `Range: 0-99`; None where it does not say. `0-0` is what is said of none."""
    found = _RANGE.match(answer.headers.get("Range", ""))
    if found is None:
        return None
    last = int(found[1])
    return last + 1 if last else 0

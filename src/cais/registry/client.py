"""One repository of one registry, to read from and to write to (OCI distribution specification, "Endpoints")."""

from __future__ import annotations

import contextlib
import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from urllib.parse import urlencode, urljoin

import msgspec

from cais.digest import Digest, digest_bytes, parse_digest
from cais.errors import InvalidImage, Problem, PullError
from cais.images.content import Content
from cais.images.limits import DEFAULT_LIMITS
from cais.images.model import DOCKER_MANIFEST, DOCKER_MANIFEST_LIST, MEDIA_INDEX, MEDIA_MANIFEST
from cais.registry.auth import Challenge, authorize, choose_challenge
from cais.registry.credentials import Credentials
from cais.registry.errors import ConnectionLost, NotInRegistry, refused
from cais.registry.retry import DEFAULT_RETRY, TEMPORARY, RetryPolicy, retry_after_s
from cais.registry.transport import Answer, Request, Transport, error_text

_ACCEPT = f"{MEDIA_INDEX}, {MEDIA_MANIFEST}, {DOCKER_MANIFEST_LIST}, {DOCKER_MANIFEST}"
_DONE = (200, 201, 202, 204, 206)


class Repository:
    """A repository. `find_credentials` is called at most once, when the registry asks who we are. Safe to use from several threads."""

    def __init__(
        self,
        transport: Transport,
        name: str,
        find_credentials: Callable[[], Credentials | None],
        *,
        actions: str = "pull",
        also_from: Sequence[str] = (),
        pause: Callable[[float], None] = time.sleep,
        now: Callable[[], float] = time.time,
        policy: RetryPolicy = DEFAULT_RETRY,
    ) -> None:
        """`actions` are what a token is asked for (`pull` or `pull,push`); `also_from` repositories that blobs may be mounted from."""
        self.transport = transport
        self.policy = policy
        prefix = transport.endpoint.prefix
        self.name = f"{prefix}/{name}" if prefix else name
        self._scopes = [f"repository:{self.name}:{actions}", *(f"repository:{each}:pull" for each in also_from)]
        self._find_credentials = find_credentials
        self._credentials: Credentials | None = None
        self._asked = False
        self.pause = pause
        self.now = now
        self._authorization = ""
        self._lock = threading.Lock()

    @property
    def host(self) -> str:
        """The host, for messages."""
        return self.transport.endpoint.host

    # --- reading ---

    def head(self, tag_or_digest: str) -> Digest | None:
        """The digest of a manifest or index, without getting it; None where the registry does not say. Raises PullError."""
        what = f'"{self.name}:{tag_or_digest}"'
        request = self._request("HEAD", f"/manifests/{tag_or_digest}", {"Accept": _ACCEPT})
        with self.answer(request, what) as answer:
            text = answer.headers.get("Docker-Content-Digest", "")
        with contextlib.suppress(InvalidImage):  # then the manifest itself has to be got
            return parse_digest(text)
        return None

    def manifest(self, tag_or_digest: str) -> Content:
        """A manifest or an index, verified when asked for by digest. Raises PullError, InvalidImage."""
        separator = "@" if ":" in tag_or_digest else ":"
        what = f'"{self.name}{separator}{tag_or_digest}"'
        request = self._request("GET", f"/manifests/{tag_or_digest}", {"Accept": _ACCEPT})
        with self.answer(request, what) as answer:
            data = answer.read_all(DEFAULT_LIMITS.metadata_bytes)
            kind = answer.headers.get("Content-Type", "").partition(";")[0].strip()
        if ":" in tag_or_digest:
            self._verify(data, Digest(tag_or_digest))
            return Content(data, kind, Digest(tag_or_digest))
        return Content(data, kind, digest_bytes(data))

    def document(self, digest: Digest) -> bytes:
        """A small blob, verified. Raises PullError, InvalidImage."""
        with self.answer(self._request("GET", f"/blobs/{digest}"), f'blob "{digest}" of "{self.name}"') as answer:
            data = answer.read_all(DEFAULT_LIMITS.metadata_bytes)
        self._verify(data, digest)
        return data

    @contextlib.contextmanager
    def blob(self, digest: Digest, offset: int = 0) -> Iterator[tuple[Answer, int]]:
        """A blob as a stream, not verified, and where it begins: at `offset` if the registry can do that. Raises PullError."""
        headers = {"Range": f"bytes={offset}-"} if offset else {}
        request = self._request("GET", f"/blobs/{digest}", headers)
        with self.answer(request, f'blob "{digest}" of "{self.name}"', (200, 206, 416)) as answer:
            if answer.status != 416:
                yield answer, offset if answer.status == 206 and _starts_at(answer, offset) else 0
                return
        with self.blob(digest) as whole:  # what we have does not fit to what is there
            yield whole

    # --- writing ---

    def has_blob(self, digest: Digest) -> bool:
        """Whether the repository has a blob. Raises PullError."""
        request = self._request("HEAD", f"/blobs/{digest}")
        with self.answer(request, f'blob "{digest}"', (200, 404)) as answer:
            return answer.status == 200

    def begin_upload(self, *, mount: Digest | None = None, source: str = "") -> str | None:
        """Where to send a blob; None when the registry could take it from its repository `source` instead. Raises PullError."""
        query = "?" + urlencode({"mount": mount, "from": source}) if mount else ""
        request = self._request("POST", f"/blobs/uploads/{query}", {"Content-Length": "0"})
        with self.answer(request, f'an upload to "{self.name}"', (201, 202)) as answer:
            return None if mount and answer.status == 201 else self.location(answer)

    def put_manifest(self, content: Content, tag_or_digest: str) -> Digest:
        """Store a manifest or index under a tag or its digest; its digest, as the registry has it. Raises PullError."""
        request = msgspec.structs.replace(
            self._request("PUT", f"/manifests/{tag_or_digest}", {"Content-Type": content.media_type}), body=content.data
        )
        with self.answer(request, f'the manifest of "{self.name}:{tag_or_digest}"', (200, 201, 202)) as answer:
            said = answer.headers.get("Docker-Content-Digest")
        if said is not None and said != content.digest:
            raise InvalidImage(
                [Problem(f'registry "{self.host}" has stored {said[:200]} in place of {content.digest}')]
            )
        return content.digest

    def location(self, answer: Answer) -> str:
        """Where an upload goes on. Raises PullError."""
        location = answer.headers.get("Location")
        if not location:
            raise PullError(f'registry "{self.host}" does not say where to send a blob')
        return urljoin(answer.url, location)

    # --- both ---

    @contextlib.contextmanager
    def answer(self, request: Request, what: str, good: Sequence[int] = _DONE) -> Iterator[Answer]:
        """The answer to a request, closed at the end of the block: tried again while the registry stumbles, with a token if it asks for one.

        Raises PullError for a status that is not in `good`; `what` is what is then said to be refused.
        """
        answer = self._persistent(request, what)
        try:
            if answer.status not in good:
                wait_s = retry_after_s(answer.headers.get("Retry-After"), self.now())
                raise refused(self.host, what, answer.status, error_text(answer), wait_s=wait_s)
            yield answer
        finally:
            answer.close()

    def send(self, request: Request, what: str) -> Answer:
        """The answer to a request, which is tried once; with a token, if the registry asks for one. Raises PullError."""
        used = self._authorization
        answer = self._send(request, used)
        if answer.status != 401:
            return answer
        challenge = choose_challenge(answer.headers.get_all("WWW-Authenticate", []))
        with contextlib.suppress(PullError):
            answer.read_all(DEFAULT_LIMITS.metadata_bytes)
        answer.close()
        with self._lock:
            if self._authorization == used:  # else another thread has got one meanwhile
                self._authorization = self._authorize(challenge, what)
            fresh = self._authorization
        return self._send(request, fresh)

    def _authorize(self, challenge: Challenge, what: str) -> str:
        credentials = self._known_credentials()
        try:
            return authorize(self.transport, challenge, self._scopes, what, credentials)
        except NotInRegistry:
            if len(self._scopes) == 1:
                raise
            del self._scopes[1:]  # what may not be mounted is sent
            return authorize(self.transport, challenge, self._scopes, what, credentials)

    def _persistent(self, request: Request, what: str) -> Answer:
        failures = 0
        while True:
            try:
                answer = self.send(request, what)
            except ConnectionLost:
                failures += 1
                delay_s = self.policy.delay_s(failures, None, random.random())
                if delay_s is None:
                    raise
            else:
                if answer.status not in TEMPORARY:
                    return answer
                failures += 1
                asked_s = retry_after_s(answer.headers.get("Retry-After"), self.now())
                delay_s = self.policy.delay_s(failures, asked_s, random.random())
                if delay_s is None:
                    return answer
                answer.close()
            self.pause(delay_s)

    def _send(self, request: Request, authorization: str) -> Answer:
        own = request.url.startswith(self.transport.base() + "/")
        return self.transport.send(msgspec.structs.replace(request, authorization=authorization if own else ""))

    def _request(self, method: str, path: str, headers: dict[str, str] | None = None) -> Request:
        return Request(url=f"{self.transport.base()}/v2/{self.name}{path}", method=method, headers=headers or {})

    def _known_credentials(self) -> Credentials | None:
        if not self._asked:
            self._credentials = self._find_credentials()
            self._asked = True
        return self._credentials

    def _verify(self, data: bytes, digest: Digest) -> None:
        import hashlib

        algorithm = digest.partition(":")[0]
        found = f"{algorithm}:{hashlib.new(algorithm, data).hexdigest()}"
        if found != digest:
            raise InvalidImage([Problem(f'registry "{self.host}" sends content with digest {found} for {digest}')])


def _starts_at(answer: Answer, offset: int) -> bool:
    """RFC 9110, section 14.4: `bytes 100-199/200`."""
    unit, _, rest = answer.headers.get("Content-Range", "").partition(" ")
    return unit.strip().lower() == "bytes" and rest.partition("-")[0].strip() == str(offset)

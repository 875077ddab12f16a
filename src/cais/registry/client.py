"""One repository of one registry: manifests and blobs by the OCI distribution specification ("Pull")."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator

from cais.digest import Digest, digest_bytes
from cais.errors import InvalidImage, Problem
from cais.images.limits import DEFAULT_LIMITS
from cais.images.model import DOCKER_MANIFEST, DOCKER_MANIFEST_LIST, MEDIA_INDEX, MEDIA_MANIFEST
from cais.registry.auth import authorize, parse_challenge
from cais.registry.credentials import Credentials
from cais.registry.errors import refused
from cais.registry.transport import Answer, Request, Transport, error_text

_ACCEPT = f"{MEDIA_INDEX}, {MEDIA_MANIFEST}, {DOCKER_MANIFEST_LIST}, {DOCKER_MANIFEST}"
_TEMPORARY = (500, 502, 503, 504)
_PAUSES_S = (0.3, 1.0)


class Repository:
    """Reads a repository. `find_credentials` is called at most once, when the registry asks who we are."""

    def __init__(
        self,
        transport: Transport,
        name: str,
        find_credentials: Callable[[], Credentials | None],
        *,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._transport = transport
        self._name = name
        self._find_credentials = find_credentials
        self._pause = pause
        self._authorization = ""
        endpoint = transport.endpoint
        self._base = f"{endpoint.scheme}://{endpoint.host}/v2/{name}"

    def manifest(self, tag_or_digest: str) -> bytes:
        """A manifest or an index, verified when asked for by digest. Raises PullError, InvalidImage."""
        with self._get(f"/manifests/{tag_or_digest}", f'"{self._name}:{tag_or_digest}"', {"Accept": _ACCEPT}) as answer:
            data = answer.read_all(DEFAULT_LIMITS.metadata_bytes)
        if ":" in tag_or_digest:
            self._verify(data, Digest(tag_or_digest))
        return data

    def document(self, digest: Digest) -> bytes:
        """A small blob, verified. Raises PullError, InvalidImage."""
        with self.blob(digest) as answer:
            data = answer.read_all(DEFAULT_LIMITS.metadata_bytes)
        self._verify(data, digest)
        return data

    def blob(self, digest: Digest) -> contextlib.AbstractContextManager[Answer]:
        """A blob as a stream, not verified. Raises PullError."""
        return self._get(f"/blobs/{digest}", f'blob "{digest}" of "{self._name}"', {})

    @contextlib.contextmanager
    def _get(self, path: str, what: str, headers: dict[str, str]) -> Iterator[Answer]:
        answer = self._answer(path, headers)
        try:
            if answer.status == 401:
                challenge = parse_challenge(answer.headers.get("WWW-Authenticate", ""))
                answer.close()
                self._authorization = authorize(self._transport, challenge, self._name, self._find_credentials())
                answer = self._answer(path, headers)
            if answer.status != 200:
                raise refused(self._transport.endpoint.host, what, answer.status, error_text(answer))
            yield answer
        finally:
            answer.close()

    def _answer(self, path: str, headers: dict[str, str]) -> Answer:
        request = Request(url=self._base + path, headers=headers, authorization=self._authorization)
        for pause_s in _PAUSES_S:
            answer = self._transport.send(request)
            if answer.status not in _TEMPORARY:
                return answer
            answer.close()
            self._pause(pause_s)
        return self._transport.send(request)

    def _verify(self, data: bytes, digest: Digest) -> None:
        found = digest_bytes(data)
        if digest.startswith("sha256:") and found != digest:
            host = self._transport.endpoint.host
            raise InvalidImage([Problem(f'registry "{host}" sends content with digest {found} for {digest}')])

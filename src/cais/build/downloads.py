"""ADD of http(s) addresses: fetched once, kept by digest, asked for again only with the question whether it changed (RFC 9110, 13)."""

from __future__ import annotations

import contextlib
import hashlib
import os
import posixpath
import threading
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

import msgspec

from cais import decoding, durable
from cais.build import host
from cais.digest import CHUNK_BYTES, parse_digest
from cais.errors import BuildError, CaisError, InvalidDockerfile, Problem, Span

_TIMEOUT_S = 60.0


class Download(msgspec.Struct, frozen=True, kw_only=True):
    """What the address `url` gave: the file that holds it is named by `digest`. `modified_at` in seconds, 0 when the server did not say."""

    digest: str
    url: str = ""
    etag: str = ""
    last_modified: str = ""
    modified_at: float = 0.0


class Downloads:
    """The downloads of one build, kept under `folder` for the next ones. `secrets` may hold HTTP_AUTH_TOKEN_HOST and HTTP_AUTH_HEADER_HOST."""

    def __init__(self, folder: str, environment: Mapping[str, str], secrets: Mapping[str, bytes | str]) -> None:
        self._folder = folder
        self._environment = environment
        self._secrets = secrets
        self._known: dict[str, Download] = {}
        self._lock = threading.Lock()

    def fetch(self, url: str, checksum: str, span: Span | None) -> Download:
        """What `url` gives now; with `checksum` from the folder if it is there. Raises BuildError, InvalidDockerfile."""
        wanted = read_checksum(checksum, span)
        with self._lock:
            if url not in self._known:
                kept = self._kept(url)
                if kept is None or kept.digest != wanted:
                    kept = self._ask(url, kept, span)
                self._known[url] = kept
            found = self._known[url]
            os.utime(self._record(url))  # by this it is known when it was last used
        if wanted and found.digest != wanted:
            raise BuildError(
                f'"{url}" has digest {found.digest}, not {wanted}',
                span=span,
                hint="correct the checksum, if that is the file you want",
            )
        return found

    def path(self, download: Download) -> str:
        """The file that holds it."""
        return os.path.join(self._folder, download.digest.replace(":", "-"))

    def _record(self, url: str) -> str:
        return os.path.join(self._folder, hashlib.sha256(url.encode()).hexdigest() + ".json")

    def _kept(self, url: str) -> Download | None:
        try:
            with open(self._record(url), "rb") as stream:
                kept = decoding.decode(stream.read(), Download)
        except (FileNotFoundError, msgspec.MsgspecError):  # never fetched, or the record was cut short by a power cut
            return None
        return kept if os.path.exists(self.path(kept)) else None

    def _ask(self, url: str, kept: Download | None, span: Span | None) -> Download:
        import urllib.error
        import urllib.request

        request = urllib.request.Request(url, headers={"User-Agent": "cais", **_conditions(kept)})  # noqa: S310  (http and https only, checked by the caller)
        authorisation = self._authorisation(urlsplit(url).netloc.rpartition("@")[2])
        if authorisation:
            # "Unredirected": where the server sends us next must not see it.
            request.add_unredirected_header("Authorization", authorisation)
        try:
            with self._opener().open(request, timeout=_TIMEOUT_S) as response:
                return self._keep(url, response)
        except urllib.error.HTTPError as error:
            with error:
                if error.code == 304 and kept is not None:
                    return kept
                raise BuildError(
                    f'cannot fetch "{url}": the server answered {error.code} {error.reason}', span=span
                ) from error
        except OSError as error:  # URLError, a broken connection, a certificate that is not trusted
            reason = getattr(error, "reason", error)
            raise BuildError(
                f'cannot fetch "{url}": {reason}', span=span, hint="is the address right, and the network there?"
            ) from error

    def _authorisation(self, server: str) -> str:
        header = read_secret(self._secrets.get(f"HTTP_AUTH_HEADER_{server}"))
        token = read_secret(self._secrets.get(f"HTTP_AUTH_TOKEN_{server}"))
        return header or (f"Bearer {token}" if token else "")

    def _opener(self) -> Any:  # noqa: ANN401  (urllib is imported only here)
        import ssl
        import urllib.request

        proxies = {
            scheme: value
            for scheme in ("http", "https", "no")
            if (value := self._environment.get(f"{scheme}_proxy") or self._environment.get(f"{scheme.upper()}_PROXY"))
        }
        context = ssl.create_default_context(cafile=host.find_bundle(self._environment))
        return urllib.request.build_opener(
            urllib.request.ProxyHandler(proxies), urllib.request.HTTPSHandler(context=context)
        )

    def _keep(self, url: str, response: Any) -> Download:  # noqa: ANN401  (as above)
        from email.utils import parsedate_to_datetime

        os.makedirs(self._folder, mode=0o700, exist_ok=True)
        temporary = durable.temporary_name(self._folder)
        hasher = hashlib.sha256()
        try:
            with open(temporary, "xb") as stream:
                while chunk := response.read(CHUNK_BYTES):
                    hasher.update(chunk)
                    stream.write(chunk)
            modified = response.headers.get("Last-Modified", "")
            found = Download(
                digest=f"sha256:{hasher.hexdigest()}",
                url=_shown(url),
                etag=response.headers.get("ETag", ""),
                last_modified=modified,
                modified_at=parsedate_to_datetime(modified).timestamp() if modified else 0.0,
            )
            os.rename(temporary, self.path(found))
        except BaseException:
            with contextlib.suppress(FileNotFoundError):  # renamed already
                os.unlink(temporary)
            raise
        durable.write(self._record(url), msgspec.json.encode(found), mode=0o600, sync=False)
        return found


def _shown(url: str) -> str:
    """An address without a password, and without what may be one."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def read_secret(given: bytes | str | None) -> str:
    """The text of a secret that is credentials (its content, or the path of a file); "" for none."""
    if isinstance(given, str):
        with open(given, "rb") as stream:
            given = stream.read()
    return given.decode().strip() if given else ""


def read_checksum(text: str, span: Span | None) -> str:
    """`--checksum`, "" for none. Raises InvalidDockerfile."""
    if not text:
        return ""
    try:
        digest = parse_digest(text)
    except CaisError as error:
        raise InvalidDockerfile(
            [Problem(f"--checksum: {error.message}", span, "write sha256: and 64 digits")]
        ) from error
    if not digest.startswith("sha256:"):
        raise InvalidDockerfile([Problem(f'--checksum "{text}" is not sha256', span, "write sha256: and 64 digits")])
    return digest


def file_name(url: str) -> str:
    """The name a download gets in a folder: the last part of the address's path."""
    return posixpath.basename(unquote(urlsplit(url).path)) or "__unnamed__"  # the name BuildKit gives


def _conditions(kept: Download | None) -> dict[str, str]:
    if kept is None:
        return {}
    conditions = {"If-None-Match": kept.etag, "If-Modified-Since": kept.last_modified}
    return {name: value for name, value in conditions.items() if value}

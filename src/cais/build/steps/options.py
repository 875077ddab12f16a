"""`RUN --mount=` options, after expansion, to typed mounts (Dockerfile reference, "RUN --mount")."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Mapping

from cais.build import words
from cais.build.sources import Context, Source
from cais.build.steps.model import BindMount, CacheMount, Mount, SecretMount, SshMount, TmpfsMount
from cais.errors import InvalidDockerfile, Problem, Span

Options = tuple[tuple[str, str], ...]
_TRUE = ("", "1", "t", "true")
_SHARING = ("shared", "private", "locked")


def read_mount(options: Options, working_dir: str, find: Callable[[str], Source], span: Span) -> Mount:
    """One mount; `find` says what a name after `from=` means. Raises InvalidDockerfile."""
    return _Reader(options, working_dir, find, span).mount()


class _Reader:
    def __init__(self, options: Options, working_dir: str, find: Callable[[str], Source], span: Span) -> None:
        self._options: Mapping[str, str] = dict(options)
        self._working_dir = working_dir
        self._find = find
        self._span = span

    def mount(self) -> Mount:
        kind = self._options.get("type", "bind").lower()
        if kind == "bind":
            return self._bind()
        if kind == "cache":
            return self._cache()
        if kind == "tmpfs":
            return TmpfsMount(target=self._target(), size_bytes=self._size())
        if kind == "secret":
            return self._secret()
        if kind == "ssh":
            return self._ssh()
        raise self._wrong("type", kind, "bind, cache, tmpfs, secret or ssh")

    def _bind(self) -> BindMount:
        source = self._from() or Context()
        return BindMount(
            target=self._target(),
            source=source,
            path=posixpath.normpath("/" + self._any("source", "src")).lstrip("/"),
            read_only=not self._writable(default=False),
        )

    def _cache(self) -> CacheMount:
        target = self._target()
        sharing = (self._options.get("sharing") or "shared").lower()
        if sharing not in _SHARING:
            raise self._wrong("sharing", sharing, "shared, private or locked")
        return CacheMount(
            target=target,
            id=self._options.get("id") or target,
            sharing=sharing,
            read_only=not self._writable(default=True),
            mode=self._number("mode", 0o755, base=8),
            uid=self._number("uid", 0),
            gid=self._number("gid", 0),
            seed=self._from(),
            seed_path=posixpath.normpath("/" + self._any("source", "src")).lstrip("/"),
        )

    def _secret(self) -> SecretMount:
        target = self._any("target", "dst", "destination")
        name = self._options.get("id") or self._any("source", "src") or posixpath.basename(target)
        variable = self._options.get("env", "")
        if not target and not variable:
            target = f"/run/secrets/{name}"
        return SecretMount(
            id=name,
            target=self._absolute(target) if target else "",
            variable=variable,
            required=self._flag("required", default=False),
            mode=self._number("mode", 0o400, base=8),
            uid=self._number("uid", 0),
            gid=self._number("gid", 0),
        )

    def _ssh(self) -> SshMount:
        target = self._any("target", "dst", "destination")
        return SshMount(
            id=self._options.get("id") or "default",
            target=self._absolute(target) if target else "",
            required=self._flag("required", default=False),
            mode=self._number("mode", 0o600, base=8),
            uid=self._number("uid", 0),
            gid=self._number("gid", 0),
        )

    def _from(self) -> Source | None:
        name = self._options.get("from", "")
        return self._find(name) if name else None

    def _target(self) -> str:
        target = self._any("target", "dst", "destination")
        if not target or self._absolute(target) == "/":
            raise self._wrong("target", target, "a path other than /")
        return self._absolute(target)

    def _absolute(self, path: str) -> str:
        return "/" + posixpath.normpath(posixpath.join("/", self._working_dir, path)).lstrip("/")

    def _any(self, *names: str) -> str:
        return next((self._options[name] for name in names if self._options.get(name)), "")

    def _writable(self, *, default: bool) -> bool:
        for name, positive in (("readwrite", True), ("rw", True), ("readonly", False), ("ro", False)):
            if name in self._options:
                return self._flag(name, default=True) is positive
        return default

    def _flag(self, name: str, *, default: bool) -> bool:
        return self._options[name].lower() in _TRUE if name in self._options else default

    def _number(self, name: str, default: int, base: int = 10) -> int:
        text = self._options.get(name)
        if not text:
            return default
        try:
            return int(text, base)
        except ValueError:
            raise self._wrong(name, text, "an octal number such as 0600" if base == 8 else "a number") from None

    def _size(self) -> int | None:
        text = self._options.get("size")
        if not text:
            return None
        size = words.size_in_bytes(text)
        if size is None:
            raise self._wrong("size", text, "a size such as 64m")
        return size

    def _wrong(self, name: str, value: str, expected: str) -> InvalidDockerfile:
        return InvalidDockerfile(
            [Problem(f'mount option "{name}" cannot be "{value}"', self._span, f"write {expected}")]
        )

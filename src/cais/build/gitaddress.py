"""Addresses of git repositories, as ADD and build contexts write them (Docker docs, "Build context", "URL fragments" and "URL queries"). Pure."""

from __future__ import annotations

import posixpath
import re
from urllib.parse import parse_qs, urlsplit, urlunsplit

import msgspec

_SCP = re.compile(r"(?P<remote>[A-Za-z0-9-_]+@[A-Za-z0-9-.]+:[^?#]+)(?:\?(?P<query>[^#]*))?(?:#(?P<fragment>.*))?")
_SCHEMES = ("http", "https", "git", "ssh")
_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_HEXADECIMAL = re.compile(r"[0-9a-f]+")
_TRUE, _FALSE = ("", "1", "t", "true"), ("0", "f", "false")
_QUERIES = ("ref", "tag", "branch", "subdir", "checksum", "commit", "keep-git-dir", "submodules", "fetch-by-commit")


class GitAddress(msgspec.Struct, frozen=True, kw_only=True):
    """A repository and what of it is meant: `ref` ("" for its default branch), a folder in it, the commit it must be (or begin with)."""

    remote: str
    ref: str = ""
    subfolder: str = ""
    checksum: str = ""
    keep_git_dir: bool = False
    submodules: bool = True

    @property
    def shown(self) -> str:
        """The remote without a password."""
        return re.sub(r"(?<=://)[^/@]*@", "", self.remote)

    @property
    def host(self) -> str:
        """The server."""
        return urlsplit(self.remote).netloc.rpartition("@")[2] if "://" in self.remote else ""


class BadAddress(ValueError):
    """It is a repository's address, but cannot be read."""


def is_commit(text: str) -> bool:
    """Whether `text` is a whole commit id."""
    return _COMMIT.fullmatch(text) is not None


def parse(text: str, *, short: bool = False) -> GitAddress | None:
    """The repository `text` names; None when it names something else. `short` takes `github.com/OWNER/NAME` too, which may be a path.

    An http(s) address is a repository's when its path ends in `.git`. Raises BadAddress.
    """
    if short and text.startswith("github.com/"):
        text = "https://" + text
        short = True
    else:
        short = False
    match = _SCP.fullmatch(text)
    if match is not None and "://" not in text:
        return _with_parts(match["remote"], match["query"] or "", match["fragment"] or "")
    parts = urlsplit(text)
    if parts.scheme.lower() not in _SCHEMES or not parts.netloc:
        return None
    if parts.scheme.lower().startswith("http") and not parts.path.endswith(".git") and not short:
        return None
    return _with_parts(urlunsplit((parts.scheme, parts.netloc, parts.path, "", "")), parts.query, parts.fragment)


def _with_parts(remote: str, query: str, fragment: str) -> GitAddress:
    ref, _, subfolder = fragment.partition(":")
    asked = _queries(query)
    refs = {
        each
        for each in (ref, asked.get("ref", ""), _full("tags", asked.get("tag")), _full("heads", asked.get("branch")))
        if each
    }
    if len(refs) > 1:
        raise BadAddress("it names several refs: " + ", ".join(sorted(refs)))
    folders = {_clean(each) for each in (subfolder, asked.get("subdir", "")) if each}
    if len(folders) > 1:
        raise BadAddress("it names several folders: " + ", ".join(sorted(folders)))
    checksum = asked.get("checksum") or asked.get("commit", "")
    check_checksum(checksum)
    return GitAddress(
        remote=remote,
        ref=next(iter(refs), checksum if is_commit(checksum) else ""),
        subfolder=next(iter(folders), ""),
        checksum=checksum,
        keep_git_dir=_truth(asked, "keep-git-dir", default=False),
        submodules=_truth(asked, "submodules", default=True),
    )


def check_checksum(text: str) -> None:
    """Raise BadAddress when `text` is neither "" nor the beginning of a commit id."""
    if text and not _HEXADECIMAL.fullmatch(text):
        raise BadAddress(f'"{text}" is no commit')


def _queries(query: str) -> dict[str, str]:
    found = parse_qs(query, keep_blank_values=True)
    for name, values in found.items():
        if name not in _QUERIES:
            raise BadAddress(f'"{name}" is no query of a repository\'s address')
        if len(values) > 1:
            raise BadAddress(f'"{name}" is given twice')
    return {name: values[0] for name, values in found.items()}


def _full(kind: str, name: str | None) -> str:
    return f"refs/{kind}/{name}" if name else ""


def _clean(folder: str) -> str:
    return posixpath.normpath("/" + folder).lstrip("/")


def _truth(asked: dict[str, str], name: str, *, default: bool) -> bool:
    value = asked.get(name)
    if value is None:
        return default
    if value.lower() not in (*_TRUE, *_FALSE):
        raise BadAddress(f'"{name}" cannot be "{value}"')
    return value.lower() in _TRUE

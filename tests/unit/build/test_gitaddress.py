"""Addresses of repositories: what is one, and which part of it is meant."""

import pytest

from cais.build.gitaddress import BadAddress, GitAddress, is_commit, parse
from cais.build.words import is_remote, is_web

COMMIT = "0123456789abcdef0123456789abcdef01234567"
READ = [
    ("https://x/a.git", GitAddress(remote="https://x/a.git")),
    ("http://x/a.git#main", GitAddress(remote="http://x/a.git", ref="main")),
    ("git://x/a#:sub/", GitAddress(remote="git://x/a", subfolder="sub")),
    ("ssh://git@x/a#v1:../s/./t", GitAddress(remote="ssh://git@x/a", ref="v1", subfolder="s/t")),
    ("git@github.com:moby/buildkit.git#v0.14.1:docs", GitAddress(remote="git@github.com:moby/buildkit.git", ref="v0.14.1", subfolder="docs")),
    ("https://x/a.git?tag=v1&subdir=s", GitAddress(remote="https://x/a.git", ref="refs/tags/v1", subfolder="s")),
    ("https://x/a.git?branch=b", GitAddress(remote="https://x/a.git", ref="refs/heads/b")),
    ("https://x/a.git?ref=r&keep-git-dir=1&submodules=false", GitAddress(remote="https://x/a.git", ref="r", keep_git_dir=True, submodules=False)),
    (f"https://x/a.git?commit={COMMIT}", GitAddress(remote="https://x/a.git", ref=COMMIT, checksum=COMMIT)),
    ("https://x/a.git?checksum=0123&ref=main", GitAddress(remote="https://x/a.git", ref="main", checksum="0123")),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), READ)
def test_read(text: str, expected: GitAddress) -> None:
    assert parse(text) == expected
    assert is_remote(text)


@pytest.mark.parametrize(
    "text", ["a.txt", "./x.git", "https://x/a", "https://x/a.git/b", "ftp://x/a.git", "github.com/a/b", "C:x", "a@b"]
)
def test_something_else(text: str) -> None:
    assert parse(text) is None
    assert is_remote(text) == is_web(text)


@pytest.mark.parametrize(
    "text",
    [
        "https://x/a.git?colour=red",
        "https://x/a.git?ref=a#b",
        "https://x/a.git?tag=a&branch=a",
        "https://x/a.git?ref=a&ref=b",
        "https://x/a.git?subdir=a#:b",
        "https://x/a.git?submodules=maybe",
        "https://x/a.git?checksum=xyz",
    ],
)
def test_contradictions(text: str) -> None:
    with pytest.raises(BadAddress):
        parse(text)


def test_a_short_form_is_for_contexts_alone() -> None:
    assert parse("github.com/a/b#c", short=True) == GitAddress(remote="https://github.com/a/b", ref="c")
    assert parse("https://x/a", short=True) is None


def test_a_password_is_not_shown() -> None:
    address = parse("https://me:secret@x/a.git")
    assert address is not None
    assert (address.shown, address.host) == ("https://x/a.git", "x")


def test_commits() -> None:
    assert is_commit(COMMIT)
    assert not is_commit(COMMIT[:12])

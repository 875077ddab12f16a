"""What sources name, and what the digest of it follows."""

import os
from pathlib import Path

import pytest
from tests.fakes.clock import FakeClock

from cais.build.filedigests import FileDigests
from cais.build.select import Selection, clean, digest_matches, file_digests, has_wildcard, select
from cais.build.tree import Tree
from cais.dockerfile.ignorefile import IgnoreMatcher, parse
from cais.errors import BuildError, Span

HERE = Span("Dockerfile", 1)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("a.txt", "b.txt", "sub/c.txt", "sub/deep/d.md", "[x]"):
        path = tmp_path / "context" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return tmp_path / "context"


def tree(folder: Path, ignore: str = "") -> Tree:
    return Tree(str(folder), is_context=True, ignored=IgnoreMatcher(parse(ignore)))


def named(folder: Path, *sources: str, ignore: str = "") -> list[str]:
    found = select(tree(folder, ignore), Selection(sources=sources), HERE)
    return [item.entry.path for match in found for item in match.items]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("a.txt", ["a.txt"]),
        ("/a.txt", ["a.txt"]),
        ("./sub/../a.txt", ["a.txt"]),
        ("../../a.txt", ["a.txt"]),
        ("*.txt", ["a.txt", "b.txt"]),
        ("sub", ["sub", "sub/c.txt", "sub/deep", "sub/deep/d.md"]),
        ("*/*.txt", ["sub/c.txt"]),
        ("**", ["[x]", "a.txt", "b.txt", "sub", "sub/c.txt", "sub/deep", "sub/deep/d.md"]),
        ("none*", []),
        ("[[]x]", ["[x]"]),
    ],
)
def test_select(folder: Path, source: str, expected: list[str]) -> None:
    assert named(folder, source) == expected


def test_ignored_files_do_not_exist(folder: Path) -> None:
    assert named(folder, ".", ignore="sub\n!sub/deep/d.md\n*.txt\n") == ["", "[x]", "sub", "sub/deep", "sub/deep/d.md"]
    with pytest.raises(BuildError, match="left out of the build context by the ignore file"):
        named(folder, "a.txt", ignore="*.txt")


def test_a_missing_source_suggests_the_nearest(folder: Path) -> None:
    with pytest.raises(BuildError, match=r'"sub/c\.text" is not in the build context') as caught:
        named(folder, "sub/c.text")
    assert caught.value.hint == 'did you mean "sub/c.txt"?'


def test_links_in_a_circle_are_refused(folder: Path) -> None:
    os.symlink("loop", folder / "loop")
    with pytest.raises(BuildError, match="circle"):
        named(folder, "loop")


def digest(folder: Path, *sources: str) -> str:
    one = tree(folder)
    return digest_matches(one, select(one, Selection(sources=sources or (".",)), HERE))


def test_the_digest_follows_content_names_modes_and_links(folder: Path) -> None:
    os.symlink("a.txt", folder / "link")
    seen = {digest(folder)}

    def changed() -> bool:
        before = len(seen)
        seen.add(digest(folder))
        return len(seen) > before

    os.utime(folder / "a.txt", (1, 1))
    os.chmod(folder, 0o700)
    assert not changed()
    (folder / "a.txt").write_text("other")
    assert changed()
    os.chmod(folder / "a.txt", 0o755)
    assert changed()
    os.rename(folder / "a.txt", folder / "z.txt")
    assert changed()
    (folder / "sub/empty").mkdir()
    assert changed()
    os.unlink(folder / "link")
    os.symlink("b.txt", folder / "link")
    assert changed()


def test_where_one_name_ends_and_the_next_begins_counts(folder: Path) -> None:
    assert digest(folder, "a.txt", "b.txt") != digest(folder, "b.txt", "a.txt")


def test_files_are_named_for_explanations(folder: Path) -> None:
    one = tree(folder)
    matches = select(one, Selection(sources=("sub", "a.txt")), HERE)
    assert list(file_digests(one, matches, 2)) == ["sub/c.txt", "sub/deep/d.md"]


def test_digests_are_remembered_until_the_file_changes(folder: Path, tmp_path: Path) -> None:
    path = folder / "a.txt"
    os.utime(path, (1, 1))
    clock = FakeClock()
    clock.advance(1e10)  # what changed long ago is settled

    def digests() -> FileDigests:
        return FileDigests(str(tmp_path / "digests"), str(folder), clock)

    first = digests()
    one = Tree(str(folder), is_context=True, digests=first)
    entry = one.entry("a.txt")
    assert entry is not None
    value = one.digest(entry)
    first.save()
    assert digests().get(entry) == value
    path.write_text("AA.txt"[:5])
    changed = Tree(str(folder), is_context=True).entry("a.txt")
    assert changed is not None
    assert digests().get(changed) is None


def test_a_file_that_changed_a_moment_ago_is_not_remembered(folder: Path, tmp_path: Path) -> None:
    status = os.stat(folder / "a.txt")

    class JustNow(FakeClock):
        def now(self) -> float:
            return status.st_ctime + 0.001

    digests = FileDigests(str(tmp_path), str(folder), JustNow())
    one = Tree(str(folder), is_context=True, digests=digests)
    entry = one.entry("a.txt")
    assert entry is not None
    one.digest(entry)
    assert digests.get(entry) is None


def test_a_broken_digest_file_is_made_again(folder: Path, tmp_path: Path) -> None:
    digests = FileDigests(str(tmp_path), str(folder), FakeClock())
    one = Tree(str(folder), is_context=True, digests=digests)
    entry = one.entry("a.txt")
    assert entry is not None
    for path in tmp_path.iterdir():
        if path.is_file():
            path.write_bytes(b"\x00")
    assert digests.get(entry) is None


@pytest.mark.parametrize(("path", "cleaned"), [(".", ""), ("/", ""), ("..", ""), ("a//b/", "a/b"), ("//a", "a")])
def test_clean(path: str, cleaned: str) -> None:
    assert clean(path) == cleaned


@pytest.mark.parametrize(
    ("path", "expected"), [("a", False), ("a*", True), ("a\\*", False), ("[a]", True), ("\\\\*", True)]
)
def test_has_wildcard(path: str, expected: bool) -> None:
    assert has_wildcard(path) is expected

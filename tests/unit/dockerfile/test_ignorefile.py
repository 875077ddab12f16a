"""`.dockerignore`: tables against the reference, and the short cuts against the plain definition."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cais.dockerfile.ignorefile import IgnoreMatcher, find, parse
from cais.errors import InvalidDockerfile

TABLE = [
    # pattern file, ignored, kept
    ("a", ["a", "a/b", "a/b/c"], ["b/a", "ab", "b"]),
    ("/a", ["a", "a/b"], ["b/a"]),
    ("a/", ["a", "a/b"], ["b"]),
    ("./a//b/../c", ["a/c"], ["a/b"]),
    ("*.py", ["x.py", ".py"], ["x.pyc", "d/x.py", "xpy"]),
    ("*/x", ["a/x", "a/x/y"], ["x", "a/b/x"]),
    ("*/*/x", ["a/b/x"], ["a/x"]),
    ("a?", ["ab"], ["a", "abc", "a/"]),
    ("**", ["a", "a/b"], []),
    ("**/x", ["x", "a/x", "a/b/x", "a/x/y"], ["ax", "a/ax"]),
    ("**x", ["x", "ax", "a/bx"], ["xa"]),
    ("**/*.py", ["x.py", "a/b/x.py"], ["x.pyc"]),
    ("a/**", ["a/b", "a/b/c"], ["a", "ab"]),
    ("a/**/b", ["a/b", "a/x/b", "a/x/y/b"], ["a", "b", "a/xb"]),
    ("**/node_modules/**", ["node_modules/x", "a/node_modules/x/y"], ["node_modules"]),
    ("**/.git", [".git", "a/.git", "a/.git/config"], [".gitignore", "xgit"]),
    ("a**", ["a", "ab", "a/b"], ["ba"]),
    ("a**b", ["ab", "ax/b"], ["axb"]),
    ("[a-c]x", ["ax", "cx"], ["dx", "x"]),
    ("[^a-c]x", ["dx"], ["ax"]),
    ("a\\*", ["a*"], ["ab"]),
    ("[\\]]x", ["]x"], ["x"]),
    ("*\n!keep", ["a", "keepx", "a/b"], ["keep", "keep/a"]),
    ("!keep\n*", ["keep"], []),
    ("a\n!a/b\na/b/c", ["a", "a/x", "a/b/c", "a/b/c/d"], ["a/b", "a/b/d"]),
    ("*.md\n!README*.md\nREADME-secret.md", ["x.md", "README-secret.md"], ["README.md", "README-1.md"]),
    ("# a\n  b  \n\n #c\n", ["b", "#c"], ["a", "# a"]),
    ("! a\nb", ["b"], ["a"]),
    (".\n!.\n", [], ["a", ".a"]),
    ("..", [], ["a"]),
    ("\ufeffa\r\nb\r\n", ["a", "b"], []),
    ("a b", ["a b"], ["a", "b"]),
    ("a.c+(d)|{e}$^", ["a.c+(d)|{e}$^"], ["abc"]),
    ("*a*b*c", ["abc", "xaxbxc", "aabbcc"], ["ab", "a/bc", "abcx"]),
    ("a*b?c*d", ["abxcd", "axbxcyd"], ["abcd"]),
    ("", [], ["a"]),
]


@pytest.mark.parametrize(("text", "ignored", "kept"), TABLE)
def test_table(text: str, ignored: list[str], kept: list[str]) -> None:
    matcher = IgnoreMatcher(parse(text))
    assert [path for path in ignored if not matcher.ignores(path, is_dir=False)] == []
    assert [path for path in kept if matcher.ignores(path, is_dir=False)] == []


@pytest.mark.parametrize(
    ("text", "directory", "expected"),
    [
        ("a", "a", True),
        ("a", "a/b", True),
        ("a", "b", False),
        ("*\n!a/b", "a", False),
        ("*\n!a/b", "x", True),
        ("*\n!a/b", "a/c", True),
        ("*\n!a/*/c", "a/x", False),
        ("*\n!**/keep", "x", False),
        ("!a/b\n*", "a", True),
        ("*\n!a/b\na", "a", True),
        ("*\n!a", "a", False),
        ("*\n!?/b", "ab", True),
        ("*\n!x[/]y", "x", False),
    ],
)
def test_may_skip(text: str, directory: str, expected: bool) -> None:
    assert IgnoreMatcher(parse(text)).may_skip(directory) is expected


@pytest.mark.parametrize("line", ["!", "[", "[]", "a[b", "a\\", "[b-a]", "[-a]"])
def test_bad_pattern_is_refused_with_its_place(line: str) -> None:
    with pytest.raises(InvalidDockerfile) as caught:
        parse(f"ok\n  {line}\n[", ".dockerignore")
    assert [str(problem.span) for problem in caught.value.problems] == [".dockerignore:2:3", ".dockerignore:3:1"]
    assert all(problem.hint for problem in caught.value.problems)


def test_own_ignore_file_goes_before_the_common_one() -> None:
    files = {"docker/web.Dockerfile.dockerignore": "own", ".dockerignore": "common"}
    assert [each.text for each in find("docker/web.Dockerfile", files.get)] == ["own"]
    assert [each.text for each in find("Dockerfile", files.get)] == ["common"]
    assert find("Dockerfile", lambda _: None) == ()


_PART = st.sampled_from(["a", "b", "ab", "*", "?", "**", "a*", "*b", "[ab]", "*a*b"])
_LINE = st.builds(
    lambda mark, parts: mark + "/".join(parts), st.sampled_from(["", "!"]), st.lists(_PART, min_size=1, max_size=3)
)
_PATH = st.lists(st.sampled_from(["a", "b", "ab", "ba", "aab"]), min_size=1, max_size=4).map("/".join)


@given(st.lists(_LINE, max_size=6), _PATH, _PATH)
def test_skipped_folders_hold_nothing(lines: list[str], directory: str, below: str) -> None:
    matcher = IgnoreMatcher(parse("\n".join(lines)))
    if matcher.may_skip(directory):
        assert matcher.ignores(f"{directory}/{below}", is_dir=False)


@given(st.lists(_LINE, max_size=6), _PATH)
def test_last_matching_line_decides(lines: list[str], path: str) -> None:
    parents = [path[:index] for index, character in enumerate(path) if character == "/"]
    verdict = False
    for pattern in parse("\n".join(lines)):
        alone = IgnoreMatcher(parse(pattern.text))
        if any(alone.ignores(each, is_dir=False) for each in (path, *parents)):
            verdict = not pattern.exception
    assert IgnoreMatcher(parse("\n".join(lines))).ignores(path, is_dir=False) is verdict


@given(st.text(max_size=30))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        matcher = IgnoreMatcher(parse(text))
    except InvalidDockerfile:
        return
    matcher.ignores("a/b", is_dir=False)
    matcher.may_skip("a")


def test_ten_thousand_files_take_a_moment() -> None:
    matcher = IgnoreMatcher(
        parse("\n".join(["**/__pycache__", "*.pyc", ".git", "docs/**/*.md", "!docs/README.md"] * 4))
    )
    began = time.perf_counter()
    kept = sum(not matcher.ignores(f"src/{n % 100}/{n}.py", is_dir=False) for n in range(10_000))
    assert kept == 10_000
    assert time.perf_counter() - began < 1  # 0.04 s alone on the machine


def test_hostile_pattern_takes_a_moment() -> None:
    assert not IgnoreMatcher(parse("*a" * 30 + "b")).ignores("a" * 250, is_dir=False)

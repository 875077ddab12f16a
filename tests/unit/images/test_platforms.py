from __future__ import annotations

import pytest

from cais.errors import InvalidImage, UsageError
from cais.images.platforms import best, host_platform, parse_platform


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("linux/amd64", "linux/amd64"),
        ("arm64", "linux/arm64"),
        ("Linux/x86_64", "linux/amd64"),
        ("linux/arm/v7", "linux/arm/v7"),
    ],
)
def test_parsing(text: str, shown: str) -> None:
    assert str(parse_platform(text)) == shown


@pytest.mark.parametrize("text", ["", "a/b/c/d", "linux/", "linux/a b"])
def test_refused(text: str) -> None:
    with pytest.raises(UsageError, match="is not a platform"):
        parse_platform(text)


@pytest.mark.parametrize(
    ("offered", "wanted", "chosen"),
    [
        ("amd64 arm64", "amd64", "amd64"),
        ("arm64/v8", "arm64", "arm64/v8"),
        ("arm/v5 arm/v6 arm/v7", "arm/v6", "arm/v6"),
        ("arm/v5 arm/v6", "arm/v7", "arm/v6"),
    ],
)
def test_choice(offered: str, wanted: str, chosen: str) -> None:
    platforms = [parse_platform("linux/" + text) for text in offered.split()]
    assert str(best(platforms, parse_platform("linux/" + wanted))) == "linux/" + chosen


def test_no_choice_names_what_there_is() -> None:
    with pytest.raises(InvalidImage, match="no image for linux/s390x") as caught:
        best([parse_platform("linux/amd64")], parse_platform("linux/s390x"))
    assert "linux/amd64" in (caught.value.hint or "")
    assert host_platform().os == "linux"

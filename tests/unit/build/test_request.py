import pytest

from cais.build.host import proxy_variables
from cais.build.platform import Platform, automatic_arguments, parse_platform, require_this, this_platform
from cais.build.request import DEFAULT_EPOCH_S, BuildRequest, epoch_of
from cais.errors import BuildError, UsageError


@pytest.mark.parametrize(
    ("request_", "epoch"),
    [
        (BuildRequest(name="x"), DEFAULT_EPOCH_S),
        (BuildRequest(name="x", environment={"SOURCE_DATE_EPOCH": "5"}), 5),
        (BuildRequest(name="x", environment={"SOURCE_DATE_EPOCH": "5"}, arguments={"SOURCE_DATE_EPOCH": "6"}), 6),
        (BuildRequest(name="x", arguments={"SOURCE_DATE_EPOCH": "6"}, source_date_epoch=7), 7),
    ],
)
def test_epoch(request_: BuildRequest, epoch: int) -> None:
    assert epoch_of(request_) == epoch


def test_an_epoch_that_is_no_number() -> None:
    with pytest.raises(UsageError, match='SOURCE_DATE_EPOCH is "yesterday"'):
        epoch_of(BuildRequest(name="x", environment={"SOURCE_DATE_EPOCH": "yesterday"}))


def test_arguments_without_value_come_from_the_environment() -> None:
    request = BuildRequest(name="x", arguments={"A": None, "B": None, "C": "c"}, environment={"A": "a"})
    assert request.given_arguments == {"A": "a", "C": "c"}


def test_proxies_are_set_in_both_spellings() -> None:
    found = proxy_variables({"HTTP_PROXY": "1", "no_proxy": "2", "NO_PROXY": "3", "OTHER": "4"})
    assert found == {"HTTP_PROXY": "1", "http_proxy": "1", "no_proxy": "2", "NO_PROXY": "3"}


@pytest.mark.parametrize(
    ("text", "platform"),
    [
        ("linux/arm64/v8", Platform("linux", "arm64")),
        ("linux/arm/v7", Platform("linux", "arm", "v7")),
        ("aarch64", Platform("linux", "arm64")),
        ("linux/x86_64", Platform("linux", "amd64")),
    ],
)
def test_platforms(text: str, platform: Platform) -> None:
    assert parse_platform(text) == platform


def test_only_this_machines_platform() -> None:
    assert require_this(str(this_platform())) == this_platform()
    other = "linux/s390x" if this_platform().architecture != "s390x" else "linux/amd64"
    with pytest.raises(BuildError, match=f'cannot build for platform "{other}"'):
        require_this(other)
    assert automatic_arguments(Platform("linux", "arm", "v7"), "last")["TARGETPLATFORM"] == "linux/arm/v7"

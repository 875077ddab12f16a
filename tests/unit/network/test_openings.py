import pytest

from cais.engine.native.network.openings import closed_chain, rules_for


class Listing:
    def __init__(self, **chains: str) -> None:
        self.chains = chains

    def run(self, script: str) -> str:
        raise AssertionError(script)

    def list(self, what: str) -> str | None:
        return self.chains.get(what.rpartition(" ")[2].replace("-", "_"))


@pytest.mark.parametrize(
    ("listing", "chain"),
    [
        (Listing(), ""),
        (Listing(FORWARD="chain FORWARD { type filter hook forward priority filter; policy accept; }"), ""),
        (Listing(FORWARD="chain FORWARD { type filter hook forward priority filter; policy drop; }"), "FORWARD"),
        (Listing(FORWARD="{ policy drop; counter packets 0 bytes 0 jump DOCKER-USER }"), "DOCKER-USER"),
        (Listing(FORWARD="{ policy accept; jump DOCKER-USER }"), "DOCKER-USER"),
    ],
)
def test_the_chain_that_needs_an_opening(listing: Listing, chain: str) -> None:
    assert closed_chain(listing) == chain


def test_both_directions_are_opened() -> None:
    assert rules_for("cais-1") == (("-i", "cais-1", "-j", "ACCEPT"), ("-o", "cais-1", "-j", "ACCEPT"))

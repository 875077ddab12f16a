import pytest
from hypothesis import given
from hypothesis import strategies as st

from cais.bases.sources import Mirror, Source, choose, parse, parse_deb822, parse_one_line

DEB822 = """\
Types: deb
# a comment between the fields
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates
Components: main contrib
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb deb-src
URIs: https://mirror.example/debian-security
Suites: bookworm-security
Components: main
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 -----END PGP PUBLIC KEY BLOCK-----

Types: deb
Enabled: no
URIs: http://off.example/debian
Suites: bookworm
Components: main
"""


def test_deb822_stanzas_become_sources() -> None:
    keyring = "/usr/share/keyrings/debian-archive-keyring.gpg"
    assert list(parse_deb822(DEB822)) == [
        Source("http://mirror.example/debian", ("bookworm", "bookworm-updates"), ("main", "contrib"), (keyring,)),
        Source("https://mirror.example/debian-security", ("bookworm-security",), ("main",)),
    ]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("deb http://m.example/debian trixie main", Source("http://m.example/debian", ("trixie",), ("main",))),
        (
            "deb [arch=amd64 signed-by=/k/a.gpg,/k/b.asc] https://m.example/debian trixie main contrib # why",
            Source("https://m.example/debian", ("trixie",), ("main", "contrib"), ("/k/a.gpg", "/k/b.asc")),
        ),
        ("  deb\thttp://m.example/d\tsid\tmain", Source("http://m.example/d", ("sid",), ("main",))),
        ("deb http://m.example/flat ./", Source("http://m.example/flat", ("./",))),
    ],
)
def test_one_line_style(line: str, expected: Source) -> None:
    assert list(parse_one_line(line)) == [expected]


@pytest.mark.parametrize(
    "line",
    [
        "",
        "# deb http://m.example/debian sid main",
        "deb-src http://m.example/debian sid main",
        "deb",
        "deb [enabled=no] http://m/d sid main",
    ],
)
def test_lines_without_a_source(line: str) -> None:
    assert list(parse_one_line(line)) == []


def test_list_comes_before_the_folder() -> None:
    files = {
        "/etc/apt/sources.list.d/a.sources": "Types: deb\nURIs: http://b/debian\nSuites: sid\nComponents: main\n",
        "/etc/apt/sources.list": "deb http://a/debian sid main\n",
    }
    assert [source.uri for source in parse(files)] == ["http://a/debian", "http://b/debian"]


def test_vendors_with_debian_code_names_are_not_chosen() -> None:
    sources = [
        Source("https://vendor.example/node_16.x", ("bookworm",), ("main",), ("/k/vendor.gpg",)),
        Source("https://vendor.example/apt", ("cloud-sdk-bookworm",), ("main",)),
        Source("https://download.example/linux/debian", ("bookworm",), ("stable",)),
        Source("http://m.example/debian/", ("bookworm", "bookworm-updates"), ("main",)),
        Source("http://s.example/debian-security", ("bookworm-security",), ("main",)),
    ]
    assert choose(sources) == Mirror("http://m.example/debian", "http://s.example/debian-security")


def test_debian_keys_mark_a_mirror_with_an_unusual_path() -> None:
    keyring = "/usr/share/keyrings/debian-archive-keyring.gpg"
    sources = [
        Source("http://v/x", ("trixie",), ("main",)),
        Source("http://m/pool-proxy/deb", ("trixie",), ("main",), (keyring,)),
    ]
    assert choose(sources) == Mirror("http://m/pool-proxy/deb", "http://m/pool-proxy/deb-security", (keyring,))


@pytest.mark.parametrize(
    "source",
    [
        Source("http://archive.example/ubuntu", ("noble",), ("main",)),
        Source("cdrom:[Debian 13]/", ("trixie",), ("main",)),
        Source("http://m.example/debian", ("trixie",), ("contrib",)),
    ],
)
def test_no_debian_mirror(source: Source) -> None:
    assert choose([source]) is None


@given(st.text(alphabet=st.sampled_from("deb [=]#:/ab\n\t-. Types:URI"), max_size=200))
def test_any_text_is_parsed(text: str) -> None:
    list(parse_deb822(text))
    list(parse_one_line(text))

"""Which Debian mirror this machine uses, read from its apt sources (sources.list(5): one-line and deb822 style). Pure.

A base must come from where the machine's own packages come from: the only mirror known to be reachable and trusted here.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence

import msgspec

# Suites and code names of Debian's archive. A derivative's or a vendor's name must not match: their packages are not Debian's.
_SUITES = "buster|bullseye|bookworm|trixie|forky|duke|sid|oldoldstable|oldstable|stable|testing|unstable"
_MAIN = re.compile(f"(?:{_SUITES})(?:-updates|-backports|-proposed-updates)?")
_SECURITY = re.compile(f"(?:{_SUITES})(?:-security|/updates)")
_USABLE_SCHEMES = ("http://", "https://", "file:", "copy:", "mirror+", "mirror:")
_OPTION = re.compile(r"^(deb)\s+(?:\[([^\]]*)\]\s+)?(\S+)\s+(\S+)\s*(.*)$")


class Source(msgspec.Struct, frozen=True):
    """One archive as apt sees it: where, which suites, which components, whose keys (paths; empty for apt's default)."""

    uri: str
    suites: tuple[str, ...]
    components: tuple[str, ...] = ()
    signed_by: tuple[str, ...] = ()


class Mirror(msgspec.Struct, frozen=True):
    """Where Debian's packages come from on this machine. `security` is the archive of security updates."""

    main: str
    security: str
    keyrings: tuple[str, ...] = ()


def parse_one_line(text: str) -> Iterator[Source]:
    """The `deb` lines of a `sources.list`; `deb-src`, comments and lines apt would refuse are passed over."""
    for raw in text.splitlines():
        match = _OPTION.match(raw.partition("#")[0].strip())
        if match is None:
            continue
        options = _options(match[2] or "")
        if options.get("enabled", "yes").lower() in {"no", "false", "0"}:
            continue
        signed_by = tuple(word for word in options.get("signed-by", "").split(",") if word.startswith("/"))
        yield Source(match[3], (match[4],), tuple(match[5].split()), signed_by)


def _options(text: str) -> dict[str, str]:
    pairs = (word.partition("=") for word in shlex.split(text))
    return {name.lower(): value for name, _, value in pairs}


def parse_deb822(text: str) -> Iterator[Source]:
    """The `deb` stanzas of a `.sources` file; disabled ones are passed over."""
    for stanza in _stanzas(text):
        if "deb" not in stanza.get("types", "").split() or stanza.get("enabled", "yes").lower() in {"no", "false", "0"}:
            continue
        suites = tuple(stanza.get("suites", "").split())
        components = tuple(stanza.get("components", "").split())
        signed_by = tuple(word for word in stanza.get("signed-by", "").split() if word.startswith("/"))
        for uri in stanza.get("uris", "").split():
            yield Source(uri, suites, components, signed_by)


def _stanzas(text: str) -> Iterator[dict[str, str]]:
    """Fields by lower-case name; continuation lines are joined by newlines (deb822(5))."""
    fields: dict[str, str] = {}
    name = ""
    for line in [*text.splitlines(), ""]:
        if line.startswith("#"):
            continue
        if not line.strip():
            if fields:
                yield fields
            fields, name = {}, ""
        elif line[0] in " \t":
            fields[name] = fields.get(name, "") + "\n" + line.strip()
        else:
            name, _, value = line.partition(":")
            name = name.strip().lower()
            fields[name] = value.strip()


def parse(files: Mapping[str, str]) -> tuple[Source, ...]:
    """Every source of a set of files (path to text), in apt's order: `sources.list` first, then the rest by name."""
    found: list[Source] = []
    for path in sorted(files, key=lambda path: (not path.endswith("/sources.list"), path)):
        found.extend(parse_deb822(files[path]) if path.endswith(".sources") else parse_one_line(files[path]))
    return tuple(found)


def choose(sources: Sequence[Source]) -> Mirror | None:
    """The machine's Debian mirror, or None when none of its sources is Debian's archive.

    A vendor's repository may use Debian's code names for its own packages, so sources signed by Debian's keys or with the archive's usual path come
    first; a wrong choice would fail at the signature, never install.
    """
    usable = [source for source in sources if source.uri.startswith(_USABLE_SCHEMES) and "main" in source.components]
    main = _best(usable, _MAIN, "debian")
    if main is None:
        return None
    security = _best(usable, _SECURITY, "debian-security")
    keyrings = {path: None for source in (main, security or main) for path in source.signed_by}
    security_uri = security.uri if security else _sibling(main.uri)
    return Mirror(main.uri.rstrip("/"), security_uri.rstrip("/"), tuple(keyrings))


def _best(sources: Sequence[Source], suites: re.Pattern[str], folder: str) -> Source | None:
    candidates = [source for source in sources if any(suites.fullmatch(name) for name in source.suites)]
    return min(candidates, key=lambda source: _doubt(source, folder), default=None)


def _doubt(source: Source, folder: str) -> int:
    """0 for what is surely Debian's archive, more for what may be another's. `min` keeps the first of equals."""
    signed_by_debian = any("debian-archive" in path for path in source.signed_by)
    return (not signed_by_debian) + 2 * (source.uri.rstrip("/").rpartition("/")[2] != folder)


def _sibling(main: str) -> str:
    """Where a mirror keeps security updates when the machine's sources do not say: beside `debian`, by convention."""
    head, _, last = main.rstrip("/").rpartition("/")
    return f"{head}/debian-security" if last == "debian" else f"{main.rstrip('/')}-security"

"""What this machine lends to a build: its certificates and proxies. Mounted or set for one RUN, never part of the image or a key."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping

from cais.build.scope import PREDEFINED
from cais.linux.rootpath import resolve_in_root

# Where distributions keep their bundle: Debian and Alpine, Fedora, openSUSE, others.
BUNDLE_PATHS = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
)
BUNDLE_TARGET = "/run/cais/ca-certificates.crt"
# OpenSSL (and so Go, Ruby, ...), Python requests, pip, Node.js, curl, git.
_BUNDLE_VARIABLES = (
    "SSL_CERT_FILE",
    "REQUESTS_CA_BUNDLE",
    "PIP_CERT",
    "NODE_EXTRA_CA_CERTS",
    "CURL_CA_BUNDLE",
    "GIT_SSL_CAINFO",
)


def find_bundle(environment: Mapping[str, str]) -> str | None:
    """This machine's file of certificate authorities: SSL_CERT_FILE, else the distribution's; None when it has none."""
    candidates = (environment.get("SSL_CERT_FILE", ""), *BUNDLE_PATHS)
    return next(
        (os.path.realpath(path) for path in candidates if path and os.path.isfile(path) and os.path.getsize(path)), None
    )


def bundle_variables() -> Mapping[str, str]:
    """The variables that lead programs to the bundle."""
    return dict.fromkeys(_BUNDLE_VARIABLES, BUNDLE_TARGET)


def proxy_variables(environment: Mapping[str, str]) -> Mapping[str, str]:
    """The proxies of `environment`, each under both spellings, for programs know only one of them."""
    found: dict[str, str] = {}
    for name in sorted(PREDEFINED):
        value = environment.get(name)
        if value:
            for spelling in (name.lower(), name.upper()):
                found.setdefault(spelling, environment.get(spelling) or value)
    return found


def lay_over(root: str, bundle: str, folder: str) -> tuple[str, ...]:
    """Fill `folder` so that, laid over `root`, it shows `bundle` wherever the root has a distribution's bundle; the paths where it does.

    Not a mount on the file: `update-ca-certificates` replaces the file, which a mount would forbid.
    """
    covered: list[str] = []
    folders: dict[str, None] = {}
    for path in BUNDLE_PATHS:
        resolved = resolve_in_root(root, path)
        target = root + resolved
        if resolved in covered or not os.path.lexists(target) or not stat.S_ISREG(os.lstat(target).st_mode):
            continue
        folders.update(dict.fromkeys(_mirror_folders(folder, os.path.dirname(resolved))))
        status = os.stat(target)
        with open(folder + resolved, "wb") as stream:
            stream.write(read(bundle))
        _like(status, folder + resolved)
        covered.append(resolved)
    for path in sorted(folders, reverse=True):  # a folder's time changes with what is made in it
        _like(os.stat(root + path), folder + path)
    return tuple(covered)


def take_out(root: str, upper: str, bundle: str, originals: Mapping[str, bytes]) -> None:
    """Where a command has copied or added to the lent bundle, put the image's own content in its place."""
    lent = read(bundle)
    for path, original in originals.items():
        written = upper + path
        if not os.path.lexists(written) or not stat.S_ISREG(os.lstat(written).st_mode):
            continue
        content = read(written)
        if content.startswith(lent):
            with open(root + path, "wb") as stream:
                stream.write(original + content.removeprefix(lent))


def _mirror_folders(folder: str, path: str) -> list[str]:
    """Make the folders of `path` below `folder`; all of them, deepest first."""
    parts = [part for part in path.split("/") if part]
    below = ["/" + "/".join(parts[:count]) for count in range(1, len(parts) + 1)]
    for one in below:
        if not os.path.isdir(folder + one):
            os.mkdir(folder + one)
    return below[::-1]


def _like(status: os.stat_result, path: str) -> None:
    os.chown(path, status.st_uid, status.st_gid)
    os.chmod(path, stat.S_IMODE(status.st_mode))
    os.utime(path, ns=(status.st_mtime_ns, status.st_mtime_ns))


def read(path: str) -> bytes:
    """The content of a file."""
    with open(path, "rb") as stream:
        return stream.read()

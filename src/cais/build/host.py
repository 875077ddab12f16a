"""What this machine lends to a build: its certificates and proxies. Mounted or set for one RUN, never part of the image or a key."""

from __future__ import annotations

import os
from collections.abc import Mapping

from cais.build.scope import PREDEFINED

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
    return next((os.path.realpath(path) for path in candidates if path and os.path.isfile(path)), None)


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

"""Who we are to a registry: the challenge of a 401 and the token it leads to (distribution specification, "Token Authentication")."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import urlencode, urlsplit

import msgspec

from cais import decoding
from cais.errors import PullError
from cais.registry.credentials import Credentials
from cais.registry.errors import refused
from cais.registry.transport import Request, Transport, error_text

_PARAMETER = re.compile(r'([A-Za-z][A-Za-z0-9_-]*)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))')
_SCHEME = re.compile(r"\s*([A-Za-z]+)(?=\s|$)")
_MAX_TOKEN_BYTES = 1 << 20
_CLIENT = "cais"


class Challenge(msgspec.Struct, frozen=True):
    """A `WWW-Authenticate` header: the scheme in lower case, and its parameters."""

    scheme: str
    parameters: Mapping[str, str]


class _Token(msgspec.Struct, frozen=True):
    token: str = ""
    access_token: str = ""


def parse_challenge(header: str) -> Challenge:
    """RFC 9110, section 11.6.1, for the one challenge that registries send. An empty scheme for what is none."""
    scheme = _SCHEME.match(header)
    if scheme is None:
        return Challenge("", {})
    found = _PARAMETER.finditer(header, scheme.end())
    parameters = {
        match[1].lower(): re.sub(r"\\(.)", r"\1", match[2]) if match[2] is not None else match[3] for match in found
    }
    return Challenge(scheme[1].lower(), parameters)


def authorize(transport: Transport, challenge: Challenge, repository: str, credentials: Credentials | None) -> str:
    """The `Authorization` that meets a challenge, for pulling from `repository`. Raises PullError."""
    host = transport.endpoint.host
    if challenge.scheme == "basic":
        if credentials is None:
            raise refused(host, f'"{repository}"', 401, "")
        return credentials.basic()
    realm = challenge.parameters.get("realm", "")
    if challenge.scheme != "bearer" or not realm:
        raise PullError(f'registry "{host}" asks for an unknown kind of login: "{challenge.scheme}"')
    if transport.endpoint.scheme == "https" and urlsplit(realm).scheme != "https":
        raise PullError(f'registry "{host}" wants credentials sent unencrypted, to "{realm[:200]}"')
    return "Bearer " + _token(transport, challenge, repository, credentials)


def _token(transport: Transport, challenge: Challenge, repository: str, credentials: Credentials | None) -> str:
    realm = challenge.parameters["realm"]
    fields = {"scope": challenge.parameters.get("scope") or f"repository:{repository}:pull"}
    if service := challenge.parameters.get("service"):
        fields["service"] = service
    if credentials is not None and credentials.identity_token:
        fields |= {"grant_type": "refresh_token", "refresh_token": credentials.identity_token, "client_id": _CLIENT}
        request = Request(
            url=realm,
            body=urlencode(fields).encode(),
            headers={"Content-Type": "application/x-www-form-urlencoded"},
        )
    else:
        joint = "&" if "?" in realm else "?"
        request = Request(
            url=f"{realm}{joint}{urlencode(fields)}", authorization=credentials.basic() if credentials else ""
        )
    answer = transport.send(request)
    try:
        if answer.status != 200:
            raise refused(transport.endpoint.host, f'a token for "{repository}"', answer.status, error_text(answer))
        token = decoding.decode(answer.read_all(_MAX_TOKEN_BYTES), _Token)
    except msgspec.DecodeError as error:
        raise PullError(f'registry "{transport.endpoint.host}" sends a token that is not JSON') from error
    finally:
        answer.close()
    if not (token.token or token.access_token):
        raise PullError(f'registry "{transport.endpoint.host}" sends no token')
    return token.token or token.access_token

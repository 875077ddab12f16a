"""Who we are to a registry: the challenge of a 401 and the token it leads to (distribution specification, "Token Authentication")."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from urllib.parse import urlencode, urlsplit

import msgspec

from cais import decoding
from cais.errors import PullError, printable
from cais.registry.credentials import Credentials
from cais.registry.errors import refused
from cais.registry.transport import Request, Transport, error_text

_PARAMETER = re.compile(r'([A-Za-z][A-Za-z0-9_-]*)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))')
_SCHEME = re.compile(r"\s*([A-Za-z]+)(?=\s|$)")
_MAX_TOKEN_BYTES = 1 << 20
_CLIENT = "cais"
_KNOWN = ("bearer", "basic")


class Challenge(msgspec.Struct, frozen=True):
    """A `WWW-Authenticate` header: the scheme in lower case, and its parameters."""

    scheme: str
    parameters: Mapping[str, str]


class _Token(msgspec.Struct, frozen=True):
    token: str = ""
    access_token: str = ""


def parse_challenge(header: str) -> Challenge:
    """RFC 9110, section 11.6.1, for the one challenge that registries send in a header. An empty scheme for what is none."""
    scheme = _SCHEME.match(header)
    if scheme is None:
        return Challenge("", {})
    found = _PARAMETER.finditer(header, scheme.end())
    parameters = {
        match[1].lower(): re.sub(r"\\(.)", r"\1", match[2]) if match[2] is not None else match[3] for match in found
    }
    return Challenge(scheme[1].lower(), parameters)


def choose_challenge(headers: Sequence[str]) -> Challenge:
    """The challenge to meet, of one header each: a token goes before a password."""
    challenges = [parse_challenge(header) for header in headers] or [Challenge("", {})]
    return min(challenges, key=lambda each: _KNOWN.index(each.scheme) if each.scheme in _KNOWN else len(_KNOWN))


def authorize(
    transport: Transport, challenge: Challenge, scopes: Sequence[str], what: str, credentials: Credentials | None
) -> str:
    """The `Authorization` that meets a challenge, for `scopes` (`repository:NAME:pull,push`). `what` is said to be refused. Raises PullError."""
    host = transport.endpoint.host
    if challenge.scheme == "basic":
        if credentials is None:
            raise refused(host, what, 401, "")
        return credentials.basic()
    realm = challenge.parameters.get("realm", "")
    if challenge.scheme != "bearer" or not realm:
        raise PullError(f'registry "{host}" asks for an unknown kind of login: "{printable(challenge.scheme)}"')
    if transport.base().startswith("https:") and urlsplit(realm).scheme != "https":
        raise PullError(f'registry "{host}" wants credentials sent unencrypted, to "{printable(realm[:200])}"')
    return "Bearer " + _token(transport, challenge, scopes, what, credentials)


def _token(
    transport: Transport, challenge: Challenge, scopes: Sequence[str], what: str, credentials: Credentials | None
) -> str:
    answer = transport.send(_token_request(challenge, scopes, credentials))
    try:
        if answer.status != 200:
            raise refused(transport.endpoint.host, what, answer.status, error_text(answer))
        token = decoding.decode(answer.read_all(_MAX_TOKEN_BYTES), _Token)
    except (msgspec.DecodeError, RecursionError) as error:
        raise PullError(f'registry "{transport.endpoint.host}" sends a token that is not JSON') from error
    finally:
        answer.close()
    text = token.token or token.access_token
    if not text:
        raise PullError(f'registry "{transport.endpoint.host}" sends no token')
    if not (text.isascii() and text.isprintable()):
        raise PullError(f'registry "{transport.endpoint.host}" sends a token that cannot stand in a header')
    return text


def _token_request(challenge: Challenge, scopes: Sequence[str], credentials: Credentials | None) -> Request:
    realm = challenge.parameters["realm"]
    service = challenge.parameters.get("service")
    fields: list[tuple[str, str]] = [("service", service)] if service else []
    if credentials is not None and credentials.identity_token:
        # OAuth 2: all scopes in one parameter (RFC 6749, section 6).
        fields += [("grant_type", "refresh_token"), ("refresh_token", credentials.identity_token)]
        fields += [("client_id", _CLIENT), ("scope", " ".join(scopes))]
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        return Request(url=realm, method="POST", body=urlencode(fields).encode(), headers=headers)
    fields += [("scope", scope) for scope in scopes]
    if credentials is not None and credentials.username:
        fields.append(("account", credentials.username))
    joint = "&" if "?" in realm else "?"
    authorization = credentials.basic() if credentials else ""
    return Request(url=f"{realm}{joint}{urlencode(fields)}", authorization=authorization)

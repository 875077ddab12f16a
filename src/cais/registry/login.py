"""Logging in and out: credentials are tried, then kept where Docker keeps them: with a credential helper, else in its config.json."""

from __future__ import annotations

import base64
import os
from collections.abc import Mapping
from typing import Any

import msgspec

from cais import durable
from cais.errors import HostError, InvalidInput, Problem, PullError, Span
from cais.registry.credentials import Credentials, call_helper, helper_of, keys_of, read_config
from cais.registry.errors import LoginRefused, NotInRegistry
from cais.registry.settings import DOCKER_HUB, RegistrySettings, endpoint_of

_HUB_NAMES = ("docker.io", "index.docker.io", "registry-1.docker.io")
_MODE = 0o600


def registry_name(server: str) -> str:
    """The registry that somebody means: `https://ghcr.io/v2/` is `ghcr.io`, nothing is Docker Hub."""
    host = server.partition("://")[2] or server
    host = host.partition("/")[0]
    return DOCKER_HUB if not host or host in _HUB_NAMES else host


def check_login(registry: str, credentials: Credentials, settings: RegistrySettings) -> None:
    """Raises LoginRefused when the registry does not take them, PullError when it cannot be asked."""
    from cais.registry.auth import authorize, choose_challenge
    from cais.registry.transport import Request, Transport

    transport = Transport(endpoint_of(registry, settings), settings)
    url = f"{transport.base()}/v2/"
    try:
        answer = transport.send(Request(url=url))
        challenges = answer.headers.get_all("WWW-Authenticate", [])
        answer.close()
        if answer.status == 401:
            authorization = authorize(transport, choose_challenge(challenges), (), f'"{registry}"', credentials)
            answer = transport.send(Request(url=url, authorization=authorization))
            answer.close()
    except NotInRegistry as error:
        raise _refused(registry, error.details) from error
    finally:
        transport.close()
    if answer.status in (401, 403):
        raise _refused(registry, ())
    if answer.status != 200:
        raise PullError(f'"{registry}" is no registry: it answers with HTTP status {answer.status}')


def keep(registry: str, credentials: Credentials, path: str) -> str:
    """File credentials for a registry by the config file at `path`; where they are now. Raises InvalidInput, MissingTool, HostError."""
    key = keys_of(registry)[0]
    helper = helper_of(registry, read_config(path))
    if not helper:
        packed = base64.b64encode(f"{credentials.username}:{credentials.password}".encode()).decode()
        _change(path, {key: {"auth": packed}})
        return path
    secret = {"ServerURL": key, "Username": credentials.username, "Secret": credentials.password}
    outcome = call_helper(helper, "store", msgspec.json.encode(secret))
    if not outcome.ok:
        raise _helper_failed(helper, "keep", outcome.stdout or outcome.stderr)
    _change(path, {key: {}})
    return f"docker-credential-{helper}"


def forget(registry: str, path: str) -> bool:
    """Take a registry's credentials away; whether there were any. Raises InvalidInput, MissingTool."""
    config = read_config(path)
    keys = keys_of(registry)
    known = [key for key in keys if key in config.auths]
    helper = helper_of(registry, config)
    erased = bool(helper) and call_helper(helper, "erase", keys[0].encode()).ok
    if known:
        _change(path, dict.fromkeys(known))
    return erased or bool(known)


def _change(path: str, entries: Mapping[str, Mapping[str, str] | None]) -> None:
    """Set or (None) remove entries of `auths`; the rest of the file stays, and a link to it stays a link."""
    path = os.path.realpath(path)
    whole = _read_whole(path)
    auths = whole.setdefault("auths", {})
    for key, entry in entries.items():
        if entry is None:
            auths.pop(key, None)
        else:
            auths[key] = entry
    os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
    durable.write(path, msgspec.json.format(msgspec.json.encode(whole), indent=4) + b"\n", mode=_MODE)


def _read_whole(path: str) -> dict[str, Any]:
    try:
        with open(path, "rb") as stream:
            data = stream.read()
    except FileNotFoundError:
        return {}
    whole = msgspec.json.decode(data) if data.strip() else {}  # `read_config` has found it to be well-formed
    if not isinstance(whole, dict) or not isinstance(whole.get("auths", {}), dict):
        raise InvalidInput([Problem("the Docker configuration is no object", Span(path, 1))])
    return whole


def _refused(registry: str, details: tuple[str, ...]) -> LoginRefused:
    return LoginRefused(
        f'registry "{registry}" does not take this name with this password', hint="check both", details=details
    )


def _helper_failed(helper: str, verb: str, said: bytes) -> HostError:
    lines = said.decode(errors="replace").splitlines()[-3:]
    return HostError(f'credential helper "docker-credential-{helper}" could not {verb} the password', details=lines)

"""Credentials for registries from Docker's config file and its credential helpers. Never logged, never in argv."""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Mapping

import msgspec

from cais import decoding
from cais.errors import InvalidInput, MissingTool, Problem, Span
from cais.registry.settings import DOCKER_HUB

_HUB_KEY = "https://index.docker.io/v1/"
_HELPER_TIMEOUT_S = 10.0
_TOKEN_USER = "<token>"  # noqa: S105  (what helpers answer in place of a user name)


class Credentials(msgspec.Struct, frozen=True, kw_only=True):
    """A user name and a password, or an identity token in place of both."""

    username: str = ""
    password: str = ""
    identity_token: str = ""

    def __repr__(self) -> str:
        return "Credentials(***)"

    def basic(self) -> str:
        """The value of an `Authorization` header (RFC 7617)."""
        return "Basic " + base64.b64encode(f"{self.username}:{self.password}".encode()).decode()


class _Auth(msgspec.Struct, frozen=True):
    auth: str = ""
    username: str = ""
    password: str = ""
    identitytoken: str = ""


class _DockerConfig(msgspec.Struct, frozen=True, rename="camel"):
    auths: Mapping[str, _Auth] = {}
    cred_helpers: Mapping[str, str] = {}
    creds_store: str = ""


class _HelperAnswer(msgspec.Struct, frozen=True, rename="pascal"):
    username: str = ""
    secret: str = ""


def config_path(env: Mapping[str, str]) -> str:
    """Where Docker's config.json is: `$DOCKER_CONFIG` or `~/.docker`."""
    return os.path.join(env.get("DOCKER_CONFIG") or os.path.join(env.get("HOME", "/"), ".docker"), "config.json")


def find_credentials(registry: str, path: str) -> Credentials | None:
    """What the config file at `path` has for a registry; None without entry or file.

    Raises InvalidInput for a broken file, MissingTool when it names a helper that is not installed.
    """
    try:
        with open(path, "rb") as stream:
            config = decoding.decode(stream.read(), _DockerConfig)
    except FileNotFoundError:
        return None
    except msgspec.DecodeError as error:
        raise InvalidInput([Problem(f"the Docker configuration is broken: {error}", Span(path, 1))]) from error
    keys = _keys(registry)
    for key in keys:
        if helper := config.cred_helpers.get(key):
            return _ask(helper, key)
    for key in keys:
        entry = config.auths.get(key)
        if entry is not None and (entry.auth or entry.username or entry.identitytoken):
            return _decode(entry, path)
    return _ask(config.creds_store, keys[0]) if config.creds_store else None


def _keys(registry: str) -> tuple[str, ...]:
    if registry == DOCKER_HUB:
        return (_HUB_KEY, DOCKER_HUB, "index.docker.io", "https://index.docker.io/v1")
    return (
        registry,
        f"https://{registry}",
        f"https://{registry}/",
        f"https://{registry}/v1/",
        f"https://{registry}/v2/",
    )


def _decode(entry: _Auth, path: str) -> Credentials:
    username, password = entry.username, entry.password
    if entry.auth:
        try:
            username, _, password = base64.b64decode(entry.auth, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError) as error:
            raise InvalidInput([Problem('an "auth" entry is not base64', Span(path, 1), "log in again")]) from error
    return Credentials(username=username, password=password.rstrip("\0"), identity_token=entry.identitytoken)


def _ask(helper: str, key: str) -> Credentials | None:
    """A credential helper (docker-credential-helpers protocol): the registry on stdin, JSON on stdout; a failure means it has none."""
    from cais import proc

    program = f"docker-credential-{helper}"
    if os.path.basename(program) != program:
        raise MissingTool(f'credential helper "{helper}" has no valid name')
    hint = "install it, or take it out of ~/.docker/config.json"
    command = proc.Command(argv=(program, "get"), stdin=key.encode(), timeout_s=_HELPER_TIMEOUT_S, install_hint=hint)
    outcome = proc.run(command)
    if not outcome.ok:
        return None
    answer = decoding.decode(outcome.stdout, _HelperAnswer)
    if answer.username == _TOKEN_USER:
        return Credentials(identity_token=answer.secret)
    return Credentials(username=answer.username, password=answer.secret)

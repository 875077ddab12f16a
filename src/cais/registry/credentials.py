"""Credentials for registries from Docker's config file and its credential helpers. Never logged, never in argv."""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

import msgspec

from cais import decoding
from cais.errors import HostError, InvalidInput, MissingTool, Problem, Span
from cais.registry.settings import DOCKER_HUB

if TYPE_CHECKING:
    from cais.proc import Outcome

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


class DockerConfig(msgspec.Struct, frozen=True, rename="camel"):
    """What of Docker's config.json is about credentials."""

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
    config = read_config(path)
    keys = keys_of(registry)
    if helper := helper_of(registry, config):
        # Where one helper keeps them all, older entries may still stand in the file.
        found = _ask(helper, keys[0])
        if found is not None or registry in config.cred_helpers:
            return found
    for key in keys:
        entry = config.auths.get(key)
        if entry is not None and (entry.auth or entry.username or entry.identitytoken):
            return _decode(entry, path)
    return None


def read_config(path: str) -> DockerConfig:
    """The file; an empty one where there is none. Raises InvalidInput."""
    try:
        with open(path, "rb") as stream:
            data = stream.read()
    except FileNotFoundError:
        return DockerConfig()
    try:
        return decoding.decode(data, DockerConfig) if data.strip() else DockerConfig()
    except (msgspec.DecodeError, RecursionError) as error:
        raise InvalidInput([Problem(f"the Docker configuration is broken: {error}", Span(path, 1))]) from error


def helper_of(registry: str, config: DockerConfig) -> str:
    """The helper that keeps a registry's credentials, "" for none."""
    own = next((config.cred_helpers[key] for key in keys_of(registry) if key in config.cred_helpers), "")
    return own or config.creds_store


def keys_of(registry: str) -> tuple[str, ...]:
    """The names under which credentials for a registry may be filed; new ones are filed under the first."""
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
    outcome = call_helper(helper, "get", key.encode())
    if not outcome.ok:
        return None  # a failure means that it has none
    try:
        answer = decoding.decode(outcome.stdout, _HelperAnswer)
    except (msgspec.DecodeError, RecursionError) as error:
        raise HostError(f'credential helper "docker-credential-{helper}" answers what is not JSON') from error
    if answer.username == _TOKEN_USER:
        return Credentials(identity_token=answer.secret)
    return Credentials(username=answer.username, password=answer.secret)


def call_helper(helper: str, verb: str, data: bytes) -> Outcome:
    """Run a credential helper (docker-credential-helpers protocol: a verb as argument, the rest on stdin). Raises MissingTool."""
    from cais import proc

    program = f"docker-credential-{helper}"
    if os.path.basename(program) != program:
        raise MissingTool(f'credential helper "{helper}" has no valid name')
    hint = "install it, or take it out of ~/.docker/config.json"
    command = proc.Command(argv=(program, verb), stdin=data, timeout_s=_HELPER_TIMEOUT_S, install_hint=hint)
    return proc.run(command)

"""Git repositories as sources: which commit an address means now, and its files. Fetched shallowly, kept for the next build.

    git/NAME.git    what was fetched of a remote; NAME is a digest of its address
    git/trees/KEY   the files of a commit; KEY is a digest of the commit and of how they are taken

Git runs with no configuration but ours, asks nothing, and speaks to http, https, git and ssh only.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
import shutil
import threading
from collections.abc import Mapping

import msgspec

from cais import durable, proc
from cais.build import host
from cais.build.downloads import read_secret
from cais.build.gitaddress import GitAddress, is_commit
from cais.build.keeping import keeping
from cais.errors import BuildError, Span

_INSTALL = "apt-get install git"
_STALLED = {"http.lowSpeedLimit": "1000", "http.lowSpeedTime": "60"}  # bytes per second, seconds
_QUIET = {"advice.detachedHead": "false", "init.defaultBranch": "main", "core.fileMode": "true", "core.autocrlf": "false",
          "pack.threads": "1", "gc.auto": "0"}  # fmt: skip
_TIMEOUT_S = 3600.0


class Repositories:
    """The repositories of one build, kept under `folder`. `secrets` may hold GIT_AUTH_TOKEN and GIT_AUTH_HEADER, each also with a
    dot and a host behind; `agent` is the socket of the SSH agent that the build was given, "" for none."""

    def __init__(
        self, folder: str, environment: Mapping[str, str], secrets: Mapping[str, bytes | str], agent: str
    ) -> None:
        self._folder = folder
        self._environment = environment
        self._secrets = secrets
        self._agent = agent
        self._commits: dict[tuple[str, str], str] = {}
        self._lock = threading.Lock()

    def commit(self, address: GitAddress, span: Span | None) -> str:
        """The commit that `address` means now, which is asked once: in one build it means one. Raises BuildError."""
        commit = address.ref if is_commit(address.ref) else self._meant(address, span)
        if not commit.startswith(address.checksum):
            hint = "correct the checksum, if that is the commit you want"
            raise BuildError(f'"{address.shown}" is at {commit}, not {address.checksum}', span=span, hint=hint)
        return commit

    def files(self, address: GitAddress, commit: str, span: Span | None) -> str:
        """A folder with the files of `commit` (the address's folder of them). Raises BuildError."""
        key = hashlib.sha256(
            f"{address.remote}\0{commit}\0{address.keep_git_dir}\0{address.submodules}".encode()
        ).hexdigest()[:32]
        trees = os.path.join(self._folder, "trees")
        os.makedirs(trees, mode=0o700, exist_ok=True)
        target = os.path.join(trees, key)
        with keeping(target, f"{address.shown} {commit[:12]}"):
            if not os.path.isdir(target):
                self._fetch(address, commit, span)
                self._check_out(address, commit, target, span)
        found = os.path.join(target, address.subfolder)
        if os.path.islink(found) or not os.path.isdir(found):
            raise BuildError(f'"{address.shown}" has no folder "{address.subfolder}" in {commit[:12]}', span=span)
        return found

    def _meant(self, address: GitAddress, span: Span | None) -> str:
        with self._lock:
            key = (address.remote, address.ref)
            if key not in self._commits:
                self._commits[key] = self._ask(address, span)
            return self._commits[key]

    def _ask(self, address: GitAddress, span: Span | None) -> str:
        """As git's own checkout, a branch goes before a tag."""
        ref = address.ref or "HEAD"
        said = self._git(address, "ls-remote", "--", address.remote, ref, f"{ref}^{{}}", span=span)
        known = dict(line.split("\t")[::-1] for line in said.splitlines() if "\t" in line)
        for name in (ref, f"refs/{ref}", f"refs/heads/{ref}", f"refs/tags/{ref}^{{}}", f"refs/tags/{ref}"):
            if name in known:
                return known.get(f"{name}^{{}}", known[name])
        raise BuildError(f'"{address.shown}" has no branch or tag "{address.ref}"', span=span)

    def _repository(self, address: GitAddress) -> str:
        return os.path.join(self._folder, hashlib.sha256(address.remote.encode()).hexdigest()[:32] + ".git")

    def _fetch(self, address: GitAddress, commit: str, span: Span | None) -> None:
        repository = self._repository(address)
        with keeping(repository, address.shown):
            self._git(address, "init", "-q", "--bare", "--template=", repository, span=span)
            if self._has(address, commit):
                return
            words = ("fetch", "-q", "--depth=1", "--no-tags", "--force", "--", address.remote)
            try:
                self._git(address, *words, commit, folder=repository, span=span)
            except BuildError:
                # Not every server hands out a commit by its id: then everything.
                every = "+refs/*:refs/remotes/all/*"
                self._git(
                    address,
                    "fetch",
                    "-q",
                    "--no-tags",
                    "--force",
                    "--",
                    address.remote,
                    every,
                    folder=repository,
                    span=span,
                )
            if not self._has(address, commit):
                raise BuildError(f'"{address.shown}" has no commit {commit}', span=span)

    def _has(self, address: GitAddress, commit: str) -> bool:
        command = self._command(address, "cat-file", "-e", f"{commit}^{{commit}}", folder=self._repository(address))
        return proc.run(command).ok

    def _check_out(self, address: GitAddress, commit: str, target: str, span: Span | None) -> None:
        temporary = durable.temporary_name(os.path.dirname(target))
        try:
            self._git(address, "init", "-q", "--template=", temporary, span=span)
            self._git(address, "remote", "add", "origin", address.remote, folder=temporary, span=span)
            self._take(address, commit, temporary, span)
            self._git(address, "checkout", "-q", "FETCH_HEAD", folder=temporary, span=span)
            if address.submodules and os.path.exists(os.path.join(temporary, ".gitmodules")):
                words = ("submodule", "--quiet", "update", "--init", "--recursive", "--depth=1")
                self._git(address, *words, folder=temporary, span=span)
            _tidy(temporary, keep=address.keep_git_dir)
            if address.keep_git_dir:
                self._git(address, "read-tree", "HEAD", folder=temporary, span=span)
            os.rename(temporary, target)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)

    def _take(self, address: GitAddress, commit: str, folder: str, span: Span | None) -> None:
        """From the repository that was fetched: the one time that a path of this machine may be a remote."""
        words = ("fetch", "-q", "--depth=1", "--no-tags", "file://" + self._repository(address), commit)
        command = self._command(address, *words, folder=folder)
        outcome = proc.run(msgspec.structs.replace(command, env={**command.env, "GIT_ALLOW_PROTOCOL": "file"}))
        if not outcome.ok:
            said = outcome.stderr.decode(errors="replace").splitlines()
            raise BuildError(f'git cannot check out "{address.shown}"', span=span, details=said[-10:])

    def _git(self, address: GitAddress, *words: str, folder: str | None = None, span: Span | None) -> str:
        outcome = proc.run(self._command(address, *words, folder=folder))
        if outcome.ok:
            return outcome.stdout.decode(errors="replace")
        said = outcome.stderr.decode(errors="replace").replace(address.remote, address.shown).splitlines()
        raise BuildError(
            f'git {words[0]} of "{address.shown}" failed', span=span, hint=_hint("\n".join(said)), details=said[-10:]
        )

    def _command(self, address: GitAddress, *words: str, folder: str | None) -> proc.Command:
        return proc.Command(
            argv=("git", *words),
            env=self._variables(address),
            cwd=folder or "/",
            timeout_s=_TIMEOUT_S,
            install_hint=_INSTALL,
            secrets=(address.remote,) if address.remote != address.shown else (),
        )

    def _variables(self, address: GitAddress) -> dict[str, str]:
        known_hosts = os.path.join(self._environment.get("HOME", "/root"), ".ssh", "known_hosts")
        ssh = f"ssh -F /dev/null -o BatchMode=yes -o StrictHostKeyChecking=yes -o UserKnownHostsFile={known_hosts}"
        found = {
            **host.proxy_variables(self._environment),
            "HOME": "/nonexistent",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_ALLOW_PROTOCOL": "http:https:git:ssh",
            "GIT_PROTOCOL_FROM_USER": "1",
            "GIT_SSH_COMMAND": ssh,
        }
        if self._agent:
            found["SSH_AUTH_SOCK"] = self._agent
        bundle = host.find_bundle(self._environment)
        if bundle is not None:
            found["GIT_SSL_CAINFO"] = bundle
        # In variables, not in arguments: those can be read by every user of the machine.
        settings = {**_QUIET, **_STALLED, **self._authorisation(address)}
        for number, (name, value) in enumerate(settings.items()):
            found[f"GIT_CONFIG_KEY_{number}"], found[f"GIT_CONFIG_VALUE_{number}"] = name, value
        return {**found, "GIT_CONFIG_COUNT": str(len(settings))}

    def _authorisation(self, address: GitAddress) -> dict[str, str]:
        scheme, _, _ = address.remote.partition("://")
        if not scheme.startswith("http"):
            return {}
        header = self._secret("GIT_AUTH_HEADER", address.host)
        token = self._secret("GIT_AUTH_TOKEN", address.host)
        if not header and token:
            header = "basic " + base64.b64encode(f"x-access-token:{token}".encode()).decode()
        return {f"http.{scheme}://{address.host}/.extraHeader": f"Authorization: {header}"} if header else {}

    def _secret(self, name: str, server: str) -> str:
        return read_secret(self._secrets.get(f"{name}.{server}", self._secrets.get(name)))


def _tidy(folder: str, *, keep: bool) -> None:
    """Take away `.git`, of submodules too; or of a `.git` that stays what differs from one checkout to the next."""
    if keep:
        for name in ("index", "logs", "FETCH_HEAD", "ORIG_HEAD", "shallow.lock"):
            path = os.path.join(folder, ".git", name)
            if os.path.isdir(path):
                shutil.rmtree(path)
            elif os.path.exists(path):
                os.unlink(path)
        return
    for parent, folders, files in os.walk(folder):
        if ".git" in folders:
            shutil.rmtree(os.path.join(parent, ".git"))
            folders.remove(".git")
        if ".git" in files:
            os.unlink(os.path.join(parent, ".git"))


def _hint(said: str) -> str | None:
    if re.search(r"could not resolve|name or service not known", said, re.IGNORECASE):
        return "is the address right, and the network there?"
    if "Host key verification failed" in said:
        return "make the server known: ssh-keyscan HOST >> ~/.ssh/known_hosts, after comparing its key"
    if re.search(r"permission denied|authentication failed|could not read username|403", said, re.IGNORECASE):
        return "give a token as --secret id=GIT_AUTH_TOKEN, or an SSH agent as --ssh default"
    return None

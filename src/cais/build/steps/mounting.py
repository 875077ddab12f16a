"""The mounts of a RUN: finds or makes what is to be mounted, and takes away what was made for it."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterator

from cais import durable
from cais.build.executor import BuildMount
from cais.build.keeping import LOCK_SUFFIX, keeping, note_use
from cais.build.place import Placement, place
from cais.build.privatefolder import private_folder
from cais.build.select import Selection, select
from cais.build.session import Session
from cais.build.sources import Context, Source
from cais.build.steps.model import BindMount, CacheMount, InlineFile, RunStep, SecretMount, SshMount, TmpfsMount
from cais.errors import BuildError, Span
from cais.linux.rootpath import host_path

_SCRIPT_MODE = 0o755
_SSH_TARGET = "/run/buildkit/ssh_agent."
_MAX_SECRET_BYTES = 500 << 10  # as BuildKit


def mounted(
    session: Session, step: RunStep, stack: contextlib.ExitStack
) -> tuple[tuple[BuildMount, ...], dict[str, str]]:
    """The mounts of `step`, kept up by `stack`, outer ones first, and the variables its secrets set. Raises BuildError."""
    found: list[BuildMount] = []
    variables: dict[str, str] = {}
    agents = 0
    # Caches are locked in one order everywhere, so that two RUNs never wait for each other.
    caches = sorted((mount for mount in step.mounts if isinstance(mount, CacheMount)), key=lambda mount: mount.id)
    found.extend(_cache(session, mount, step.span, stack) for mount in caches)
    for mount in step.mounts:
        if isinstance(mount, BindMount):
            path = _bind_source(session, mount.source, mount.path, step.span, stack)
            found.append(BuildMount(kind="bind", source=path, target=mount.target, read_only=mount.read_only))
        elif isinstance(mount, TmpfsMount):
            found.append(BuildMount(kind="tmpfs", target=mount.target, size_bytes=mount.size_bytes))
        elif isinstance(mount, SecretMount):
            found.extend(_secret(session, mount, step.span, stack, variables))
        elif isinstance(mount, SshMount):
            place_of_socket = mount.target or f"{_SSH_TARGET}{agents}"
            agents += 1
            found.extend(_agent(session, mount, place_of_socket, step.span, stack, variables))
    if step.script is not None:
        found.append(_script(session, step.script, stack))
    return tuple(sorted(found, key=lambda mount: mount.target.count("/"))), variables


def _bind_source(session: Session, source: Source, path: str, span: Span, stack: contextlib.ExitStack) -> str:
    """A host path with the files of `path` in `source`; what is written there is thrown away."""
    if isinstance(source, Context):
        # A copy, for the ignore file applies, and owners are root's as in every context.
        tree = session.context(source.name)
        matches = select(tree, Selection(sources=(path or ".",)), span)
        folder = stack.enter_context(session.scratch())
        place(tree, matches, Placement(root=folder, destination="/files", span=span, epoch_s=session.epoch_s))
        return os.path.join(folder, "files")
    prepared = stack.enter_context(session.store.snapshots.prepare(session.snapshot(source, span)))
    found = host_path(prepared.merged, path)
    if not os.path.lexists(found):
        raise BuildError(f'"/{path}" is not in the files the mount is taken from', span=span)
    return found


def _cache(session: Session, mount: CacheMount, span: Span, stack: contextlib.ExitStack) -> BuildMount:
    parent = os.path.join(session.locations.build, "caches")
    os.makedirs(parent, mode=0o700, exist_ok=True)
    namespace = session.request.given_arguments.get("BUILDKIT_CACHE_MOUNT_NS", "")
    name = hashlib.sha256(f"{namespace}{mount.id}\0{_seed_name(mount)}".encode()).hexdigest()[:32]
    folder = os.path.join(parent, _locked_name(parent, name, mount, stack))
    with durable.locked(os.path.join(parent, ".new")):
        if not os.path.isdir(folder):
            _make_cache(session, mount, folder, span)
    return BuildMount(kind="bind", source=folder, target=mount.target, read_only=mount.read_only)


def _seed_name(mount: CacheMount) -> str:
    return "" if mount.seed is None else f"{mount.seed}\0{mount.seed_path}"


def _locked_name(parent: str, name: str, mount: CacheMount, stack: contextlib.ExitStack) -> str:
    """The cache to use, held by a lock that goes with this process: the one, or the first of its siblings that is free."""
    if mount.sharing != "private":
        stack.enter_context(keeping(os.path.join(parent, name), mount.id, shared=mount.sharing == "shared"))
        return name
    number = 0
    while True:
        sibling = name if number == 0 else f"{name}-{number}"
        fd = durable.try_lock(os.path.join(parent, sibling + LOCK_SUFFIX))
        if fd is not None:
            stack.callback(os.close, fd)
            note_use(fd, mount.id)
            return sibling
        number += 1


def _make_cache(session: Session, mount: CacheMount, folder: str, span: Span) -> None:
    import shutil

    temporary = folder + ".new"
    shutil.rmtree(temporary, ignore_errors=True)  # of a build that died here
    os.mkdir(temporary, 0o700)
    if mount.seed is not None:
        with session.tree(mount.seed, span) as tree:
            matches = select(tree, Selection(sources=(mount.seed_path or ".",)), span)
            place(tree, matches, Placement(root=temporary, destination="/", span=span, epoch_s=session.epoch_s))
    os.chown(temporary, mount.uid, mount.gid)
    os.chmod(temporary, mount.mode)
    os.rename(temporary, folder)


def _secret(
    session: Session, mount: SecretMount, span: Span, stack: contextlib.ExitStack, variables: dict[str, str]
) -> Iterator[BuildMount]:
    given = session.request.secrets.get(mount.id)
    if given is None:
        if mount.required:
            known = ", ".join(sorted(session.request.secrets)) or "none"
            raise BuildError(f'the build was given no secret "{mount.id}"', span=span, hint=f"secrets given: {known}")
        return
    content = _read_secret(mount.id, given, span)
    if mount.variable:
        try:
            variables[mount.variable] = content.decode()
        except UnicodeDecodeError:
            raise BuildError(f'secret "{mount.id}" is no text, so it cannot be a variable', span=span) from None
    if mount.target:
        folder = stack.enter_context(private_folder(session.locations.run))
        path = os.path.join(folder, "secret")
        durable.write(path, content, mode=0o600, sync=False)
        os.chown(path, mount.uid, mount.gid)
        os.chmod(path, mount.mode)
        yield BuildMount(kind="bind", source=path, target=mount.target, read_only=True)


def _read_secret(name: str, given: bytes | str, span: Span) -> bytes:
    if isinstance(given, bytes):
        content = given
    else:
        try:
            with open(given, "rb") as stream:
                content = stream.read(_MAX_SECRET_BYTES + 1)
        except OSError as error:
            raise BuildError(
                f'cannot read the file "{given}" of secret "{name}": {error.strerror}', span=span
            ) from error
    if len(content) > _MAX_SECRET_BYTES:
        raise BuildError(f'secret "{name}" is larger than {_MAX_SECRET_BYTES >> 10} KiB', span=span)
    return content


def _agent(
    session: Session, mount: SshMount, target: str, span: Span, stack: contextlib.ExitStack, variables: dict[str, str]
) -> Iterator[BuildMount]:
    variables.setdefault("SSH_AUTH_SOCK", target)  # also when nobody is there to answer, as with BuildKit
    given = session.request.ssh.get(mount.id)
    if given is None:
        if mount.required:
            raise BuildError(
                f'the build was given no SSH agent "{mount.id}"',
                span=span,
                hint=f"build with --ssh {mount.id}, after ssh-add; or --ssh {mount.id}=KEYFILE",
            )
        return
    from cais.build.agent import offered

    folder = stack.enter_context(private_folder(session.locations.run))
    try:
        path = stack.enter_context(offered(given, folder))
    except BuildError as error:
        error.span = error.span or span
        raise
    os.chown(path, mount.uid, mount.gid)
    os.chmod(path, mount.mode)
    yield BuildMount(kind="bind", source=path, target=target, read_only=True)


def _script(session: Session, script: InlineFile, stack: contextlib.ExitStack) -> BuildMount:
    folder = stack.enter_context(session.scratch())
    path = os.path.join(folder, "script")
    durable.write(path, script.content.encode(errors="surrogateescape"), sync=False)
    os.chmod(path, _SCRIPT_MODE)
    return BuildMount(kind="bind", source=path, target=script.name, read_only=True)

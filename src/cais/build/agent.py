"""An SSH agent for RUN --mount=type=ssh: a socket that hands on only what a build may ask of the caller's agent.

Listing keys and signing pass, everything else (adding, removing, locking keys) is answered with a failure, as BuildKit does. Given key
files in place of an agent, an `ssh-agent` of the build's own is started for them.
Messages: draft-miller-ssh-agent, "Protocol Overview" and "Protocol numbers".
"""

from __future__ import annotations

import contextlib
import os
import socket
import stat
import struct
import threading
from collections.abc import Iterator, Sequence

from cais import proc
from cais.errors import BuildError

_PASSED = frozenset({11, 13})  # SSH_AGENTC_REQUEST_IDENTITIES, SSH_AGENTC_SIGN_REQUEST
_FAILURE = struct.pack(">IB", 1, 5)  # SSH_AGENT_FAILURE
_MAX_MESSAGE = 256 << 10  # OpenSSH's own bound (authfd.c)
_HINT = "apt-get install openssh-client"
_PATIENCE_S = 5.0


@contextlib.contextmanager
def offered(paths: Sequence[str], folder: str) -> Iterator[str]:
    """The path of a socket in `folder` that speaks for the agent, or the key files, at `paths`. Raises BuildError."""
    with contextlib.ExitStack() as stack:
        if len(paths) == 1 and _is_socket(paths[0]):
            upstream = paths[0]
        else:
            upstream = stack.enter_context(_own_agent(paths, folder))
        offered_path = os.path.join(folder, "agent")
        stack.enter_context(_proxy(offered_path, upstream))
        yield offered_path


def _is_socket(path: str) -> bool:
    try:
        return stat.S_ISSOCK(os.stat(path).st_mode)
    except OSError as error:
        raise BuildError(f'there is no SSH agent or key at "{path}": {error.strerror}') from error


@contextlib.contextmanager
def _own_agent(keys: Sequence[str], folder: str) -> Iterator[str]:
    """An agent that knows `keys`."""
    path = os.path.join(folder, "own-agent")
    agent = proc.start(proc.Command(argv=("ssh-agent", "-D", "-a", path), install_hint=_HINT), stdout=2)
    try:
        _wait_for(path)
        for key in keys:
            command = proc.Command(argv=("ssh-add", "-q", key), env={"SSH_AUTH_SOCK": path}, timeout_s=_PATIENCE_S)
            outcome = proc.run(command)
            if not outcome.ok:
                said = outcome.stderr.decode(errors="replace").strip().splitlines()
                hint = "give the socket of an agent that has it open: --ssh default=$SSH_AUTH_SOCK"
                raise BuildError(f'the SSH key "{key}" cannot be used', hint=hint, details=said[-3:])
        yield path
    finally:
        proc.end(agent)


def _wait_for(path: str) -> None:
    import time

    deadline = time.monotonic() + _PATIENCE_S
    while not os.path.exists(path):
        if time.monotonic() > deadline:
            raise BuildError("ssh-agent does not start")
        time.sleep(0.005)


@contextlib.contextmanager
def _proxy(path: str, upstream: str) -> Iterator[None]:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        thread = threading.Thread(target=_serve, args=(listener, upstream), name="ssh-agent", daemon=True)
        thread.start()
        try:
            yield
        finally:
            listener.shutdown(socket.SHUT_RDWR)  # wakes `accept`, which closing would not
            thread.join()
            os.unlink(path)


def _serve(listener: socket.socket, upstream: str) -> None:
    while True:
        try:
            client, _ = listener.accept()
        except OSError:  # the build is through
            return
        threading.Thread(target=_converse, args=(client, upstream), name="ssh-agent-client", daemon=True).start()


def _converse(client: socket.socket, upstream: str) -> None:
    """One client's questions, one by one. Whoever breaks the rules, or off, is hung up on."""
    with client, socket.socket(socket.AF_UNIX) as agent, contextlib.suppress(OSError, EOFError):
        agent.connect(upstream)
        while True:
            question = _message(client)
            if question[0] in _PASSED:
                agent.sendall(struct.pack(">I", len(question)) + question)
                answer = _message(agent)
                client.sendall(struct.pack(">I", len(answer)) + answer)
            else:
                client.sendall(_FAILURE)


def _message(peer: socket.socket) -> bytes:
    """The next message, without its length. Raises EOFError."""
    (length,) = struct.unpack(">I", _exactly(peer, 4))
    if not 1 <= length <= _MAX_MESSAGE:
        raise EOFError
    return _exactly(peer, length)


def _exactly(peer: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        piece = peer.recv(count - len(data))
        if not piece:
            raise EOFError
        data += piece
    return data

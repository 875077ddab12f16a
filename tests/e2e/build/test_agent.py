"""RUN --mount=type=ssh: a real ssh-agent behind a socket that lets only listing and signing pass."""

from __future__ import annotations

import socket
import struct
import subprocess
from pathlib import Path

import pytest
from tests.e2e.build.workshop import Workshop

from cais.build.agent import offered
from cais.errors import BuildError

pytestmark = pytest.mark.root

REQUEST_IDENTITIES, IDENTITIES_ANSWER = 11, 12
SIGN_REQUEST, SIGN_RESPONSE = 13, 14
REMOVE_ALL_IDENTITIES, FAILURE = 19, 5


@pytest.fixture
def key(tmp_path: Path) -> Path:
    path = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)], check=True)
    return path


def ask(path: str, message: bytes) -> bytes:
    with socket.socket(socket.AF_UNIX) as agent:
        agent.connect(path)
        agent.sendall(struct.pack(">I", len(message)) + message)
        (length,) = struct.unpack(">I", agent.recv(4))
        return agent.recv(length, socket.MSG_WAITALL)


def text(data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + data


def test_keys_can_be_listed_and_used_but_not_changed(key: Path, tmp_path: Path) -> None:
    with offered([str(key)], str(tmp_path)) as path:
        answer = ask(path, bytes([REQUEST_IDENTITIES]))
        assert answer[0] == IDENTITIES_ANSWER
        assert answer[1:5] == struct.pack(">I", 1)
        (length,) = struct.unpack(">I", answer[5:9])
        public = answer[9 : 9 + length]
        signed = ask(path, bytes([SIGN_REQUEST]) + text(public) + text(b"data") + struct.pack(">I", 0))
        assert signed[0] == SIGN_RESPONSE
        assert ask(path, bytes([REMOVE_ALL_IDENTITIES])) == bytes([FAILURE])
        assert ask(path, bytes([REQUEST_IDENTITIES])) == answer
    assert not (tmp_path / "agent").exists()


def test_a_command_sees_the_socket(shop: Workshop, key: Path) -> None:
    lines = (
        "FROM busybox:1",
        'RUN --mount=type=ssh,uid=1000,mode=0660 test -S "$SSH_AUTH_SOCK" && stat -c "%a %u:%g %n" "$SSH_AUTH_SOCK" > /x',
        "RUN --mount=type=ssh,id=other,target=/run/other --mount=type=ssh echo $SSH_AUTH_SOCK > /y; ls /run/buildkit >> /y",
    )
    image = shop.build("\n".join(lines), ssh={"default": (str(key),), "other": (str(key),)})
    assert shop.files(image) == {
        "x": "0644 0:0 660 1000:0 /run/buildkit/ssh_agent.0\n",
        "y": "0644 0:0 /run/other\nssh_agent.1\n",
    }


def test_a_key_that_is_locked_is_refused(shop: Workshop, tmp_path: Path) -> None:
    path = tmp_path / "locked"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "secret", "-f", str(path)], check=True)
    with pytest.raises(BuildError, match="cannot be used") as caught:
        shop.build("FROM busybox:1\nRUN --mount=type=ssh true\n", ssh={"default": (str(path),)})
    assert caught.value.span is not None
    with pytest.raises(BuildError, match='no SSH agent "default"'):
        shop.build("FROM busybox:1\nRUN --mount=type=ssh,required true\n")

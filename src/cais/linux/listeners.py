"""What a process's network namespace listens on, from /proc/PID/net (proc(5), "/proc/net/tcp")."""

from __future__ import annotations

_LISTEN = b"0A"  # TCP_LISTEN in include/net/tcp_states.h
_NAME_SERVER = b"0B00007F:"  # 127.0.0.11, where a container's names are answered: not a service of its own


def listening(pid: int) -> frozenset[bytes] | None:
    """The TCP sockets that wait for connections in the network namespace of `pid`, as the kernel writes them; None when it is gone.

    Two small files, about 50 µs: cheap enough to be asked a hundred times a second.
    """
    found = set()
    for name in ("tcp", "tcp6"):
        try:
            with open(f"/proc/{pid}/net/{name}", "rb") as stream:
                lines = stream.read().splitlines()[1:]
        except FileNotFoundError:
            if name == "tcp":
                return None
            continue  # a kernel without IPv6
        except OSError:  # the process ended between two reads
            return None
        for line in lines:
            words = line.split(None, 4)
            if words[3] == _LISTEN and not words[1].startswith(_NAME_SERVER):
                found.add(words[1])
    return frozenset(found)

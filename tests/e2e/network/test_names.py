"""Names at 127.0.0.11 in every container."""

import os
import signal
from pathlib import Path

import pytest
from tests.e2e.network.lab import Lab, container_id, resolve, soon

pytestmark = pytest.mark.root


def server_pid(lab: Lab) -> int | None:
    """The process of this root's server: only here a process is looked for, by the unique folder in its arguments."""
    wanted = os.path.join(lab.locations.run, "network", "names").encode()
    for pid in filter(str.isdecimal, os.listdir("/proc")):
        try:
            arguments = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except OSError:
            continue  # it has ended
        if wanted in arguments and b"setsid" not in arguments[0]:
            return int(pid)
    return None


def running_server(lab: Lab) -> int:
    assert soon(lambda: server_pid(lab) is not None)
    found = server_pid(lab)
    assert found is not None
    return found


@pytest.mark.parametrize("tcp", [False, True])
def test_names_of_the_network_are_answered(lab: Lab, tcp: bool) -> None:
    lab.network("names")
    web, db = lab.connect("web", "names"), lab.connect("db", "names")
    assert web.name_servers == ("127.0.0.11",)
    for name in ("db", "DB", "db.names", container_id("db")[:12]):
        assert resolve(web.namespace, name, tcp=tcp) == (0, (db.addresses["names"],))


def test_names_end_with_the_container_and_can_be_changed(lab: Lab) -> None:
    lab.network("names", internal=True)
    web = lab.connect("web", "names")
    lab.connect("db", "names")
    lab.networking.set_names(container_id("db"), {"names": ("database",)})
    assert resolve(web.namespace, "db") == (3, ())
    assert resolve(web.namespace, "database")[0] == 0
    lab.networking.set_names(container_id("db"), {})
    assert resolve(web.namespace, "database") == (3, ())
    lab.connect("db", "names")
    assert resolve(web.namespace, "db")[0] == 0
    lab.networking.disconnect(container_id("db"))
    assert resolve(web.namespace, "db") == (3, ())


def test_names_are_of_ones_own_networks(lab: Lab) -> None:
    lab.network("front", internal=True)
    lab.network("back", internal=True)
    web, db, both = lab.connect("web", "front"), lab.connect("db", "back"), lab.connect("both", "front", "back")
    assert resolve(web.namespace, "db") == (3, ())
    assert resolve(both.namespace, "db") == (0, (db.addresses["back"],))
    assert resolve(both.namespace, "web") == (0, (web.addresses["front"],))


def test_replicas_take_turns(lab: Lab) -> None:
    lab.network("names")
    asker = lab.connect("asker", "names")
    for number in range(3):
        lab.connect(f"web-{number}", "names")
        lab.networking.set_names(container_id(f"web-{number}"), {"names": ("web",)})
    firsts = {resolve(asker.namespace, "web")[1][0] for _ in range(3)}
    assert len(firsts) == 3


def test_killed_server_is_started_again(lab: Lab) -> None:
    lab.network("names")
    web, db = lab.connect("web", "names"), lab.connect("db", "names")
    assert not lab.networking.ensure_name_server()
    pid = running_server(lab)
    os.kill(pid, signal.SIGKILL)
    assert soon(lambda: server_pid(lab) != pid)
    # A killed process loses its command line a moment before its sockets close, which is what tells that it is gone.
    assert soon(lab.networking.ensure_name_server)
    assert soon(lambda: _answers(web.namespace))
    assert resolve(web.namespace, "db") == (0, (db.addresses["names"],))


def _answers(namespace: str) -> bool:
    try:
        return resolve(namespace, "db", timeout_s=0.1)[0] == 0
    except OSError:
        return False


def test_the_next_container_starts_a_killed_server(lab: Lab) -> None:
    lab.network("names")
    web = lab.connect("web", "names")
    pid = running_server(lab)
    os.kill(pid, signal.SIGKILL)
    assert soon(lambda: server_pid(lab) != pid)
    db = lab.connect("db", "names")
    assert resolve(db.namespace, "web") == (0, (web.addresses["names"],))


def test_the_server_ends_with_the_last_network(lab: Lab) -> None:
    lab.network("names")
    lab.connect("web", "names")
    running_server(lab)
    lab.close()
    assert soon(lambda: server_pid(lab) is None)


def test_changes_lose_no_question(lab: Lab) -> None:
    lab.network("names")
    web = lab.connect("web", "names")
    lab.connect("db", "names")
    for number in range(100):
        lab.networking.set_names(container_id("web"), {"names": (f"web{number}",)})
        assert resolve(web.namespace, "db", timeout_s=0.5)[0] == 0
        assert resolve(web.namespace, f"web{number}", timeout_s=0.5)[0] == 0

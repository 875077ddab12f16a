"""Nothing is left, nothing is lost."""

import os
import shutil
import socket
import sys
import threading
import time
from pathlib import Path

import pytest
from tests.e2e.network.lab import Lab, ask, container_id, program, resolve, soon, within

from cais.engine.protocol import EndpointSpec, PortSpec, Transport
from cais.errors import Conflict, HostError, NotFoundError, PortInUse, UsageError
from cais.linux import rtnetlink
from cais.linux.nft import Nftables

pytestmark = pytest.mark.root


def table(lab: Lab) -> str | None:
    return Nftables().list(f"table ip {lab.networking._firewall._table}")


def test_repair_removes_what_no_container_has(lab: Lab) -> None:
    lab.network("leaks")
    living = lab.connect("living", "leaks")
    dead = lab.connect("dead", "leaks", ports=(PortSpec(container_port=80),))
    Path(living.namespace).with_name("stray").touch()
    done = lab.another().repair(frozenset({container_id("living")}))
    assert len(done) == 2
    assert not os.path.exists(dead.namespace)
    assert dead.addresses["leaks"] not in (table(lab) or "")
    assert soon(lambda: lab.interface("dead", "leaks") not in lab.links())
    assert lab.interface("living", "leaks") in lab.links()
    again = lab.connect("new", "leaks")
    assert again.addresses == dead.addresses
    assert lab.another().repair(frozenset({container_id("living"), container_id("new")})) == ()


def test_nobody_finds_a_container_that_is_gone_while_something_holds_its_namespace(lab: Lab) -> None:
    lab.network("leaks")
    web, asker = lab.connect("web", "leaks"), lab.connect("asker", "leaks")
    lab.serve(web.namespace, 80, "web")
    assert ask(asker.namespace, web.addresses["leaks"], 80) == "web"
    lab.networking.disconnect(container_id("web"))
    for namespace in (None, asker.namespace):
        assert ask(namespace, web.addresses["leaks"], 80, timeout_s=0.5) == ""
    new = lab.connect("new", "leaks")
    assert new.addresses == web.addresses
    lab.serve(new.namespace, 80, "new")
    assert ask(asker.namespace, new.addresses["leaks"], 80) == "new"


def test_a_connection_that_cannot_be_closed_in_order_does_not_hold_the_interface(lab: Lab) -> None:
    lab.network("leaks")
    web, db = lab.connect("web", "leaks"), lab.connect("db", "leaks")
    lab.serve(db.namespace, 80, "db")
    client = within(web.namespace, lambda: socket.create_connection((db.addresses["leaks"], 80), timeout=10))
    while client.recv(100):
        pass
    lab.networking.disconnect(container_id("web"))
    client.close()  # its end is sent again and again: nothing passes the interface any more
    assert soon(lambda: lab.interface("web", "leaks") not in lab.links(), timeout_s=20)


def test_repair_leaves_alone_what_another_command_is_making(lab: Lab) -> None:
    """Its container may be younger than the list of the living that repair was given."""
    lab.network("leaks")
    source = (
        connecting(lab)
        + 'networking.connect("a" * 64, "a", (), ())\nprint("made", flush=True)\nimport time\ntime.sleep(60)\n'
    )
    with program(source) as other:
        assert lab.networking.repair(frozenset()) == ()
        assert lab.networking._rows.endpoints() == ("a" * 64,)
        other.kill()
        other.wait()
        assert len(lab.networking.repair(frozenset())) == 1
    assert lab.networking._rows.endpoints() == ()


def connecting(lab: Lab) -> str:
    """The beginning of another command's source."""
    return f"""
import sys, hashlib
sys.path[:0] = {[path for path in sys.path if path]!r}
from cais.database import Database
from cais.engine.native.network.networking import NativeNetworking
from cais.engine.protocol import EndpointSpec, PortSpec
from cais.locations import Locations
networking = NativeNetworking(Locations(root={lab.root!r}, run={lab.locations.run!r}), Database({lab.locations.database!r}))
"""


def test_removal_leaves_nothing(lab: Lab) -> None:
    lab.network("leaks")
    lab.connect("web", "leaks", ports=(PortSpec(container_port=80),))
    with pytest.raises(Conflict, match='network "leaks" is in use by "web"'):
        lab.networking.remove_network("leaks")
    lab.networking.disconnect(container_id("web"))
    lab.networking.disconnect(container_id("web"))
    lab.networking.remove_network("leaks")
    lab.networking.remove_network("leaks")
    assert table(lab) is None
    assert soon(lambda: not lab.links())


def test_after_a_reboot_all_is_rebuilt_with_the_same_addresses(lab: Lab) -> None:
    state = lab.network("leaks")
    asked = (PortSpec(container_port=80),)
    web, db = lab.connect("web", "leaks", ports=asked), lab.connect("db", "leaks")
    lab.networking._names.end()
    for name in os.listdir(os.path.dirname(web.namespace)):
        lab.networking._kernel.remove_endpoint(os.path.join(os.path.dirname(web.namespace), name))
    shutil.rmtree(lab.locations.run)
    lab.networking._kernel.remove_bridge(state.bridge)
    Nftables().run(f"delete table ip {lab.networking._firewall._table}")
    assert lab.network("leaks") == state
    assert lab.connect("web", "leaks", ports=asked) == web
    assert lab.connect("db", "leaks") == db
    lab.serve(web.namespace, 80, "web")
    assert ask(None, "127.0.0.1", web.ports[0].host_port) == "web"
    assert resolve(db.namespace, "web") == (0, (web.addresses["leaks"],))


def test_lost_bridge_and_lost_interface_are_made_again(lab: Lab) -> None:
    state = lab.network("leaks")
    web, db = lab.connect("web", "leaks"), lab.connect("db", "leaks")
    lab.serve(db.namespace, 5432, "db")
    lab.networking._kernel.remove_bridge(state.bridge)
    lab.network("leaks")
    assert ask(web.namespace, db.addresses["leaks"], 5432) == "db"
    interface = lab.networking._rows.leases(container_id("web"))[0].interface
    with rtnetlink.Netlink() as netlink:
        netlink.execute([rtnetlink.delete_link(interface)])
    assert lab.connect("web", "leaks") == web
    assert ask(web.namespace, db.addresses["leaks"], 5432) == "db"


def test_two_roots_do_not_collide(lab: Lab, tmp_path: Path) -> None:
    other = Lab(str(tmp_path / "other"))
    try:
        mine, theirs = lab.network("leaks"), other.network("leaks")
        assert mine.subnet != theirs.subnet
        assert mine.bridge != theirs.bridge
        web, alien = lab.connect("web", "leaks"), other.connect("web", "leaks")
        lab.serve(web.namespace, 80, "mine")
        other.serve(alien.namespace, 80, "theirs")
        assert ask(None, web.addresses["leaks"], 80) == "mine"
        assert ask(None, alien.addresses["leaks"], 80) == "theirs"
        assert ask(alien.namespace, web.addresses["leaks"], 80, timeout_s=0.3) == ""
    finally:
        other.close()
    assert ask(None, web.addresses["leaks"], 80) == "mine"
    assert resolve(web.namespace, "web")[0] == 0


def test_taken_port_names_the_culprit(lab: Lab) -> None:
    lab.network("leaks")
    listener = (
        "import socket; s = socket.create_server(('127.0.0.1', 0)); print(s.getsockname()[1], flush=True); input()"
    )
    source = listener.replace("0)", "18767)").replace("input()", "__import__('time').sleep(60)")
    with (
        program(source) as culprit,
        pytest.raises(PortInUse, match=rf'18767/tcp is already in use by "python.*" \(pid {culprit.pid}\)'),
    ):
        lab.connect("web", "leaks", ports=(PortSpec(container_port=80, host_port=18767),))
    assert lab.networking._rows.endpoint(container_id("web")) is None
    lab.connect("web", "leaks", ports=(PortSpec(container_port=80, host_port=18767),))
    with pytest.raises(PortInUse, match='already published by container "web"'):
        lab.connect("other", "leaks", ports=(PortSpec(container_port=80, host_port=18767, host_ip="127.0.0.1"),))


def test_taken_udp_port_names_the_culprit(lab: Lab) -> None:
    lab.network("leaks")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taker:
        taker.bind(("127.0.0.1", 18768))
        with pytest.raises(PortInUse, match=rf"18768/udp is already in use by .* \(pid {os.getpid()}\)"):
            lab.connect("web", "leaks", ports=(PortSpec(container_port=53, host_port=18768, protocol=Transport.UDP),))


def test_held_ports_keep_others_out_but_not_us(lab: Lab) -> None:
    lab.network("leaks")
    asked = (
        PortSpec(container_port=80, host_port=18769),
        PortSpec(container_port=53, host_port=18769, protocol=Transport.UDP),
    )
    web = lab.connect("web", "leaks", ports=asked)
    lab.serve(web.namespace, 80, "web")
    sockets = lab.networking.hold("lab", web.ports)
    try:
        with pytest.raises(OSError, match="in use"):
            socket.create_server(("127.0.0.1", 18769))
        assert ask(None, "127.0.0.1", 18769) == "web"
        lab.networking.disconnect(container_id("web"))
        assert lab.connect("web", "leaks", ports=asked).ports == web.ports
    finally:
        for item in sockets:
            item.close()


def test_wrong_requests_are_refused_and_leave_nothing(lab: Lab) -> None:
    state = lab.network("leaks", subnet="10.199.77.0/29")
    assert (state.subnet, state.gateway) == ("10.199.77.0/29", "10.199.77.1")
    with pytest.raises(Conflict, match=r"overlaps 10\.199\.77\.0/29"):
        lab.network("twin", subnet="10.199.77.0/24")
    with pytest.raises(Conflict, match="exists with internal false, not true"):
        lab.network("leaks", internal=True)
    with pytest.raises(NotFoundError, match='network "nowhere" does not exist'):
        lab.connect("web", "nowhere")
    with pytest.raises(HostError, match=r'no address "203\.0\.113\.7"'):
        lab.connect("web", "leaks", ports=(PortSpec(container_port=80, host_port=18770, host_ip="203.0.113.7"),))
    with pytest.raises(UsageError, match="is no IP address"):
        lab.connect("web", "leaks", ports=(PortSpec(container_port=80, host_ip="::x"),))
    spec = EndpointSpec(network="leaks", ipv4_address="10.1.1.1")
    with pytest.raises(UsageError, match="is not one of network"):
        lab.networking.connect("c" * 64, "c", (spec,), ())
    assert lab.networking._rows.endpoints() == ()
    for number in range(5):
        lab.connect(f"c{number}", "leaks")
    with pytest.raises(HostError, match="has no free address"):
        lab.connect("c5", "leaks")


def test_isolated_container_has_only_a_loopback(lab: Lab) -> None:
    alone = lab.networking.isolate(container_id("alone"))
    assert (alone.addresses, alone.name_servers) == ({}, ())
    lab.serve(alone.namespace, 80, "alone")
    assert ask(alone.namespace, "127.0.0.1", 80) == "alone"


def test_fifty_at_once_from_threads_of_two_commands(lab: Lab) -> None:
    lab.network("leaks")
    commands = (lab.networking, lab.another())
    failures: list[Exception] = []

    def work(first: int) -> None:
        for number in range(first, 50, 4):
            name = f"c{number}"
            spec = EndpointSpec(network="leaks", aliases=(name,))
            ports = (PortSpec(container_port=80),) if number % 5 == 0 else ()
            try:
                commands[number % 2].connect(container_id(name), name, (spec,), ports)
            except Exception as error:  # noqa: BLE001 - shown below
                failures.append(error)

    began = time.monotonic()
    threads = [threading.Thread(target=work, args=(first,)) for first in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert time.monotonic() - began < 2.0
    leases = lab.networking._rows.leases_of_network("leaks")
    assert len({lease.address for lease in leases}) == 50
    asker = lab.connect("c0", "leaks", ports=(PortSpec(container_port=80),))
    assert {resolve(asker.namespace, f"c{number}")[0] for number in range(50)} == {0}


def test_commands_killed_at_any_moment_leave_only_what_repair_finds(lab: Lab) -> None:
    state = lab.network("leaks")
    lab.interfaces.update(lab.interface(str(number), "leaks") for number in range(1000))
    bridge = state.bridge
    source = (
        connecting(lab)
        + """
print("ready", flush=True)
for number in range(1000):
    name = hashlib.sha256(b"%d" % number).hexdigest()
    networking.connect(name, "h", (EndpointSpec(network="leaks", aliases=("n",)),), (PortSpec(container_port=80),))
    if number % 3 == 0:
        networking.disconnect(name)
"""
    )
    for after_s in (0.003, 0.011, 0.023, 0.037, 0.061):
        with program(source) as killed:
            time.sleep(after_s)  # not to be right: to be killed somewhere else each time
            killed.kill()
            killed.wait()
        assert not killed.returncode > 0
        lab.another().repair(frozenset())
        assert lab.networking._rows.endpoints() == ()
        assert os.listdir(os.path.join(lab.locations.run, "network", "netns")) == []
        assert soon(lambda: lab.links() == {bridge})
        assert "dnat" in (table(lab) or "")
        assert " . 80" not in (table(lab) or "")

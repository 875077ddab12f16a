"""Names and networks as a user writes them."""

from __future__ import annotations

import os
import re
import socket
import subprocess

import pytest

from tests.e2e import leaks
from tests.e2e.browser import free_port
from tests.e2e.harness import Cais, answers, until

pytestmark = pytest.mark.root

SERVER = "[sh, -c, 'echo {name} >/www/who; exec httpd -f -p 8000 -h /www']"


def write(project: Cais, text: str) -> None:
    (project.folder / "compose.yaml").write_text(text)


def address(project: Cais, service: str, name: str) -> str:
    """The address of `name` as `service` is told it; "" when it is told none. (The tests' wget cannot ask for names by itself.)"""
    asked = project.run("exec", "-T", service, "nslookup", name, "127.0.0.11")
    found = re.findall(r"^Address: ([0-9.]+)$", asked.stdout, re.MULTILINE)
    return found[0] if asked.code == 0 and found else ""


def who(project: Cais, service: str, name: str) -> str:
    """Who answers at port 8000 of `name`, as seen from `service`; "" when nobody does."""
    place = address(project, service, name)
    asked = ("wget", "-q", "-O", "-", f"http://{place}:8000/who")
    return project.run("exec", "-T", service, *asked).stdout.strip() if place else ""


LINKS = """
services:
  db: {{image: {image}, init: true, command: {db}}}
  hidden:
    image: {image}
    init: true
    command: {hidden}
    networks: {{default: {{use_service_name_alias: false, aliases: [seen]}}}}
  web:
    image: {image}
    init: true
    links: [db, "db:database"]
    external_links: ["{other}-far-1:distant", "{other}-far-1"]
    networks: {{default: {{}}, shared: {{}}}}
  stranger: {{image: {image}, init: true}}
networks:
  shared: {{name: {other}_shared, external: true}}
"""
FAR = """
name: {other}
services:
  far: {{image: {image}, init: true, command: {far}, networks: [shared]}}
networks: {{shared: {{}}}}
"""


def test_links(project: Cais, tiny: str) -> None:
    other = project.folder.name + "far"
    write(project, FAR.format(image=tiny, other=other, far=SERVER.format(name="far")))
    project.ok("up", "-d")
    try:
        text = LINKS.format(image=tiny, other=other, db=SERVER.format(name="db"), hidden=SERVER.format(name="hidden"))
        write(project, text)
        project.ok("up", "-d")
        until(lambda: who(project, "web", "db"))
        names = ("db", "database", "distant", f"{other}-far-1", "seen", "hidden")
        assert [who(project, "web", name) for name in names] == ["db", "db", "far", "far", "hidden", ""]
        assert [who(project, "stranger", name) for name in ("db", "database", "distant")] == ["db", "", ""]
    finally:
        project.ok("down", "-t", "0")
        project.ok("-p", other, "down", "-t", "0", "--remove-orphans")


SIX = """
services:
  web: {{image: {image}, init: true, command: {web}, networks: {{six: {{ipv6_address: "{prefix}::7"}}}}}}
  asker: {{image: {image}, init: true, networks: [six]}}
networks: {{six: {{enable_ipv6: {enabled}, ipam: {{config: [{{subnet: "{prefix}::/64"}}]}}}}}}
"""


def test_ipv6(project: Cais, tiny: str) -> None:
    prefix = f"fd00:{free_port():x}:{free_port():x}"
    write(project, SIX.format(image=tiny, web=SERVER.format(name="web"), prefix=prefix, enabled="true"))
    project.ok("up", "-d")
    ask = ("exec", "-T", "asker", "wget", "-q", "-O", "-", f"http://[{prefix}::7]:8000/who")
    until(lambda: project.run(*ask).stdout == "web\n")
    told = project.ok("exec", "-T", "asker", "nslookup", "-type=aaaa", "web", "127.0.0.11").stdout
    assert f"{prefix}::7" in told
    assert f"\n{prefix}::7\t" in project.ok("exec", "-T", "web", "cat", "/etc/hosts").stdout
    created = {name: project.container(name)["ID"] for name in ("web", "asker")}
    project.ok("up", "-d")
    assert created == {name: project.container(name)["ID"] for name in created}
    without = SIX.format(image=tiny, web=SERVER.format(name="web"), prefix=prefix, enabled="false")
    project.ok("down", "-t", "0")
    write(project, without.replace(f'{{ipv6_address: "{prefix}::7"}}', "{}"))
    again = project.ok("up", "-d")
    assert "has no effect: it has no IPv6" in again.stderr
    assert prefix not in project.ok("exec", "-T", "web", "cat", "/etc/hosts").stdout


BRIDGE = """
services:
  web: {{image: {image}, init: true, command: {web}, network_mode: bridge, ports: ["{port}:8000"]}}
  asker: {{image: {image}, init: true, network_mode: bridge, links: ["web:linked"]}}
"""


def test_the_network_that_all_projects_share(project: Cais, tiny: str) -> None:
    """`network_mode: bridge`: the world, published ports and links, but no names; it goes with the last container."""
    before = leaks.state(project)
    port = free_port()
    write(project, BRIDGE.format(image=tiny, web=SERVER.format(name="web"), port=port))
    project.ok("up", "-d")
    until(lambda: answers(f"http://127.0.0.1:{port}/who"))
    hosts = project.ok("exec", "-T", "asker", "cat", "/etc/hosts").stdout
    assert re.search(r"^(10\.[0-9.]+|192\.[0-9.]+)\tlinked$", hosts, re.MULTILINE)
    assert address(project, "asker", "web") == ""
    assert project.container("web")["Networks"] == "bridge"
    project.ok("stop", "web")
    assert answers(f"http://127.0.0.1:{port}/who") is None
    project.ok("start", "web")
    until(lambda: answers(f"http://127.0.0.1:{port}/who"))
    project.ok("down", "-t", "0")
    leaks.check_same(project, before)


PREDEFINED = """
services:
  a: {{image: {image}, init: true, networks: [it]}}
networks: {{it: {{external: true, name: {name}}}}}
"""


def test_networks_that_are_always_there(project: Cais, tiny: str) -> None:
    seen = {}
    for name in ("host", "none", "bridge"):
        write(project, PREDEFINED.format(image=tiny, name=name))
        project.ok("up", "-d")
        seen[name] = project.ok("exec", "-T", "a", "ls", "/sys/class/net").stdout.split()
    here = subprocess.run(["ls", "/sys/class/net"], capture_output=True, text=True, check=True).stdout.split()
    assert "lo" in seen["host"]
    assert set(here) & set(seen["host"]) - {"lo"} or here == ["lo"]
    assert seen["none"] == ["lo"]
    assert seen["bridge"] == ["eth0", "lo"]


def test_options_without_meaning_are_named(project: Cais, tiny: str) -> None:
    write(
        project,
        f"""
services:
  a: {{image: {tiny}, networks: {{default: {{driver_opts: {{colour: blue}}}}}}}}
networks:
  default:
    driver_opts: {{com.docker.network.bridge.trusted_host_interfaces: eth9, com.docker.network.driver.mtu: 1400}}
""",
    )
    told = project.ok("config", "-q").stderr
    assert 'driver option "colour" of service "a" on network "default" has no effect' in told
    assert (
        'driver option "com.docker.network.bridge.trusted_host_interfaces" of network "default" has no effect' in told
    )
    assert "mtu" not in told.partition("known are")[0]
    for options, message in (
        ("driver_opts: {com.docker.network.driver.mtu: big}", "must be a number"),
        ("driver_opts: {com.docker.network.bridge.gateway_mode_ipv4: routed}", "is not supported"),
        ("ipam: {config: [{subnet: 10.214.1.0/24}, {subnet: 10.214.2.0/24}]}", "has several IPv4 subnets"),
        ("ipam: {driver: other}", "is not supported"),
        ("driver: overlay", "is not supported"),
        ("enable_ipv4: false", "without IPv4 is not supported"),
    ):
        write(project, f"services: {{a: {{image: {tiny}}}}}\nnetworks: {{default: {{{options}}}}}\n")
        refused = project.run("up", "-d")
        assert refused.code != 0, options
        assert message in refused.stderr, refused


PORTS = """
services:
  web:
    image: {image}
    init: true
    command: {web}
    ports: ["{port}:8000", "127.0.0.1:{own}:8000", "[::1]:{six}:8000"]
"""


# It asks [::1], which a kernel without IPv6 does not have; then Cais publishes on IPv4 alone.
@pytest.mark.skipif(not os.path.exists("/proc/net/if_inet6"), reason="this machine has no IPv6")
def test_published_ports_are_reached_by_ipv6(project: Cais, tiny: str) -> None:
    """Also by a name that means ::1 first; of a stopped service they are free."""
    port, own, six = free_port(), free_port(), free_port()
    write(project, PORTS.format(image=tiny, web=SERVER.format(name="web"), port=port, own=own, six=six))
    project.ok("up", "-d")
    until(lambda: answers(f"http://127.0.0.1:{port}/who"))
    reached = {
        (address, number): answers(f"http://{address}:{number}/who") is not None
        for address in ("127.0.0.1", "[::1]")
        for number in (port, own, six)
    }
    assert reached == {
        ("127.0.0.1", port): True,
        ("127.0.0.1", own): True,
        ("127.0.0.1", six): False,
        ("[::1]", port): True,
        ("[::1]", own): False,
        ("[::1]", six): True,
    }
    assert f"[::1]:{six}->8000/tcp" in project.ok("ps").stdout
    project.ok("stop")
    assert answers(f"http://[::1]:{port}/who") is None
    with socket.socket(socket.AF_INET6) as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # connections of just now do not count
        other.bind(("::1", port))

"""How containers end, are stopped and come back; who reaches whom. The same steps on both sides, the same answers."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.conformance.engine.cases import IMAGE
from tests.conformance.engine.sides import Side, furnish
from tests.e2e.harness import until

pytestmark = [pytest.mark.root, pytest.mark.docker]

Steps = Callable[[Side], dict[str, object]]
LOOP = "while :; do sleep 0.05; done"

# name: lines of the service
ENDINGS = {
    "zero": 'command: ["true"]',
    "three": "command: [sh, -c, exit 3]",
    "init-three": "command: [sh, -c, exit 3]\ninit: true",
    "killed-child": "command: [sh, -c, 'sh -c \"kill -9 $$$$\"']",
    "killed-under-init": "command: [sh, -c, kill -9 $$$$]\ninit: true",
    "terminated-under-init": "command: [sh, -c, kill -15 $$$$]\ninit: true",
    "on-failure": "command: [sh, -c, echo begun; exit 1]\nrestart: on-failure:2",
    "on-failure-zero": "command: [sh, -c, echo begun]\nrestart: on-failure:2",
    "deploy-policy": "command: [sh, -c, echo begun; exit 1]\ndeploy: {restart_policy: {condition: on-failure, max_attempts: 1}}",
    "deploy-first": "command: [sh, -c, echo begun; exit 1]\nrestart: always\ndeploy: {restart_policy: {condition: none}}",
}
UNSTARTABLE = {
    "not-found": "command: [no-such-program]",
    "no-such-path": "command: [/no/such/program]",
    "not-executable": "command: [/etc/passwd]",
    "no-program": "command: [/broken]",
    "a-folder": "command: [/data]",
    "no-such-user": "user: nobody-here\ncommand: [sleep, infinity]",
    "no-such-device": "devices: [/dev/none-such]\ncommand: [sleep, infinity]",
}
STOPS = {
    "handles": f"command: [sh, -c, \"trap 'echo caught; exit 3' TERM; echo ready; {LOOP}\"]",
    "ignores": f'command: [sh, -c, "{LOOP}"]',
    "init": "command: [sleep, infinity]\ninit: true",
    "own-signal": f"command: [sh, -c, \"trap 'echo user; exit 5' USR1; echo ready; {LOOP}\"]\nstop_signal: SIGUSR1",
    "number": f"command: [sh, -c, \"trap 'echo int; exit 6' INT; echo ready; {LOOP}\"]\nstop_signal: '2'",
    "always": "command: [sleep, infinity]\ninit: true\nrestart: always",
    "unless-stopped": "command: [sleep, infinity]\ninit: true\nrestart: unless-stopped",
}


def compose(services: dict[str, str], top: str = "") -> str:
    lines = ["services:"]
    for name, text in services.items():
        lines += [f"  {name}:", f"    image: {IMAGE}", "    stop_grace_period: 1s"]
        lines += [f"    {line}" for line in text.splitlines()]
    return "\n".join(lines) + "\n" + top


def containers(side: Side) -> dict[str, dict[str, object]]:
    found = map(json.loads, side.run("ps", "-a", "--format", "json").stdout.splitlines())
    return {one["Service"]: one for one in found}


def ends(side: Side) -> dict[str, object]:
    return {name: (one["State"], one["ExitCode"]) for name, one in containers(side).items()}


def logs(side: Side, service: str) -> list[str]:
    text = side.run("logs", "--no-log-prefix", "--no-color", service).stdout
    return text.replace("\x1b[2K", "").split("\n")[:-1]


def both(sides: tuple[Side, Side], text: str, steps: Steps) -> None:
    """`steps` on each side of a project made of `text` give the same."""

    def one(side: Side) -> dict[str, object]:
        furnish(side.folder, text)
        try:
            return steps(side)
        finally:
            side.run("down", "-v", "-t", "0", "--remove-orphans")

    with ThreadPoolExecutor(2) as pool:
        ours, theirs = pool.map(one, sides)
    assert ours == theirs


def test_ends(sides: tuple[Side, Side]) -> None:
    def steps(side: Side) -> dict[str, object]:
        assert side.run("up", "-d").code == 0
        until(lambda: len(logs(side, "on-failure")) == 3 and len(logs(side, "deploy-policy")) == 2)
        until(lambda: {one["State"] for one in containers(side).values()} == {"exited"})
        said = {name: logs(side, name) for name in ("on-failure", "on-failure-zero", "deploy-policy")}
        return {**ends(side), "said": said}

    both(sides, compose(ENDINGS), steps)


@pytest.mark.parametrize("name", UNSTARTABLE)
def test_what_cannot_start(name: str, sides: tuple[Side, Side]) -> None:
    def steps(side: Side) -> dict[str, object]:
        up = side.run("up", "-d")
        # Docker tells no exit code of what never ran; Cais does, its own tests say which.
        until(lambda: containers(side)[name]["State"] != "running")
        return {"failed": up.code != 0, "state": containers(side)[name]["State"]}

    both(sides, compose({name: UNSTARTABLE[name]}), steps)


def test_stops(sides: tuple[Side, Side]) -> None:
    def steps(side: Side) -> dict[str, object]:
        assert side.run("up", "-d").code == 0
        until(lambda: all(logs(side, name) == ["ready"] for name in ("handles", "own-signal", "number")))
        assert side.run("stop").code == 0
        first = ends(side)
        said = {name: logs(side, name) for name in ("handles", "own-signal", "number")}
        assert side.run("start").code == 0
        running = {name: one["State"] for name, one in containers(side).items()}
        until(lambda: logs(side, "handles")[-1] == "ready")
        assert side.run("kill", "-s", "TERM", "handles", "init").code == 0
        until(lambda: containers(side)["handles"]["State"] == containers(side)["init"]["State"] == "exited")
        killed = ends(side)
        return {"stopped": first, "said": said, "running": running, "killed": killed}

    both(sides, compose(STOPS), steps)


WEB = "command: [sh, -c, 'echo {name} >/www/who; exec httpd -f -p 8000 -h /www']\ninit: true\n"
NETWORKS = "networks: {front: {}, back: {}, closed: {internal: true}}\n"
PEERS = {
    "web": WEB.format(name="web")
    + "networks: {front: {aliases: [shop, www.example.org]}, back: {}}\nhostname: named\ncontainer_name: conform-own-name",
    "db": WEB.format(name="db") + "networks: [back]",
    "closed": WEB.format(name="closed") + "networks: [closed]",
    "many": WEB.format(name="many") + "networks: [front]\nscale: 2",
    "asker": "command: [sleep, infinity]\ninit: true\nnetworks: [front]",
    "sidecar": "command: [sleep, infinity]\ninit: true\nnetwork_mode: service:web",
    "inside": "command: [sleep, infinity]\ninit: true\nnetworks: [closed]",
}
QUESTIONS = (
    *(("asker", f"http://{name}:8000/who") for name in ("web", "shop", "www.example.org", "conform-own-name", "many")),
    *(
        ("asker", f"http://{name}:8000/who")
        for name in ("named", "db", "closed", "SHOP", "shop.", "conform-many-2", "WeB")
    ),
    *(("sidecar", f"http://{name}:8000/who") for name in ("localhost", "127.0.0.1", "db", "web", "closed")),
    *(("inside", f"http://{name}:8000/who") for name in ("closed", "web", "db")),
)


def test_who_reaches_whom(sides: tuple[Side, Side]) -> None:
    def steps(side: Side) -> dict[str, object]:
        up = side.run("up", "-d")
        assert up.code == 0, up
        until(lambda: side.run("exec", "-T", "asker", "wget", "-q", "-O", "-", "http://many:8000/who").code == 0)
        found: dict[str, object] = {}
        for asker, url in QUESTIONS:
            said = side.run("exec", "-T", asker, "timeout", "3", "wget", "-q", "-O", "-", url)
            found[f"{asker} {url}"] = (said.code, said.stdout)
        for name in ("web", "many", "nobody", "db"):
            said = side.run(
                "exec",
                "-T",
                "asker",
                "sh",
                "-c",
                f"nslookup {name} 127.0.0.11 | grep '^Address' | grep -vc 127.0.0.11",
            )
            found[f"addresses of {name}"] = said.stdout
        found["outside"] = side.run("exec", "-T", "inside", "sh", "-c", "ip route | grep -c default").stdout
        return found

    both(sides, compose(PEERS, NETWORKS), steps)


PUBLISHED = {
    "web": WEB.format(name="web")
    + "ports: ['28891:8000', '127.0.0.1:28892:8000', '28893-28894:8000-8001', '127.0.0.1::8000']",
    "ranged": WEB.format(name="ranged") + "ports: ['28895-28896:8000']\nscale: 2",
    "shared": "command: [sleep, infinity]\ninit: true\nnetwork_mode: service:web",
    "udp": "command: [sh, -c, 'nc -u -l -p 5300']\ninit: true\nports: ['28897:5300/udp']",
}


def test_published_ports(sides: tuple[Side, Side]) -> None:
    def steps(side: Side) -> dict[str, object]:
        up = side.run("up", "-d")
        assert up.code == 0, up
        outward = side.beside(
            "sh", "-c", "ip -4 -o addr show scope global | grep -v 'cais-\\|br-\\|docker0' | head -1"
        ).stdout
        address = outward.split()[3].partition("/")[0]
        found: dict[str, object] = {}
        for host in ("127.0.0.1", address):
            for port in (28891, 28892, 28893, 28894, 28895, 28896):
                said = side.beside(
                    "busybox", "timeout", "3", "busybox", "wget", "-q", "-O", "-", f"http://{host}:{port}/who"
                )
                found[f"{host.replace(address, 'outward')}:{port}"] = (said.code, said.stdout)
        side.beside("sh", "-c", "echo datagram | busybox nc -u -w 1 127.0.0.1 28897")
        found["udp"] = logs(side, "udp")
        for words in (("web", "8001"), ("--protocol", "udp", "udp", "5300")):
            found[" ".join(words)] = side.run("port", *words).stdout
        found["hairpin"] = side.run(
            "exec", "-T", "udp", "timeout", "3", "wget", "-q", "-O", "-", f"http://{address}:28891/who"
        ).stdout
        return found

    both(sides, compose(PUBLISHED), steps)

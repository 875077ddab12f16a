"""The support table names every attribute of the schema, and the documentation is made from it."""

from __future__ import annotations

import os.path

import msgspec
import pytest
from tests.unit.compose.conftest import Loader

from cais.compose import schema, support
from cais.compose.support import ROWS, State

DOCUMENT = os.path.join(os.path.dirname(__file__), "../../../docs/compose-support.md")


def test_the_document_is_the_table() -> None:
    with open(DOCUMENT, encoding="utf-8") as file:
        assert file.read() == support.markdown(), "write support.markdown() to docs/compose-support.md"


def test_every_attribute_of_the_schema_has_a_row() -> None:
    definitions = msgspec.json.decode(schema._read_schema())["$defs"]
    wanted = {
        f"services.*.{name}"
        for part in ("service", "container_spec", "workload_spec")
        for name in definitions[part]["properties"]
    }
    wanted |= {
        f"services.*.build.{name}"
        for name in definitions["workload_spec"]["properties"]["build"]["oneOf"][1]["properties"]
    }
    wanted |= {f"services.*.deploy.{name}" for name in definitions["deployment"]["properties"] if name != "resources"}
    wanted |= {f"{kind}s.*.{name}" for kind in ("network", "volume") for name in definitions[kind]["properties"]}
    assert sorted(wanted - {row.path for row in ROWS}) == []
    assert len({row.path for row in ROWS}) == len(ROWS)


def test_what_is_not_honoured_has_words() -> None:
    assert [row.path for row in ROWS if row.state is not State.HONOURED and not row.words] == []


@pytest.mark.parametrize(
    ("text", "warnings"),
    [
        ("isolation: process", ['"isolation" of service "a" has no effect: for Windows containers']),
        (
            "storage_opt: {size: 1G}",
            ['"storage_opt" of service "a" has no effect: overlayfs has no such options'],
        ),
        (
            "volumes: ['./a:/b:z']",
            ['"volumes.bind.selinux" of service "a" has no effect: files are not relabelled for SELinux'],
        ),
        (
            "logging: {driver: syslog}",
            ['"logging.driver: syslog" of service "a" has no effect: logs are kept in files, as with json-file'],
        ),
        ("cpu_count: 0", []),
        ("x-own: {isolation: process}", []),
        ("environment: {isolation: process}", []),
    ],
)
def test_warnings(loader: Loader, text: str, warnings: list[str]) -> None:
    assert [told.message for told in loader.project(f"services: {{a: {{image: x, {text}}}}}").warnings] == warnings


@pytest.mark.parametrize(
    ("text", "error"),
    [
        (
            "services: {a: {image: x, gpus: all}}",
            '1:26: "gpus" of service "a" is not supported: GPUs are not handed in yet; name their device files under devices',
        ),
        (
            "services: {a: {image: x, ports: ['1:1/sctp']}}",
            '1:34: "ports.protocol: sctp" of service "a" is not supported: ports are tcp or udp',
        ),
        (
            "services: {a: {image: x, networks: [n]}}\nnetworks: {n: {driver: macvlan}}",
            '2:24: "networks.n.driver: macvlan" is not supported: networks are bridges',
        ),
        (
            "services: {a: {image: x, secrets: [s]}}\nsecrets: {s: {external: true}}",
            (
                '2:15: "secrets.s.external" is not supported: there is no store that would have it; give a file or a variable'
            ),
        ),
    ],
)
def test_refusals(loader: Loader, text: str, error: str) -> None:
    assert [str(told) for told in loader.project(text).refusals] == [f"compose.yaml:{error}"]


@pytest.mark.parametrize(
    ("text", "warnings", "refusals"),
    [
        ("enable_ipv6: true, ipam: {config: [{subnet: 10.1.0.0/24}, {subnet: 'fd00::/64'}]}", [], []),
        (
            "ipam: {config: [{subnet: 'fd00::/64'}]}",
            ['IPv6 subnet of network "n" has no effect: it has no IPv6'],
            [],
        ),
        (
            "ipam: {config: [{subnet: 10.1.0.0/24}, {subnet: 10.2.0.0/24}]}",
            [],
            ['network "n" has several IPv4 subnets, which a bridge cannot have'],
        ),
        ("enable_ipv4: false", [], ['network "n" without IPv4 is not supported']),
        (
            "driver_opts: {com.docker.network.driver.nonsense: 1}",
            ['driver option "com.docker.network.driver.nonsense" of network "n" has no effect'],
            [],
        ),
        (
            "driver_opts: {com.docker.network.bridge.gateway_mode_ipv4: routed}",
            [],
            ['driver option "com.docker.network.bridge.gateway_mode_ipv4" of network "n" is not supported'],
        ),
        ("driver_opts: {com.docker.network.driver.mtu: 1300}", [], []),
    ],
)
def test_options_of_networks(loader: Loader, text: str, warnings: list[str], refusals: list[str]) -> None:
    project = loader.project(f"services: {{a: {{image: x, networks: [n]}}}}\nnetworks: {{n: {{{text}}}}}")
    assert [told.message for told in project.warnings] == warnings
    assert [told.message for told in project.refusals] == refusals


def test_disabled_services_are_not_judged(loader: Loader) -> None:
    assert loader.project("services: {a: {image: x}, b: {image: x, gpus: all, profiles: [p]}}").warnings == ()


@pytest.mark.parametrize(
    ("text", "refusals"),
    [
        ("uts: host, hostname: a", ['service "a" has both "uts: host" and "hostname"']),
        ("cpus: 1, cpu_quota: 5", ['service "a" has both "cpus" and "cpu_quota"']),
        ("mem_swappiness: 101", ['"mem_swappiness" of service "a" is 101, not between -1 and 100']),
        ("memswap_limit: 1g", ['service "a" has a "memswap_limit" without a "mem_limit"']),
        (
            "memswap_limit: 1g, mem_limit: 2g",
            ['"memswap_limit" of service "a" is less than its memory limit: it counts memory and swap together'],
        ),
        ("memswap_limit: -1", []),
        ("memswap_limit: 2g, mem_limit: 2g", []),
        ("memswap_limit: 2g, deploy: {resources: {limits: {memory: 1g}}}", []),
        ("cgroup_parent: a.slice", ['"cgroup_parent" of service "a" is "a.slice", which is no path of a cgroup']),
        ("cgroup_parent: /a/../b", ['"cgroup_parent" of service "a" is "/a/../b", which is no path of a cgroup']),
        ("cgroup_parent: /a/b", []),
        ("logging: {options: {max-sise: 1m}}", ['logging option "max-sise" of service "a" is not known']),
        ("logging: {driver: local, options: {max-size: 1m}}", []),
        ("logging: {driver: gelf, options: {gelf-address: x}}", []),
        (
            "userns_mode: auto",
            ['"userns_mode: auto" of service "a" is not supported: containers have no user namespace of their own'],
        ),
        ("runtime: runsc", ['"runtime: runsc" of service "a" is not supported: containers run on crun or runc']),
    ],
)
def test_what_contradicts_itself_is_shown_and_not_run(loader: Loader, text: str, refusals: list[str]) -> None:
    project = loader.project(f"services: {{a: {{image: x, {text}}}}}")
    assert [told.message for told in project.refusals] == refusals


def test_an_attribute_without_effect_is_said_in_one_line(loader: Loader) -> None:
    text = "services: {a: {image: x, isolation: x}, b: {image: x, isolation: x}, c: {image: x, isolation: y}}"
    assert [str(told) for told in loader.project(text).warnings] == [
        'compose.yaml:1:26: "isolation" of service "a" (and 2 more) has no effect: for Windows containers'
    ]

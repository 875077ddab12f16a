"""One row a rule of merging. All of it was compared with compose-go 2."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.compose.conftest import Loader


def merged(loader: Loader, base: str, over: str) -> dict[str, Any]:
    top = "\nvolumes: {vol: , wol: }\nnetworks: {one: , two: }\nsecrets: {s: {file: s}}"
    tree = loader.rendered(
        f"services: {{a: {{image: x, {base}}}, db: {{image: x}}}}{top}",
        f"services: {{a: {{{over}}}}}",
        files={"e": "", "f": ""},
    )
    service: dict[str, Any] = tree["services"]["a"]
    return service


@pytest.mark.parametrize(
    ("base", "over", "attribute", "value"),
    [
        ("user: a", "user: b", "user", "b"),
        ("command: [a, b]", "command: [c]", "command", ["c"]),
        ("command: [a]", "command: !reset null", "command", None),
        ("entrypoint: [a]", "entrypoint: []", "entrypoint", []),
        ("environment: [A=1, B=2]", "environment: {B: '3', C: '4'}", "environment", {"A": "1", "B": "3", "C": "4"}),
        ("environment: [A=1]", "environment: !override {B: '2'}", "environment", {"B": "2"}),
        ("environment: [A=1, B=2]", "environment: {A: !reset null}", "environment", {"B": "2"}),
        ("labels: {a: x}", "labels: [b=y]", "labels", {"a": "x", "b": "y"}),
        ("cap_add: [A, B]", "cap_add: [B, C]", "cap_add", ["A", "B", "C"]),
        ("dns: 1.1.1.1", "dns: [2.2.2.2]", "dns", ["1.1.1.1", "2.2.2.2"]),
        ("security_opt: [a]", "security_opt: [b]", "security_opt", ["a", "b"]),
        ("cap_add: [A]", "cap_add: !override [B]", "cap_add", ["B"]),
        ("cap_add: [A]", "cap_add: !reset []", "cap_add", None),
        (
            "extra_hosts: ['a:1.1.1.1']",
            "extra_hosts: {a: 2.2.2.2, b: 3.3.3.3}",
            "extra_hosts",
            ["a=1.1.1.1", "a=2.2.2.2", "b=3.3.3.3"],
        ),
        (
            "healthcheck: {test: [CMD, a], retries: 2}",
            "healthcheck: {test: b}",
            "healthcheck",
            {"test": ["CMD-SHELL", "b"], "retries": 2},
        ),
        (
            "ulimits: {nofile: 1}",
            "ulimits: {nofile: {soft: 2, hard: 3}, nproc: 4}",
            "ulimits",
            {"nofile": {"soft": 2, "hard": 3}, "nproc": 4},
        ),
        (
            "logging: {driver: json-file, options: {a: '1'}}",
            "logging: {options: {b: '2'}}",
            "logging",
            {"driver": "json-file", "options": {"a": "1", "b": "2"}},
        ),
        (
            "logging: {driver: json-file, options: {a: '1'}}",
            "logging: {driver: local, options: {b: '2'}}",
            "logging",
            {"driver": "local", "options": {"b": "2"}},
        ),
        (
            "depends_on: [db]",
            "depends_on: {db: {condition: service_healthy}}",
            "depends_on",
            {"db": {"condition": "service_healthy", "required": True}},
        ),
        (
            "networks: [one]",
            "networks: {one: {aliases: [q]}, two: }",
            "networks",
            {"one": {"aliases": ["q"]}, "two": None},
        ),
        (
            "build: .",
            "build: {target: t, args: [A=1]}",
            "build",
            {"dockerfile": "Dockerfile", "context": "/p", "target": "t", "args": {"A": "1"}},
        ),
        ("build: ./x", "build: ./y", "build", {"dockerfile": "Dockerfile", "context": "/p/y"}),
        ("tmpfs: /a", "tmpfs: [/a, /b]", "tmpfs", ["/a", "/b"]),
        (
            "devices: [/dev/a]",
            "devices: ['/dev/z:/dev/a']",
            "devices",
            [{"source": "/dev/z", "target": "/dev/a", "permissions": "rwm"}],
        ),
    ],
)
def test_rows(loader: Loader, base: str, over: str, attribute: str, value: Any) -> None:
    assert merged(loader, base, over).get(attribute) == value


def test_ports_are_added_and_the_same_one_is_not_added_twice(loader: Loader) -> None:
    ports = merged(loader, "ports: ['80:80', '90:90/udp']", "ports: ['80:80', '81:80']")["ports"]
    assert [(port["published"], port["target"], port["protocol"]) for port in ports] == [
        ("80", 80, "tcp"),
        ("90", 90, "udp"),
        ("81", 80, "tcp"),
    ]


def test_volumes_are_told_apart_by_their_target(loader: Loader) -> None:
    volumes = merged(loader, "volumes: ['./a:/x', 'vol:/y']", "volumes: ['wol:/x:ro', /z]")["volumes"]
    assert [(v["type"], v.get("source"), v["target"]) for v in volumes] == [
        ("volume", "wol", "/x"),
        ("volume", "vol", "/y"),
        ("volume", None, "/z"),
    ]


def test_secrets_are_told_apart_by_their_target(loader: Loader) -> None:
    secrets = merged(loader, "secrets: [s]", "secrets: [{source: s, mode: 0400}, {source: s, target: t}]")["secrets"]
    assert [(secret["target"], secret.get("mode")) for secret in secrets] == [
        ("/run/secrets/s", "0400"),
        ("t", None),
    ]


def test_a_later_document_of_a_file_merges_over_the_earlier(loader: Loader) -> None:
    project = loader.project("services: {a: {image: x}}\n---\nservices: {a: {user: b}}")
    assert (project.services["a"].image, project.services["a"].user) == ("x", "b")


def test_a_service_can_be_taken_out(loader: Loader) -> None:
    project = loader.project("services: {a: {image: x}, b: {image: x}}", "services: {b: !reset null}")
    assert list(project.services) == ["a"]


def test_pools_of_one_subnet_merge(loader: Loader) -> None:
    project = loader.project(
        "services: {a: {image: x, networks: [n]}}\nnetworks: {n: {ipam: {config: [{subnet: 10.0.0.0/24, gateway: 10.0.0.1}]}}}",
        "networks: {n: {ipam: {config: [{subnet: 10.0.0.0/24, ip_range: 10.0.0.0/25}, {subnet: 10.1.0.0/24}]}}}",
    )
    assert [(pool.subnet, pool.gateway) for pool in project.networks["n"].ipam] == [
        ("10.0.0.0/24", "10.0.0.1"),
        ("10.1.0.0/24", ""),
    ]

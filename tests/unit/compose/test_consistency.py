from __future__ import annotations

import pytest
from tests.unit.compose.conftest import Loader


@pytest.mark.parametrize(
    ("text", "errors"),
    [
        ("services: {a: {command: x}}", ['1:12: service "a" has neither an image nor a build']),
        (
            "services: {a: {build: {dockerfile: a, dockerfile_inline: b}}}",
            ['1:58: the build of service "a" has both "dockerfile" and "dockerfile_inline"'],
        ),
        (
            "services: {a: {image: x, networks: [n]}}",
            ['1:37: service "a" refers to the network "n", which is not defined'],
        ),
        (
            "services: {a: {image: x, volumes: ['data:/x']}}",
            ['1:36: service "a" refers to the volume "data", which is not defined'],
        ),
        (
            "services: {a: {image: x, secrets: [s], configs: [c]}}",
            [
                '1:36: service "a" refers to the secret "s", which is not defined',
                '1:50: service "a" refers to the config "c", which is not defined',
            ],
        ),
        ("services: {a: {image: x, depends_on: [b]}}", ['1:39: service "a" depends on "b", which is not defined']),
        (
            "services: {a: {image: x, depends_on: [b]}, b: {image: x, profiles: [q]}}",
            ['1:39: service "a" depends on "b", whose profile is not active'],
        ),
        (
            "services: {a: {image: x, network_mode: host, networks: [default]}}",
            ['1:40: service "a" has both "network_mode" and "networks"'],
        ),
        (
            "services: {a: {image: x, network_mode: 'service:z'}}",
            ['1:40: service "a" depends on "z", which is not defined'],
        ),
        (
            "services: {a: {image: x, restart: sometimes}}",
            ['1:35: "restart" of service "a" is "sometimes", which is no policy'],
        ),
        (
            "services: {a: {image: x, mem_limit: 1g, deploy: {resources: {limits: {memory: 2g}}}}}",
            [
                '1:37: service "a" says "mem_limit" and, otherwise, "deploy.resources.limits.memory", at compose.yaml:1:79'
            ],
        ),
        (
            "services: {a: {image: x, container_name: nn, scale: 2}}",
            ['1:53: service "a" has 2 replicas and one container_name'],
        ),
        ("services: {a: {image: x, scale: -1}}", ['1:33: service "a" cannot have -1 replicas']),
        (
            "services: {a: {image: x, container_name: nn}, b: {image: x, container_name: nn}}",
            ['1:77: services "a" and "b" have the same container_name "nn"'],
        ),
        ("services: {a: {image: x}}\nsecrets: {s: {}}", ['2:11: secret "s" does not say where its content is']),
        ("services: {a: {image: x}}\nconfigs: {c: {file: f, content: x}}", ['2:11: config "c" has file and content']),
        (
            "services: {a: {image: x}}\nvolumes: {v: {external: true, driver: local}}",
            ['2:11: volume "v" is external and cannot have driver'],
        ),
        ("services: {a: {image: x, env_file: no.env}}", ['1:36: the env_file "/p/no.env" does not exist']),
        (
            "services: {a: {build: {additional_contexts: {b: 'service:z'}}}}",
            ['1:49: service "a" takes the build context "b" from "z", which is not defined'],
        ),
    ],
)
def test_rules(loader: Loader, text: str, errors: list[str]) -> None:
    assert loader.errors(text) == [f"compose.yaml:{error}" for error in errors]


def test_a_circle_is_told_with_its_places(loader: Loader) -> None:
    text = """
services:
  a: {image: x, depends_on: [b]}
  b: {image: x, depends_on: {c: {condition: service_healthy}}}
  c: {image: x, depends_on: [a]}
  d: {image: x, depends_on: [a]}
"""
    assert loader.errors(text) == ["compose.yaml:3:30: services depend on each other in a circle: a -> b -> c -> a"]


def test_disabled_services_are_not_looked_at(loader: Loader) -> None:
    project = loader.project("services: {a: {image: x}, b: {networks: [no], env_file: no.env, profiles: [p]}}")
    assert list(project.disabled) == ["b"]


def test_what_is_optional_may_be_absent(loader: Loader) -> None:
    text = "services: {a: {image: x, env_file: [{path: no.env, required: false}]}}"
    assert loader.project(text).services["a"].environment == {}


def test_one_error_is_told_once(loader: Loader) -> None:
    assert len(loader.errors("services: {a: {image: [], build: [], ports: [x]}}")) == 3
    assert len(loader.errors("services: {a: {buidl: .}}")) == 1


def test_a_long_chain_of_dependencies(loader: Loader) -> None:
    lines = [f"  s{n}: {{image: x, depends_on: [{f's{n + 1}' if n < 1499 else ''}]}}" for n in range(1500)]
    assert len(loader.project("services:\n" + "\n".join(lines)).services) == 1500

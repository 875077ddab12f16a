"""What `cais config` prints loads to the same project again."""

from __future__ import annotations

from typing import Any

import msgspec
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.unit.compose.conftest import model
from tests.unit.compose.test_any_text import attempt, scalars, shown

from cais.compose import render
from cais.compose.loader import bind_project
from cais.compose.model.project import Project

ATTRIBUTES = {
    "command": st.one_of(st.text(max_size=10), st.lists(st.text(max_size=5), max_size=3), st.none()),
    "entrypoint": st.one_of(st.text(max_size=6), st.lists(st.text(max_size=5), max_size=2)),
    "environment": st.one_of(
        st.dictionaries(st.text(min_size=1, max_size=4), scalars, max_size=3),
        st.lists(st.text(min_size=1, max_size=6), max_size=3, unique=True),
    ),
    "ports": st.lists(
        st.sampled_from(
            [
                "80",
                "80:80",
                "1-3:1-3",
                "127.0.0.1::8",
                "[::1]:8:9/udp",
                "9000-9005:80",
                3000,
                {"target": 80},
                {"target": 80, "published": "80-90"},
            ]
        ),
        max_size=3,
        unique_by=str,
    ),
    "volumes": st.lists(
        st.sampled_from(
            [
                "./a:/b",
                "/c",
                "vol:/d:ro",
                "~/x:/z:rslave,ro",
                {"type": "tmpfs", "target": "/t", "tmpfs": {"size": "1m", "mode": 0o755}},
                {"type": "bind", "source": ".", "target": "/q", "bind": {"create_host_path": False}},
            ]
        ),
        max_size=3,
        unique_by=str,
    ),
    "healthcheck": st.fixed_dictionaries(
        {},
        optional={
            "test": st.one_of(st.text(max_size=4), st.sampled_from([["CMD", "a"], ["NONE"], []])),
            "interval": st.sampled_from(["5s", "1m3.5s", "100ms", "1ns", "2h", "1d"]),
            "retries": st.integers(0, 5),
            "disable": st.booleans(),
        },
    ),
    "deploy": st.fixed_dictionaries(
        {},
        optional={
            "replicas": st.integers(0, 1),
            "resources": st.just({"limits": {"cpus": "0.25", "memory": "1g"}}),
            "restart_policy": st.just({"condition": "any", "delay": "5s"}),
        },
    ),
    "build": st.sampled_from(
        [
            ".",
            {
                "context": ".",
                "args": ["A=1", "V"],
                "ulimits": {"nofile": 3},
                "shm_size": "1m",
                "additional_contexts": {"q": "./n"},
            },
            {"dockerfile_inline": "FROM x\nRUN $$y\n", "secrets": ["sec", {"source": "sec", "target": "id"}]},
            "https://x/y.git",
        ]
    ),
    "mem_limit": st.sampled_from(["1g", 1000, "1.5k", "-1"]),
    "stop_grace_period": st.sampled_from(["1m", "0s", "1.5s"]),
    "ulimits": st.just({"nofile": 5, "nproc": {"soft": 1, "hard": 2}}),
    "extra_hosts": st.sampled_from([["a:1.1.1.1", "b=::1"], {"a": ["1.1.1.1", "2.2.2.2"]}]),
    "labels": st.sampled_from(
        [["a=b", "c"], {"a": 1, "b": None, "o": "0o17", "e": "1e3", "n": "yes", "d": "2001-01-01"}]
    ),
    "networks": st.sampled_from([["default"], {"default": {"aliases": ["q"]}}]),
    "depends_on": st.sampled_from([["b"], {"b": {"condition": "service_healthy", "required": False}}]),
    "logging": st.just({"driver": "json-file", "options": {"max-size": 3}}),
    "tmpfs": st.sampled_from(["/a", ["/a", "/b:size=1m"]]),
    "devices": st.just(["/dev/a"]),
    "cpus": st.sampled_from([0.5, "1", 2]),
    "secrets": st.just(["sec", {"source": "sec", "target": "q", "mode": "0400"}]),
    "restart": st.sampled_from(["no", "always", "on-failure:2"]),
    "x-cais": st.just({"restart-unhealthy": True}),
}
services = st.fixed_dictionaries({"image": st.just("i")}, optional=ATTRIBUTES)


@given(services)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_yaml_and_json_load_to_the_same_model(service: dict[str, Any]) -> None:
    tree = {
        "services": {"a": service, "b": {"image": "i"}},
        "volumes": {"vol": {}},
        "secrets": {"sec": {"file": "./s"}},
    }
    loaded = attempt(yaml.dump(tree, Dumper=yaml.CSafeDumper, allow_unicode=True))
    if loaded is None:
        return  # a value that is not allowed there; test_any_text has looked at the error
    project = bind_project(loaded)
    # As the command line remembers it (cli/loadmemo.py).
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(project), type=Project) == project
    for text in (render.to_yaml(shown(loaded)), render.to_json(shown(loaded))):
        again = attempt(text)
        assert again is not None, text
        assert model(bind_project(again)) == model(project), text

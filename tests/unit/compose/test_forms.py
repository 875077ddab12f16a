"""Short to long: one table a kind of attribute. What Compose makes of each was compared with compose-go 2."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.compose.conftest import Loader

from cais.compose.model.blkio import BlkioConfig, DeviceRate
from cais.compose.model.build import Build, BuildSecret
from cais.compose.model.mounts import ServiceMount
from cais.compose.model.ports import Port
from cais.compose.model.service import Condition, Dependency, Healthcheck, ServiceNetwork, Ulimit


@pytest.mark.parametrize(
    ("text", "attribute", "value"),
    [
        ('command: echo \'a b\' c\\ d "e\\"f"', "command", ("echo", "a b", "c d", 'e"f')),
        ("command: echo `a b` $$(c d)", "command", ("echo", "`a b`", "$(c d)")),
        ("command: [a, '1', '$$x']", "command", ("a", "1", "$x")),
        ("command: ''", "command", ()),
        ("command: null", "command", None),
        ("entrypoint: []", "entrypoint", ()),
        ("environment: [A=1, B=, C, D=x=y]", "environment", {"A": "1", "B": "", "C": "from-env", "D": "x=y"}),
        ("environment: {A: 1, B: true, C: , U: }", "environment", {"A": "1", "B": "true", "C": "from-env", "U": None}),
        ("labels: [a=b, c]", "labels", {"a": "b", "c": ""}),
        ("labels: {a: 1.5, b: null}", "labels", {"a": "1.5", "b": ""}),
        ("dns: 1.1.1.1", "dns", ("1.1.1.1",)),
        ("group_add: [1, x]", "group_add", ("1", "x")),
        ("expose: [80, '3000-3005']", "expose", ("80", "3000-3005")),
        (
            "extra_hosts: ['a:1.1.1.1', 'b=::1', 'c:[::2]']",
            "extra_hosts",
            (("a", "1.1.1.1"), ("b", "::1"), ("c", "::2")),
        ),
        ("extra_hosts: {a: [1.1.1.1, 2.2.2.2]}", "extra_hosts", (("a", "1.1.1.1"), ("a", "2.2.2.2"))),
        (
            "ulimits: {nofile: 10, nproc: {soft: 1, hard: 2}}",
            "ulimits",
            {"nofile": Ulimit(soft=10, hard=10), "nproc": Ulimit(soft=1, hard=2)},
        ),
        (
            "devices: [/dev/a, '/dev/a:/dev/b', '/dev/a:/dev/c:r']",
            "devices",
            ("/dev/a:/dev/a:rwm", "/dev/a:/dev/b:rwm", "/dev/a:/dev/c:r"),
        ),
        ("stop_grace_period: 1m30s", "stop_grace_period", 90.0),
        ("mem_limit: 1.5g", "mem_limit", 3 << 29),
        ("mem_limit: 1000000000", "mem_limit", 10**9),
        ("memswap_limit: -1", "memswap_limit", -1),
        ("shm_size: 64 mb", "shm_size", 64 << 20),
        ("cpus: '0.5'", "cpus", 0.5),
        ("tty: 'yes'", "tty", True),
        ("pids_limit: '10'", "pids_limit", 10),
        ("sysctls: {net.core.somaxconn: 1024}", "sysctls", {"net.core.somaxconn": "1024"}),
        ("cpu_rt_runtime: 400ms", "cpu_rt_runtime", 400_000),
        ("cpu_rt_period: 1400", "cpu_rt_period", 1400),
        ("cpu_quota: '25000'", "cpu_quota", 25_000),
        ("mem_swappiness: 10", "mem_swappiness", 10),
        ("storage_opt: {size: 1G}", "storage_opt", {"size": "1G"}),
        ("device_cgroup_rules: ['c 1:3 mr']", "device_cgroup_rules", ("c 1:3 mr",)),
        ("umask: 0027", "umask", 0o27),
        ("umask: null", "umask", None),
        ("pid: null", "pid", ""),
        (
            "blkio_config: {weight: 300, device_read_bps: [{path: /dev/a, rate: 2mb}], device_write_iops: [{path: /dev/a, rate: '7'}]}",
            "blkio_config",
            BlkioConfig(
                weight=300,
                device_read_bps=(DeviceRate(path="/dev/a", rate=2 << 20),),
                device_write_iops=(DeviceRate(path="/dev/a", rate=7),),
            ),
        ),
        (
            "networks: {default: {gw_priority: 2, interface_name: in0, link_local_ips: [169.254.1.9], driver_opts: {a: 1}}}",
            "networks",
            {
                "default": ServiceNetwork(
                    gw_priority=2, interface_name="in0", link_local_ips=("169.254.1.9",), driver_opts={"a": "1"}
                )
            },
        ),
        ("networks: {default: {aliases: [b]}}", "networks", {"default": ServiceNetwork(aliases=("b",))}),
        ("env_file: []", "env_file", ()),
        (
            "healthcheck: {test: curl x, interval: 5s}",
            "healthcheck",
            Healthcheck(test=("CMD-SHELL", "curl x"), interval=5.0),
        ),
        ("healthcheck: {disable: true}", "healthcheck", Healthcheck(disable=True)),
        ("build: ./x", "build", Build(context="/p/x")),
        (
            "build: {target: t, args: [A=1, C, U]}",
            "build",
            Build(context="/p", target="t", args={"A": "1", "C": "from-env"}),
        ),
        ("build: https://h/r.git", "build", Build(context="https://h/r.git")),
        (
            "build: {context: /c, additional_contexts: {n: ./n, i: 'docker-image://x', u: 'https://h'}}",
            "build",
            Build(context="/c", additional_contexts={"n": "/p/n", "i": "docker-image://x", "u": "https://h"}),
        ),
        (
            "build: {ulimits: {nofile: 3}, extra_hosts: ['a=1.1.1.1']}",
            "build",
            Build(context="/p", ulimits={"nofile": (3, 3)}, extra_hosts=(("a", "1.1.1.1"),)),
        ),
    ],
)
def test_values(loader: Loader, text: str, attribute: str, value: Any) -> None:
    service = loader.service(text, env={"C": "from-env"})
    assert getattr(service, attribute) == value


@pytest.mark.parametrize(
    ("text", "ports"),
    [
        ("80", (Port(target=80),)),
        ("'80:8080'", (Port(target=8080, published="80"),)),
        ("'0:80'", (Port(target=80),)),
        ("'53:53/udp'", (Port(target=53, published="53", protocol="udp"),)),
        ("'127.0.0.1:80:81'", (Port(target=81, published="80", host_ip="127.0.0.1"),)),
        ("'127.0.0.1::81'", (Port(target=81, host_ip="127.0.0.1"),)),
        ("'[::1]:80:81'", (Port(target=81, published="80", host_ip="::1"),)),
        ("'80-81:90-91'", (Port(target=90, published="80"), Port(target=91, published="81"))),
        ("'90-91'", (Port(target=90), Port(target=91))),
        ("'8000-8010:80'", (Port(target=80, published="8000-8010"),)),
        ("{target: '80', published: 8080, name: web}", (Port(target=80, published="8080", name="web"),)),
    ],
)
def test_ports(loader: Loader, text: str, ports: tuple[Port, ...]) -> None:
    assert loader.service(f"ports: [{text}]").ports == ports


@pytest.mark.parametrize(
    ("text", "mount"),
    [
        ("./a:/b", ServiceMount(type="bind", source="/p/a", target="/b")),
        ("../a:/b:ro", ServiceMount(type="bind", source="/a", target="/b", read_only=True)),
        (
            "~/a:/b:rw,z,rslave",
            ServiceMount(type="bind", source="/home/ana/a", target="/b", bind_selinux="z", bind_propagation="rslave"),
        ),
        ("/a:/b:cached", ServiceMount(type="bind", source="/a", target="/b")),
        ("data:/b:nocopy", ServiceMount(type="volume", source="data", target="/b", volume_nocopy=True)),
        ("/b", ServiceMount(type="volume", target="/b")),
        (
            "{type: tmpfs, target: /b, tmpfs: {size: 1m, mode: 0755}}",
            ServiceMount(type="tmpfs", target="/b", tmpfs_size=1 << 20, tmpfs_mode=0o755),
        ),
        (
            "{type: bind, source: ., target: /b, bind: {create_host_path: false}}",
            ServiceMount(type="bind", source="/p", target="/b", bind_create_host_path=False),
        ),
        (
            "{type: volume, source: data, target: /b, volume: {subpath: s}}",
            ServiceMount(type="volume", source="data", target="/b", volume_subpath="s"),
        ),
    ],
)
def test_volumes(loader: Loader, text: str, mount: ServiceMount) -> None:
    quoted = text if text.startswith("{") else f'"{text}"'
    project = loader.project(
        f"services: {{a: {{image: x, volumes: [{quoted}]}}}}\nvolumes: {{data: }}", env={"HOME": "/home/ana"}
    )
    assert project.services["a"].volumes == (mount,)


def test_depends_on(loader: Loader) -> None:
    text = "services: {a: {image: x, depends_on: [b]}, b: {image: x}, c: {image: x, depends_on: {b: {condition: service_healthy, restart: true}}}}"
    services = loader.project(text).services
    assert services["a"].depends_on == {"b": Dependency()}
    assert services["c"].depends_on == {"b": Dependency(condition=Condition.HEALTHY, restart=True)}


def test_what_implies_a_start_order(loader: Loader) -> None:
    text = "services: {a: {image: x, network_mode: 'service:b', links: ['c:d']}, b: {image: x}, c: {image: x}}"
    service = loader.project(text).services["a"]
    assert service.depends_on == {"b": Dependency(restart=True), "c": Dependency(restart=True)}
    assert service.networks == {}


def test_secrets_and_configs(loader: Loader) -> None:
    text = """
services:
  a:
    image: x
    secrets: [s, {source: s, target: t, mode: 0440}, {source: s, target: /abs, mode: "0400"}]
    configs: [c, {source: c, target: t}]
    build: {secrets: [s, {source: s, target: id}]}
secrets: {s: {environment: S}}
configs: {c: {content: "k: $$v"}}
"""
    project = loader.project(text)
    service = project.services["a"]
    assert [(ref.target, ref.mode) for ref in service.secrets] == [
        ("/run/secrets/s", None),
        ("/run/secrets/t", 0o440),
        ("/abs", 0o400),
    ]
    assert [ref.target for ref in service.configs] == ["/c", "/t"]
    assert service.build is not None
    assert service.build.secrets == (BuildSecret(source="s", target="s"), BuildSecret(source="s", target="id"))
    assert project.configs["c"].content == "k: $v"


def test_names_of_resources(loader: Loader) -> None:
    text = """
services: {a: {image: x, networks: [n, e, named, old], volumes: ['v:/v', 'w:/w']}}
networks: {n: , e: {external: true}, named: {name: own}, old: {external: {name: legacy}}}
volumes: {v: , w: {external: true, name: mine}}
"""
    project = loader.project(text)
    assert {key: (item.name, item.external) for key, item in project.networks.items()} == {
        "n": ("p_n", False),
        "e": ("e", True),
        "named": ("own", False),
        "old": ("legacy", True),
    }
    assert {key: item.name for key, item in project.volumes.items()} == {"v": "p_v", "w": "mine"}


def test_deploy(loader: Loader) -> None:
    text = "deploy: {replicas: '2', resources: {limits: {cpus: '0.5', memory: 1g}}, restart_policy: {condition: on-failure, max_attempts: 3}}"
    service = loader.service(text)
    assert service.replicas == 2
    assert service.deploy is not None
    assert service.deploy.limits is not None
    assert (service.deploy.limits.cpus, service.deploy.limits.memory) == (0.5, 1 << 30)


@pytest.mark.parametrize(
    ("text", "error"),
    [
        (
            "ports: ['80:x']",
            ':4:13: "ports[0]" of service "a": "80:x" is not a port: "x" is neither a port number nor a range of them',
        ),
        (
            "ports: ['1-2:1-3']",
            ':4:13: "ports[0]" of service "a": "1-2:1-3" is not a port: the ranges 1-2 and 1-3 have different lengths',
        ),
        (
            "ports: ['host:1:1']",
            ':4:13: "ports[0]" of service "a": "host:1:1" is not a port: "host" is not an IP address',
        ),
        ("ports: [70000]", ':4:13: "ports[0]" of service "a": "70000" is not a port: ports lie between 1 and 65535'),
        ("ports: [{published: 1}]", ':4:13: "ports[0]" of service "a" is not a port: it has no "target"'),
        (
            "volumes: ['./a:b']",
            ':4:15: "volumes[0]" of service "a" mounts on "b", which is not an absolute path in the container',
        ),
        (
            "volumes: ['a:/b:ro:z']",
            ':4:15: "volumes[0]" of service "a": "a:/b:ro:z" is not a volume: there are too many colons',
        ),
        (
            "volumes: [{type: bind, target: /b}]",
            ':4:15: "volumes[0]" of service "a" is of type "bind" and has no "source"',
        ),
        ("tty: maybe", ':4:10: "tty" of service "a" must be true or false, not the text "maybe"'),
        ("mem_limit: lots", ':4:16: "mem_limit" of service "a" must be a size such as "512m", not the text "lots"'),
        (
            "stop_grace_period: '10'",
            ':4:24: "stop_grace_period" of service "a" must be a duration such as "1m30s", not the text "10"',
        ),
        ("command: echo 'a", ':4:14: "command" of service "a": \' at character 6 is not closed'),
        (
            "extra_hosts: [alone]",
            ':4:19: "extra_hosts[0]" of service "a" must be of the form "name=address", not the text "alone"',
        ),
        (
            "healthcheck: {test: [curl, x]}",
            ':4:26: "healthcheck.test[0]" of service "a" must be "CMD", "CMD-SHELL" or "NONE", not the text "curl"',
        ),
        (
            "x-cais: {restart-unhealhty: true}",
            ':4:14: unknown attribute "restart-unhealhty" in "x-cais" of service "a"',
        ),
        (
            "networks: {default: {ipv4_address: x}}",
            ':4:40: "networks.default.ipv4_address" of service "a" must be an IP address, not the text "x"',
        ),
        (
            "deploy: {restart_policy: {condition: x}}",
            ':4:42: "deploy.restart_policy.condition" of service "a" must be one of "any", "none", "on-failure", not the text "x"',
        ),
        ("cpus: .nan", ':4:5: "cpus" of service "a" must be a number or text, not the number .nan'),
    ],
)
def test_refusals(loader: Loader, text: str, error: str) -> None:
    assert loader.errors(f"services:\n  a:\n    image: x\n    {text}\n") == ["compose.yaml" + error]


@pytest.mark.parametrize(
    ("text", "warning"),
    [
        ("environment: {UMASK: 022}", '"environment.UMASK" of service "a": 022 is a number to YAML and becomes 18'),
        (
            "environment: {PYTHON: 3.10}",
            '"environment.PYTHON" of service "a": 3.10 is a number to YAML and becomes 3.1',
        ),
        ("command: a && b", '"command" of service "a" ends before "&& b", as in Docker Compose'),
        ("healthcheck: {test: [CMD, x], interval: 5s}", None),
        ("environment: {N: 12, B: true}", None),
    ],
)
def test_remarks(loader: Loader, text: str, warning: str | None) -> None:
    project = loader.project(f"services:\n  a:\n    image: x\n    {text}\n")
    assert [told.message for told in project.warnings] == ([warning] if warning else [])

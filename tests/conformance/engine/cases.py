"""What is run on both sides: one service a case, in one compose file. `extra` goes to the top level."""

from __future__ import annotations

import msgspec

IMAGE = "cais-conformance/facts:1"


class Case(msgspec.Struct, frozen=True):
    """A service named `name`; `attributes` are lines of YAML, `facts` the parts of facts.sh that are asked for."""

    name: str
    attributes: tuple[str, ...] = ()
    facts: str = "all"


CASES = (
    Case("plain"),
    # --- who, where, with what
    Case("user-number", ('user: "1000"',)),
    Case("user-name", ("user: app",)),
    Case("user-name-group", ("user: app:extra",)),
    Case("user-unknown-number", ('user: "4711:4712"',)),
    Case("user-of-many-groups", ("user: many",)),
    Case("group-add", ("user: app", 'group_add: [extra, "4713"]')),
    Case("environment", ("environment: {A: '1', B: 'x y', HOME: /elsewhere, EMPTY: ''}",)),
    Case("environment-path", ("environment: {PATH: '/bin:/x', HOSTNAME: mine, TERM: dumb}",)),
    Case("working-dir", ("working_dir: /work/made/here",)),
    Case("working-dir-user", ("working_dir: /work/made/there", "user: app")),
    Case("terminal", ("tty: true",), "processes network files"),
    Case("stdin", ("stdin_open: true",), "processes"),
    Case("init", ("init: true",)),
    Case("entrypoint", ('entrypoint: ["sh", "/facts"]', "command: [processes]"), ""),
    Case("entrypoint-text", ("entrypoint: sh /facts processes", "command: []"), ""),
    # --- names
    Case("hostname", ("hostname: ship",), "processes network"),
    Case("hostname-dots", ("hostname: ship.example.org",), "processes network"),
    Case("domainname", ("hostname: ship", "domainname: example.org"), "processes network"),
    Case("extra-hosts", ('extra_hosts: ["one=10.1.2.3", "gate:host-gateway", "six:::1"]',), "network"),
    Case("dns", ("dns: [192.0.2.1]", "dns_search: [a.example, b.example]", "dns_opt: [ndots:3]"), "network"),
    Case("two-networks", ("networks: {front: {aliases: [f]}, back: {ipv4_address: 10.231.7.9}}",), "network"),
    Case("mac-address", ("networks: {front: {mac_address: '02:42:0a:0b:0c:0d'}}",), "network"),
    Case("internal-network", ("networks: [inside]",), "network"),
    Case("link-local", ("networks: {front: {link_local_ips: [169.254.5.6]}}",), "network"),
    Case("network-mtu", ("networks: [small]",), "network"),
    Case("network-range", ("networks: [ranged]",), "network"),
    Case("ipv6", ("networks: {six: {ipv6_address: 'fd00:231:9::5', ipv4_address: 10.231.9.5}}",), "network"),
    Case("network-mode-bridge", ("network_mode: bridge",), "network"),
    Case("mac-address-of-the-service", ("mac_address: '02:42:0a:0b:0c:0d'",), "network"),
    Case("no-network", ("network_mode: none",), "processes files network abilities"),
    Case("host-network", ("network_mode: host",), "processes files names"),
    # --- rights
    Case("cap-add", ("cap_add: [NET_ADMIN, SYS_TIME]",), "processes files cgroups abilities"),
    Case("cap-add-sys-admin", ("cap_add: [CAP_SYS_ADMIN]",), "processes files cgroups abilities"),
    Case("cap-add-all", ("cap_add: [ALL]", "cap_drop: [net_raw]"), "processes abilities"),
    Case("cap-drop", ("cap_drop: [CHOWN, MKNOD]",), "processes abilities"),
    Case("cap-drop-all", ("cap_drop: [ALL]",), "processes abilities"),
    Case("cap-drop-all-add", ("cap_drop: [ALL]", "cap_add: [NET_BIND_SERVICE]"), "processes abilities"),
    Case("cap-add-user", ("cap_add: [NET_ADMIN]", "user: app"), "processes abilities"),
    Case("no-new-privileges", ("security_opt: ['no-new-privileges:true']",), "processes abilities"),
    Case("seccomp-unconfined", ("security_opt: ['seccomp:unconfined']",), "processes abilities"),
    Case("unmasked", ("security_opt: ['systempaths=unconfined']",), "files abilities"),
    Case("privileged", ("privileged: true",)),
    Case("privileged-user", ("privileged: true", "user: app"), "processes abilities"),
    Case("read-only", ("read_only: true",), "processes files abilities"),
    Case("read-only-tmpfs", ("read_only: true", "tmpfs: [/tmp, '/run/x:size=1m,mode=0700']"), "files abilities"),
    Case("devices", ("devices: ['/dev/kmsg', '/dev/vda:/dev/xvda:r']",), "files cgroups abilities"),
    Case("pid-host", ("pid: host",), "files abilities"),
    Case("ipc-host", ("ipc: host",), "processes files network"),
    Case("ipc-shareable", ("ipc: shareable",), "files"),
    Case("ipc-none", ("ipc: none",), "files"),
    # --- limits
    Case("ulimits", ("ulimits: {nofile: {soft: 2000, hard: 3000}, nproc: 512, core: 0, memlock: 65536}",), "processes"),
    Case("memory", ("mem_limit: 64m", "mem_reservation: 32m"), "cgroups"),
    Case("memory-swap", ("mem_limit: 64m", "memswap_limit: 96m"), "cgroups"),
    Case("memory-swap-unlimited", ("mem_limit: 64m", "memswap_limit: -1"), "cgroups"),
    Case("cpus", ("cpus: 0.5", "cpu_shares: 512", "cpuset: '0'"), "cgroups"),
    Case("pids", ("pids_limit: 77",), "cgroups"),
    Case("pids-unlimited", ("pids_limit: -1",), "cgroups"),
    Case(
        "deploy-limits",
        ("deploy: {resources: {limits: {cpus: '0.25', memory: 50M, pids: 60}, reservations: {memory: 20M}}}",),
        "cgroups",
    ),
    Case("oom-score", ("oom_score_adj: 500",), "processes"),
    Case("oom-kill-disable", ("mem_limit: 64m", "oom_kill_disable: true"), "cgroups"),
    Case("swappiness", ("mem_limit: 64m", "mem_swappiness: 7"), "cgroups"),
    Case("quota", ("cpu_quota: 20000", "cpu_period: 40000"), "cgroups"),
    Case("quota-alone", ("cpu_quota: 30000",), "cgroups"),
    Case(
        "block-rates",
        (
            "blkio_config:",
            "  device_read_bps: [{path: /dev/vda, rate: 12mb}]",
            "  device_write_iops: [{path: /dev/vda, rate: 77}]",
        ),
        "cgroups",
    ),
    Case("device-rules", ("device_cgroup_rules: ['c 1:11 rm', 'b 7:* m', 'a *:* r']",), "cgroups abilities"),
    Case("cgroup-private", ("cgroup: private",), "processes files cgroups abilities"),
    Case("cgroup-host", ("cgroup: host",), "processes files cgroups"),
    Case("cgroup-parent", ("cgroup_parent: /conform-parent",), "cgroups"),
    Case("uts-host", ("uts: host",), "processes network"),
    Case("userns-host", ("userns_mode: host",), "processes"),
    Case("annotations", ("annotations: {org.example: 'yes'}",), "processes"),
    Case("runtime", ("runtime: runc",)),
    Case("shm-size", ("shm_size: 8m",), "files"),
    Case("sysctls", ("sysctls: {net.core.somaxconn: 77, kernel.msgmax: 65536, net.ipv4.ip_forward: 0}",), "network"),
    Case("sysctl-ports", ("sysctls: ['net.ipv4.ip_unprivileged_port_start=1024']", "user: app"), "network abilities"),
    # --- mounts
    Case("volume-filled", ("volumes: ['filled:/data']",), "files abilities"),
    Case("volume-new-target", ("volumes: ['new:/vol']",), "files abilities"),
    Case("volume-read-only", ("volumes: ['read:/data:ro']",), "files abilities"),
    Case("volume-no-copy", ("volumes: ['nocopy:/data:nocopy']",), "files abilities"),
    Case("volume-user", ("volumes: ['owned:/data']", "user: app"), "files abilities"),
    Case("volume-user-new", ("volumes: ['owned-new:/vol']", "user: app"), "files abilities"),
    Case("volume-anonymous", ("volumes: ['/data']",), "files abilities"),
    Case(
        "volume-options",
        ("volumes: ['memory:/vol']",),
        "files abilities",
    ),
    Case(
        "volume-subpath",
        (
            "volumes: [{type: volume, source: filled, target: /vol, volume: {subpath: sub}}]",
            "depends_on: {volume-filled: {condition: service_completed_successfully}}",
        ),
        "files",
    ),
    Case("bind", ("volumes: ['./written:/vol']",), "files abilities"),
    Case("bind-read-only", ("volumes: ['./bind:/vol:ro']",), "files abilities"),
    Case("bind-file", ("volumes: ['./bind/file:/etc/one.conf:ro']",), "files"),
    Case("bind-created", ("volumes: ['./made/deep:/vol']",), "files abilities"),
    Case("tmpfs", ("tmpfs: /vol",), "files abilities"),
    Case("tmpfs-options", ("tmpfs: ['/vol:size=2m,mode=0750']",), "files"),
    Case("tmpfs-long", ("volumes: [{type: tmpfs, target: /vol, tmpfs: {size: 3m, mode: 0o711}}]",), "files"),
    Case("tmpfs-over-content", ("tmpfs: [/data]",), "files"),
    Case("tmpfs-flags", ("tmpfs: ['/vol:exec,uid=1000,nr_inodes=50,size=1m']",), "files"),
    Case(
        "bind-private",
        ("volumes: [{type: bind, source: ./bind, target: /vol, bind: {propagation: private}}]",),
        "files",
    ),
    Case(
        "volumes-from",
        (
            "volumes_from: ['volume-filled:ro', bind]",
            # The two write in what is shared: only when they are done does it look the same at every run.
            "depends_on: {volume-filled: {condition: service_completed_successfully}, bind: {condition: service_completed_successfully}}",
        ),
        "files abilities",
    ),
    Case("nested-mounts", ("volumes: ['nested:/data', './nest:/data/sub', '/data/sub/below']",), "files"),
    Case("through-symlink", ("volumes: ['linked:/link']",), "files"),
    Case("secrets", ("secrets: [plain, {source: told, target: renamed, mode: 0o400}]",), "files"),
    Case("secrets-user", ("secrets: [plain]", "user: app"), "files"),
    Case("configs", ("configs: [{source: settings, target: /cfg}]",), "files"),
)

TOP_LEVEL = """
networks:
  front: {}
  back: {ipam: {config: [{subnet: 10.231.7.0/24}]}}
  inside: {internal: true}
  small: {driver_opts: {com.docker.network.driver.mtu: 1300, com.docker.network.container_iface_prefix: net}}
  ranged: {ipam: {config: [{subnet: 10.231.8.0/24, gateway: 10.231.8.1, ip_range: 10.231.8.128/25, aux_addresses: {a: 10.231.8.128}}]}}
  six:
    enable_ipv6: true
    ipam: {config: [{subnet: 10.231.9.0/24}, {subnet: 'fd00:231:9::/64', gateway: 'fd00:231:9::1', ip_range: 'fd00:231:9::100/120'}]}
volumes:
  filled: {}
  new: {}
  read: {}
  nocopy: {}
  owned: {}
  owned-new: {}
  nested: {}
  linked: {}
  memory: {driver_opts: {type: tmpfs, device: tmpfs, o: "size=4m,uid=1000"}}
secrets:
  plain: {file: ./secret.txt}
  told: {environment: TOLD}
configs:
  settings: {content: "made here\\n"}
"""


def compose_file(cases: tuple[Case, ...] = CASES) -> str:
    """The compose file of `cases`."""
    lines = ["services:"]
    for case in cases:
        lines += [f"  {case.name}:", f"    image: {IMAGE}", "    stop_grace_period: 1s"]
        if case.facts:
            lines.append(f"    command: [sh, /facts, {', '.join(case.facts.split())}]")
        lines += [f"    {line}" for line in case.attributes]
    return "\n".join(lines) + TOP_LEVEL

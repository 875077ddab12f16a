"""What a process finds in its container is the same under Cais and under Docker: one row, one attribute."""

from __future__ import annotations

import pytest
from tests.conformance.pair import Answers, Pair

pytestmark = [pytest.mark.root, pytest.mark.docker]

STATUS = "grep -E '^(Cap|NoNewPrivs|Seccomp:)' /proc/1/status"
FOLDERS = "for f in /proc/kcore /proc/keys /proc/timer_list /sys/firmware /proc/scsi /proc/sys /proc/bus; do stat -c '%n %F %a' $f; touch $f/x 2>&1 | sed 's/.*: //'; done"

# name: (attributes of the service, a shell command whose output is compared)
CASES: dict[str, tuple[str, str]] = {
    "environment": ("hostname: named\nenvironment:\n  B: two words\n  EMPTY: ''", "env | sort"),
    "working folder": ("", "pwd"),
    "working_dir that is not there": ("working_dir: /new/deep", "pwd; stat -c '%u %a' ."),
    "command as a string": ("command: sleep 'inf'\"inity\"", "tr '\\0' ' ' </proc/1/cmdline"),
    "entrypoint drops the image's command": ("entrypoint: [sleep, infinity]", "tr '\\0' ' ' </proc/1/cmdline"),
    "init": ("init: true", "ls /proc/1/exe >/dev/null; grep -c . /proc/1/status >/dev/null; echo $?"),
    "user by name": ("user: app", "id; env | grep HOME"),
    "user by number": ("user: '4321'", "id; env | grep HOME"),
    "user and group": ("user: '1000:1002'", "id"),
    "group_add": ("user: app\ngroup_add: ['77', extra]", "id -G | tr ' ' '\\n' | sort -n"),
    "privileges": ("", STATUS),
    "privileges of a user": ("user: app", STATUS),
    "cap_drop": ("cap_drop: [ALL]", STATUS),
    "cap_add": ("cap_drop: [ALL]\ncap_add: [NET_ADMIN, CHOWN]", STATUS),
    "privileged": ("privileged: true", "grep -E '^(Cap|Seccomp:)' /proc/1/status"),
    "no-new-privileges": ("security_opt: ['no-new-privileges:true']", STATUS),
    "masked and read-only paths": ("", FOLDERS),
    "read_only": ("read_only: true", "touch /x 2>&1; touch /tmp/x 2>&1"),
    "tmpfs": ("tmpfs: ['/t:size=4m,mode=1770']", "grep ' /t ' /proc/mounts | cut -d' ' -f1-4; stat -c '%a %u' /t"),
    "shm_size": ("shm_size: 32m", "df -m /dev/shm | grep shm"),
    "shm as it is": ("", "df -m /dev/shm | grep shm"),
    "devices": ("", "ls /dev | sort; stat -c '%n %a' /dev/null /dev/zero /dev/tty /dev/fd"),
    "ulimits": (
        "ulimits:\n  nofile: {soft: 123, hard: 456}\n  core: 0",
        "grep -E 'open files|core' /proc/1/limits | tr -s ' '",
    ),
    "sysctls": ("sysctls: {net.core.somaxconn: 99}", "cat /proc/sys/net/core/somaxconn"),
    "low ports": ("user: app", "cat /proc/sys/net/ipv4/ip_unprivileged_port_start /proc/sys/net/ipv4/ping_group_range"),
    "hostname": ("hostname: this\ndomainname: example.test", "hostname; cat /etc/hostname"),
    "extra_hosts": (
        "extra_hosts: ['far:192.0.2.7', 'six=2001:db8::1']",
        "grep -E 'far|six' /etc/hosts | tr '\\t' ' ' | sort",
    ),
    "dns": (
        "dns: [192.0.2.53]\ndns_search: [a.test, b.test]\ndns_opt: ['ndots:3']",
        "grep -E '^(search|options)' /etc/resolv.conf",
    ),
    "name server": ("", "grep nameserver /etc/resolv.conf"),
    "a new volume has the image's content": (
        "volumes: ['filled:/stored']",
        "cat /stored/sub/file; stat -c '%u:%g %a' /stored",
    ),
    "nocopy": (
        "volumes: [{type: volume, source: empty, target: /stored, volume: {nocopy: true}}]",
        "ls /stored | wc -l",
    ),
    "a volume read only": (
        "volumes: ['other:/v:ro']",
        "touch /v/x 2>&1; grep ' /v ' /proc/mounts | cut -d' ' -f4 | cut -d, -f1",
    ),
    "a bind mount": ("volumes: ['./bound:/b']", "cat /b/hello"),
    "a bind mount of one file": ("volumes: ['./bound/hello:/etc/hello:ro']", "cat /etc/hello; touch /etc/hello 2>&1"),
    "a config": ("configs: [greeting]", "cat /greeting; stat -c '%a %u' /greeting"),
    "a secret": ("secrets: [hidden]", "cat /run/secrets/hidden"),
    "a service by its name": ("", "wget -q -O - http://server:8000/page"),
    "a service by its alias": ("", "wget -q -O - http://nickname:8000/page"),
    "an unknown name": ("", "nslookup nobody.invalid >/dev/null 2>&1; echo $?"),
    "namespaces of its own": (
        "",
        "for n in /proc/[0-9]*; do echo; done | wc -l | sed 's/[1-9]/some/'; hostname >/dev/null",
    ),
    "pid: host": ("pid: host", "test -d /proc/2 && echo seen"),
    "network_mode: none": ("network_mode: none", "ls /sys/class/net"),
    "pids_limit": ("pids_limit: 20", "ulimit -u >/dev/null; echo limited"),
    "labels change nothing inside": ("labels: {a: b}", "env | grep -c a=b"),
    "oom_score_adj": ("oom_score_adj: 300", "cat /proc/1/oom_score_adj"),
    "umask": ("", "umask"),
    "standard streams": ("", "ls -l /proc/1/fd/0 | sed 's/.*-> //'"),
}
# A case whose answers differ, and why that is right. One that no longer differs fails.
ACCEPTED: dict[str, str] = {
    "masked and read-only paths": "crun covers them with a null device it makes itself, of mode 777; runc with the container's own",
    "devices": "crun also makes the link /dev/core, which leads to a masked file",
}


# Differences of the OCI runtime that was found, not of Cais: under runc they are not there.
DEPEND_ON_RUNTIME = frozenset(ACCEPTED)


def _service(name: str, attributes: str, image: str) -> str:
    lines = [f"image: {image}", "stop_grace_period: 0s", *attributes.splitlines()]
    return f"  {name}:\n" + "".join(f"    {line}\n" for line in lines)


def _names() -> dict[str, str]:
    return {case: f"s{number}" for number, case in enumerate(CASES)}


@pytest.fixture(scope="module")
def running(pair: Pair) -> Pair:
    (pair.folder / "bound").mkdir()
    (pair.folder / "bound/hello").write_text("hello\n")
    pair.write("very secret\n", "secret.txt")
    pair.write("good morning\n", "greeting.txt")
    server = 'command: ["httpd", "-f", "-p", "8000", "-h", "/served"]\nvolumes: ["./served:/served:ro"]\nnetworks: {default: {aliases: [nickname]}}'
    (pair.folder / "served").mkdir()
    (pair.folder / "served/page").write_text("a page\n")
    text = "services:\n" + _service("server", server, pair.image)
    text += "".join(_service(name, CASES[case][0], pair.image) for case, name in _names().items())
    text += "volumes:\n  filled:\n  empty:\n  other:\n"
    text += "configs:\n  greeting:\n    file: ./greeting.txt\nsecrets:\n  hidden:\n    file: ./secret.txt\n"
    pair.write(text)
    began = pair.run("up", "-d")
    assert (began.cais.code, began.docker.code) == (0, 0), began
    return pair


@pytest.mark.parametrize("case", CASES)
def test_the_same_inside(running: Pair, case: str) -> None:
    answers = running.run("exec", "-T", _names()[case], "sh", "-c", CASES[case][1])
    differ = _differ(answers)
    if not differ and case in DEPEND_ON_RUNTIME:
        return
    assert differ == (case in ACCEPTED), _shown(case, answers)


def _differ(answers: Answers) -> bool:
    return (answers.cais.code, answers.cais.stdout) != (answers.docker.code, answers.docker.stdout)


def _shown(case: str, answers: Answers) -> str:
    reason = f" (accepted: {ACCEPTED[case]})" if case in ACCEPTED else ""
    return f"{case}{reason}\n--- Cais: {answers.cais}\n--- Docker: {answers.docker}"

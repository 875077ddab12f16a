from __future__ import annotations

import msgspec
import pytest

from cais.engine.native.defaults import CAPABILITIES
from cais.engine.native.dockerseccomp import as_docker
from cais.engine.native.seccomp import Host, compile_profile, parse_profile, read_profile
from cais.errors import CaisError

HOST = Host(machine="x86_64", kernel=(6, 1))


def compiled(*rules: dict[str, object], host: Host = HOST, capabilities: tuple[str, ...] = ()) -> list[str]:
    data = msgspec.json.encode({"defaultAction": "SCMP_ACT_ERRNO", "syscalls": list(rules)})
    filter_ = compile_profile(parse_profile(data, "p"), frozenset(capabilities), host)
    return [name for rule in filter_.syscalls for name in rule.names]


def rule(name: str, **conditions: object) -> dict[str, object]:
    return {"names": [name], "action": "SCMP_ACT_ALLOW", **conditions}


@pytest.mark.parametrize(
    ("conditions", "kept"),
    [
        ({}, True),
        ({"includes": {"caps": ["CAP_SYS_TIME"]}}, True),
        ({"includes": {"caps": ["CAP_SYS_TIME", "CAP_SYS_ADMIN"]}}, False),
        ({"excludes": {"caps": ["CAP_SYS_TIME"]}}, False),
        ({"excludes": {"caps": ["CAP_SYS_ADMIN"]}}, True),
        ({"includes": {"arches": ["amd64", "x32"]}}, True),
        ({"includes": {"arches": ["s390x"]}}, False),
        ({"excludes": {"arches": ["amd64"]}}, False),
        ({"includes": {"minKernel": "5.8"}}, True),
        ({"includes": {"minKernel": "6.2"}}, False),
        ({"excludes": {"minKernel": "6.0"}}, False),
        ({"includes": {}, "excludes": {}, "args": None}, True),
    ],
)
def test_conditions(conditions: dict[str, object], kept: bool) -> None:
    assert compiled(rule("x", **conditions), capabilities=("CAP_SYS_TIME",)) == (["x"] if kept else [])


def test_architectures_and_arguments_are_taken_over() -> None:
    data = msgspec.json.encode(
        {
            "defaultAction": "SCMP_ACT_ERRNO",
            "defaultErrnoRet": 38,
            "archMap": [
                {"architecture": "SCMP_ARCH_X86_64", "subArchitectures": ["SCMP_ARCH_X86"]},
                {"architecture": "SCMP_ARCH_AARCH64", "subArchitectures": None},
            ],
            "syscalls": [rule("personality", args=[{"index": 0, "value": 8, "valueTwo": 0, "op": "SCMP_CMP_EQ"}])],
        }
    )
    profile = parse_profile(data, "p")
    filter_ = compile_profile(profile, frozenset(), HOST)
    assert filter_.architectures == ("SCMP_ARCH_X86_64", "SCMP_ARCH_X86")
    assert filter_.default_errno_ret == 38
    assert (filter_.syscalls[0].args[0].value, filter_.syscalls[0].args[0].op) == (8, "SCMP_CMP_EQ")
    assert compile_profile(profile, frozenset(), Host("aarch64", (6, 1))).architectures == ("SCMP_ARCH_AARCH64",)


def test_the_machines_own_profile_opens_what_a_capability_needs() -> None:
    try:
        profile = read_profile()
    except CaisError:
        pytest.skip("containers-common is not installed")
    plain = compile_profile(profile, frozenset(CAPABILITIES), HOST)
    more = compile_profile(profile, frozenset({*CAPABILITIES, "CAP_SYS_MODULE"}), HOST)

    def allowed(syscalls: object, name: str) -> bool:
        return any(
            name in one.names and one.action == "SCMP_ACT_ALLOW"
            for one in (plain if syscalls is plain else more).syscalls
        )

    assert not allowed(plain, "init_module")
    assert allowed(more, "init_module")


def test_bad_profiles_are_named() -> None:
    with pytest.raises(CaisError, match='"mine" is not a seccomp profile'):
        parse_profile(b"{}", "mine")
    with pytest.raises(CaisError, match='"/no/such"'):
        read_profile("/no/such")


def docker_s(
    *capabilities: str, machine: str = "x86_64"
) -> dict[str, list[tuple[str, tuple[tuple[int, int, str], ...]]]]:
    host = Host(machine=machine, kernel=(6, 1))
    filter_ = as_docker(
        compile_profile(read_profile(), frozenset(capabilities), host), frozenset(capabilities), machine
    )
    found: dict[str, list[tuple[str, tuple[tuple[int, int, str], ...]]]] = {}
    for one in filter_.syscalls:
        for name in one.names:
            arguments = tuple((argument.index, argument.value, argument.op) for argument in one.args)
            found.setdefault(name, []).append((one.action.removeprefix("SCMP_ACT_"), arguments))
    return found


def test_namespaces_mounts_and_keyrings_are_refused_as_by_docker() -> None:
    rules = docker_s(*CAPABILITIES)
    for name in (
        "unshare",
        "setns",
        "mount",
        "umount2",
        "fsopen",
        "keyctl",
        "pivot_root",
        "syslog",
        "reboot",
        "clone3",
    ):
        assert rules[name] == [("ERRNO", ())], name
    assert rules["clone"] == [("ALLOW", ((0, 0x7E020000, "SCMP_CMP_MASKED_EQ"),))]
    assert rules["socket"] == [("ALLOW", ((0, 40, "SCMP_CMP_NE"),))]
    assert docker_s(machine="s390x")["clone"] == [("ALLOW", ((1, 0x7E020000, "SCMP_CMP_MASKED_EQ"),))]


def test_capabilities_open_what_they_are_for() -> None:
    rules = docker_s(*CAPABILITIES, "CAP_SYS_ADMIN")
    for name in ("unshare", "setns", "mount", "clone", "clone3"):
        assert ("ALLOW", ()) in rules[name], name
    assert rules["reboot"] == [("ERRNO", ())]
    assert ("ALLOW", ()) in docker_s("CAP_SYS_BOOT")["reboot"]
    assert ("ALLOW", ()) in docker_s("CAP_SYSLOG")["syslog"]


def test_no_call_has_two_rules_that_contradict() -> None:
    for capabilities in ((), CAPABILITIES, (*CAPABILITIES, "CAP_SYS_ADMIN")):
        for name, rules in docker_s(*capabilities).items():
            assert len({action for action, arguments in rules if not arguments}) <= 1, name

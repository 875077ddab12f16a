"""Differences from Docker that are meant, each with its reason. One that no longer shows fails the test."""

from __future__ import annotations

from fnmatch import fnmatchcase

import msgspec


class Accepted(msgspec.Struct, frozen=True):
    """`fact` and `cases` are patterns as of a shell."""

    fact: str
    reason: str
    cases: str = "*"

    def covers(self, case: str, fact: str) -> bool:
        return fnmatchcase(fact, self.fact) and any(fnmatchcase(case, one) for one in self.cases.split())


ACCEPTED: tuple[Accepted, ...] = (
    Accepted("/etc/hosts", "host-gateway is the project's own gateway: Cais has no bridge like docker0", "extra-hosts"),
    Accepted(
        "/etc/resolv.conf",
        "the servers of `dns` are asked only when the network's own name server does not answer; `up` warns",
        "dns",
    ),
    Accepted("cgroup devices", "runc 1.1 also allows /dev/net/tun (10:200); crun and newer versions of runc do not"),
    Accepted("dev /dev/core", "crun makes this link too; what it leads to is masked"),
    Accepted(
        "dev /dev/null",
        "crun gives the container's own null device, which is its standard input, to the container's user",
        "user-* group-add working-dir-user volume-user* secrets-user",
    ),
    Accepted("limit Max open files", "a daemon under systemd hands down 1024:524288; this one was started by hand"),
    Accepted("mount /cfg", "Docker Compose copies a config with `content` in; Cais mounts it, read-only", "configs"),
    Accepted("mount /run/secrets/renamed", "as configs with `content`: a secret of the environment", "secrets"),
    Accepted(
        "mount /dev/console", "crun's console has no nosuid and noexec; there is nothing to run on it", "terminal"
    ),
    Accepted("mount /proc/interrupts", "masked, as by newer versions of Docker"),
    *(
        Accepted(
            f"mount {path}",
            "crun 1.8 drops nosuid, nodev and noexec in a mount of /proc below /proc: it has no such files",
        )
        for path in ("/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys")
    ),
    *(
        Accepted(f"mount {path}", "masked by another empty file or folder")
        for path in ("/proc/acpi", "/proc/keys", "/proc/timer_list", "/sys/firmware")
    ),
    Accepted("mount /sys/fs/cgroup", "the tmpfs that holds the controllers: of another size, empty but for them"),
    Accepted("mount /data", "Docker Compose drops the `ro` of `volumes_from: [service:ro]`", "volumes-from"),
    Accepted("able write /data", "Docker Compose drops the `ro` of `volumes_from: [service:ro]`", "volumes-from"),
    Accepted("mac", "Docker Compose 2.26 loses it, later ones do not", "mac-address-of-the-service"),
    Accepted("/etc/resolv.conf", "the name server forwards, though it knows no names there", "network-mode-bridge"),
    Accepted("link", "this engine was started with --mtu, which is for its own bridge alone", "network-mode-bridge"),
    Accepted("propagation *", "crun makes the root private, runc a slave of the host's"),
    Accepted("session", "catatonit does not make a process group for the command, tini does", "init"),
    Accepted("status SigBlk", "catatonit leaves the job control signals blocked", "init"),
)

"""Debian's archive through the machine's own apt: package lists shared by all bases, packages verified against the archive's keys.

apt runs outside the root (so the machine's proxy, certificates and credentials serve it) and dpkg inside. Nothing of the machine's own package
state is read or written: every folder apt uses is set here.
"""

from __future__ import annotations

import contextlib
import glob
import os
import shutil
import time
from collections.abc import Mapping, Sequence

import msgspec

from cais.bases.recipe import ASSETS, File, Part
from cais.bases.sandbox import OnOutput, Root, caller_environment, contained
from cais.bases.sources import Mirror, choose, parse
from cais.durable import locked, write
from cais.errors import HostError, PullError
from cais.linux.rootpath import host_path
from cais.proc import Command, Outcome, run, run_streaming

KEYRINGS = "/usr/share/keyrings/debian-archive-*"
LISTS_FRESH_S = 3600.0
INSTALL_HINT = "apt-get install -y apt mmdebstrap debian-archive-keyring"
_OUTPUT_LINES = 15


class Archive(msgspec.Struct, frozen=True):
    """One suite of Debian's archive. `folder` keeps apt's state between runs; it may be removed at any time nobody uses it."""

    suite: str
    mirror: Mirror
    folder: str

    @property
    def lists(self) -> str:
        """The package lists."""
        return os.path.join(self.folder, "lists")

    @property
    def sources_list(self) -> str:
        """The file with the suite's sources, for apt and mmdebstrap."""
        return os.path.join(self.folder, "sources.list")


def find_archive(suite: str, folder: str, *, etc_apt: str = "/etc/apt") -> Archive:
    """The archive of `suite` on this machine's mirror. Raises HostError when its sources name no Debian mirror."""
    mirror = choose(parse(_source_files(etc_apt)))
    if mirror is None:
        raise HostError(
            f'no Debian mirror is named in "{etc_apt}"',
            hint="add a source of Debian's archive there, or make the base yourself: cais image import FOLDER-OR-TAR NAME",
        )
    return Archive(suite, mirror, os.path.join(folder, suite))


def _source_files(etc_apt: str) -> dict[str, str]:
    paths = [f"{etc_apt}/sources.list", *glob.glob(f"{etc_apt}/sources.list.d/*")]
    texts: dict[str, str] = {}
    for path in paths:
        if path.endswith((".list", ".sources")) and os.path.isfile(path):
            with open(path, encoding="utf-8", errors="replace") as stream:
                texts[path] = stream.read()
    return texts


def source_lines(archive: Archive) -> str:
    """The suite, its updates and its security updates, as `sources.list` lines."""
    suite, mirror = archive.suite, archive.mirror
    return (
        f"deb {mirror.main} {suite} main\n"
        f"deb {mirror.main} {suite}-updates main\n"
        f"deb {mirror.security} {suite}-security main\n"
    )


def acquire_options(dump: str) -> tuple[str, ...]:
    """The lines of `apt-config dump` about how to download (proxies, certificates, validity), without those about what to download."""
    what = (
        *("Acquire::Languages", "Acquire::IndexTargets", "Acquire::GzipIndexes", "Acquire::CompressionTypes"),
        *("Acquire::Changelogs", "Acquire::cdrom"),
        "Acquire::Allow",  # whatever the machine lets pass for itself, a base needs the archive's signature
    )
    return tuple(
        line
        for line in dump.splitlines()
        if line.startswith("Acquire::") and not line.startswith(what) and not line.endswith(' "";')
    )


def apt_config(archive: Archive, root: str, acquire: Sequence[str]) -> str:
    """An apt.conf under which apt works on `root` ("" for none: then every package counts as not installed)."""
    folder = archive.folder
    empty = f"{folder}/empty"
    status = f"{root}/var/lib/dpkg/status" if root else "/dev/null"
    extended = f"{root}/var/lib/apt/extended_states" if root else f"{folder}/extended_states"
    settings = [
        ("Dir::State::lists", f"{folder}/lists/"),
        ("Dir::State::status", status),
        ("Dir::State::extended_states", extended),
        ("Dir::Cache::pkgcache", ""),
        ("Dir::Cache::srcpkgcache", f"{folder}/srcpkgcache.bin" if not root else ""),
        ("Dir::Etc::main", "/dev/null"),
        ("Dir::Etc::parts", empty),
        ("Dir::Etc::sourcelist", archive.sources_list),
        ("Dir::Etc::sourceparts", empty),
        ("Dir::Etc::preferences", "/dev/null"),
        ("Dir::Etc::preferencesparts", empty),
        ("Dir::Etc::trusted", "/dev/null"),
        ("Dir::Etc::trustedparts", f"{folder}/keys/"),
        ("Dir::Log", f"{folder}/log/"),
        ("Acquire::Languages", "none"),
        ("Acquire::Retries", "2"),
        ("APT::Sandbox::User", "root"),
        ("APT::Install-Recommends", "false"),
        ("APT::Get::Assume-Yes", "true"),
        ("Dpkg::Use-Pty", "0"),
    ]
    if root:
        settings += [
            ("Dir::Cache::archives", f"{root}/var/cache/apt/archives/"),
            ("DPkg::Chroot-Directory", root),
        ]
    return "".join(f'{name} "{value}";\n' for name, value in settings) + "\n".join(acquire) + "\n"


def prepare(archive: Archive, on_output: OnOutput) -> int:
    """Bring the package lists up to date when they are older than an hour; the suite's release time, in seconds since the epoch.

    Raises PullError when the mirror does not answer or its signature is wrong.
    """
    for name in ("lists/partial", "keys", "empty", "log"):
        os.makedirs(os.path.join(archive.folder, name), exist_ok=True)
    with locked(os.path.join(archive.folder, "lock")):
        write(archive.sources_list, source_lines(archive).encode(), sync=False)
        _offer_keys(archive)
        stamp = os.path.join(archive.folder, "updated")
        if not _is_fresh(stamp):
            _update(archive, on_output)
            write(stamp, b"", sync=False)
    return _release_time(archive)


def forget_lists(archive: Archive) -> None:
    """Have the next `prepare` fetch the lists anew: packages they name may be gone from the mirror."""
    with contextlib.suppress(FileNotFoundError):  # nothing was fetched, or another forgot them
        os.unlink(os.path.join(archive.folder, "updated"))


def _is_fresh(stamp: str) -> bool:
    try:
        return 0 <= time.time() - os.stat(stamp).st_mtime < LISTS_FRESH_S
    except FileNotFoundError:
        return False


def _offer_keys(archive: Archive) -> None:
    """Copies of the keyrings that may sign this archive, where apt looks for them."""
    keyrings = {*glob.glob(KEYRINGS), *archive.mirror.keyrings}
    if not keyrings:
        raise HostError("the keys of Debian's archive are not installed", hint=INSTALL_HINT)
    for path in keyrings:
        # apt reads .gpg and .asc only; the newer name .pgp is the same content.
        name = os.path.basename(path).removesuffix(".pgp").removesuffix(".gpg")
        if "removed" not in name and os.path.isfile(path):
            shutil.copyfile(
                path, os.path.join(archive.folder, "keys", name if name.endswith(".asc") else f"{name}.gpg")
            )


def _update(archive: Archive, on_output: OnOutput) -> None:
    command = Command(
        argv=("apt-get", "update", "-o", "APT::Update::Error-Mode=any"),
        env=apt_environment(archive, archive.folder, ""),
        install_hint=INSTALL_HINT,
    )
    outcome = run_streaming(command, on_output)
    check_download(
        outcome, f'the package lists of Debian "{archive.suite}" could not be had from {archive.mirror.main}'
    )


def check_download(outcome: Outcome, message: str) -> None:
    """Raise PullError with the last lines of the output unless the program ended well."""
    if not outcome.ok:
        lines = outcome.stdout.decode(errors="replace").splitlines()[-_OUTPUT_LINES:]
        raise PullError(
            message,
            hint="check the network, or the mirror in /etc/apt and its proxy; then run the command again, or: cais image import",
            details=lines,
        )


def apt_environment(archive: Archive, workspace: str, root: str) -> dict[str, str]:
    """The environment under which apt works on `root`; its settings are written to `workspace`, readable by the owner only (proxy passwords)."""
    path = os.path.join(workspace, "apt.conf")
    write(path, apt_config(archive, root, _acquire_lines()).encode(), mode=0o600, sync=False)
    return {**caller_environment(), "APT_CONFIG": path, "DEBIAN_FRONTEND": "noninteractive"}


def _acquire_lines() -> tuple[str, ...]:
    dump = run(Command(argv=("apt-config", "dump"), install_hint=INSTALL_HINT)).check("reading apt's settings").stdout
    return acquire_options(dump.decode(errors="replace"))


def _release_time(archive: Archive) -> int:
    """The `Date` of the suite's own release file: the same until the next point release, unlike those of its updates."""
    import email.utils

    for path in glob.glob(os.path.join(archive.lists, f"*_dists_{archive.suite}_*Release")):
        with open(path, encoding="utf-8", errors="replace") as stream:
            for line in stream:
                if line.startswith("Date:"):
                    return int(email.utils.parsedate_to_datetime(line.partition(":")[2].strip()).timestamp())
    raise PullError(f'the mirror has no release file for Debian "{archive.suite}"', hint="it may not carry this suite")


def install(archive: Archive, root: Root, packages: Sequence[str], workspace: str) -> None:
    """Install `packages` and what they depend on into `root`; `workspace` takes the downloads. Raises PullError."""
    downloads = os.path.join(workspace, "archives")
    os.makedirs(os.path.join(downloads, "partial"), exist_ok=True)
    os.makedirs(root.path + "/var/cache/apt/archives", exist_ok=True)
    outcome = root.start(
        ("apt-get", "install", *packages),
        env=apt_environment(archive, workspace, root.path),
        binds=((downloads, "/var/cache/apt/archives"),),
    )
    check_download(outcome, f"installing {' '.join(packages)} failed")


def unpack(archive: Archive, root: Root, part: Part, workspace: str) -> None:
    """Put one folder of packages into `root`; nothing of them counts as installed. Raises PullError or HostError."""
    folder = download(archive, root.path, part.packages, workspace, root.on_output)
    target = host_path(root.path, part.target)
    os.makedirs(target, exist_ok=True)
    depth = len(part.source.strip("/").split("/"))
    script = 'for file in *.deb; do dpkg-deb --fsys-tarfile "$file" | tar --extract --directory "$1" --strip-components "$2" --wildcards "$3"; done'
    words = ("unpack", target, str(depth + 1), f".{part.source}/*")
    run(Command(argv=("/bin/bash", "-euo", "pipefail", "-c", script, *words), cwd=folder)).check(part.describe())


def assemble(archive: Archive, root: Root, packages: Sequence[str], workspace: str) -> None:
    """Unpack just `packages` into `root`, which needs no package manager. Raises PullError or HostError."""
    folder = download(archive, "", packages, workspace, root.on_output)
    script = os.path.join(ASSETS, "distroless/unpack.sh")
    run(Command(argv=("/bin/bash", "-euo", "pipefail", script, root.path), cwd=folder)).check("unpacking packages")


def download(archive: Archive, root: str, packages: Sequence[str], workspace: str, on_output: OnOutput) -> str:
    """Download just `packages`, verified, into a folder of their own below `workspace`; the folder. Raises PullError."""
    folder = os.path.join(workspace, "archives", "parts", packages[0])
    os.makedirs(folder, exist_ok=True)
    command = Command(
        argv=("apt-get", "download", *packages),
        env=apt_environment(archive, workspace, root),
        cwd=folder,
        install_hint=INSTALL_HINT,
    )
    check_download(run_streaming(command, on_output), f"downloading {' '.join(packages)} failed")
    return folder


def packed_time(workspace: str) -> int:
    """When the newest package of those that `install` downloaded was packed, in seconds since the epoch; 0 when there is none.

    Read from the archive member header (ar(5): name in 16 bytes, then the time in 12), which Debian sets to the time of the changelog.
    """
    newest = 0
    for path in glob.glob(os.path.join(workspace, "archives", "**", "*.deb"), recursive=True):
        with open(path, "rb") as stream:
            header = stream.read(36)
        if header.startswith(b"!<arch>\n"):
            newest = max(newest, int(header[24:36]))
    return newest


def bootstrap(archive: Archive, root: Root, options: Sequence[str], workspace: str) -> None:
    """A minimal Debian in the empty folder `root`, by mmdebstrap; `options` are settings of dpkg. Raises PullError."""
    acquire = os.path.join(workspace, "acquire.conf")
    write(acquire, "".join(f"{line}\n" for line in _acquire_lines()).encode(), mode=0o600, sync=False)
    copy_lists = f'mkdir -p "$1/var/lib/apt/lists/partial" && cp -a "{archive.lists}/." "$1/var/lib/apt/lists/"'
    argv = (
        *("mmdebstrap", "--mode=root", "--variant=minbase", "--format=directory"),
        *("--skip=update", f"--setup-hook={copy_lists}", f"--keyring={archive.folder}/keys", f"--aptopt={acquire}"),
        *(f"--dpkgopt={option}" for option in options),
        *(archive.suite, root.path, archive.sources_list),
    )
    env = {**caller_environment(), "SOURCE_DATE_EPOCH": str(root.epoch_s)}
    command = Command(argv=contained(argv), env=env, install_hint=INSTALL_HINT)
    check_download(run_streaming(command, root.on_output), f'bootstrapping Debian "{archive.suite}" failed')


def image_sources(archive: Archive, root: str) -> File:
    """The sources a user of the image gets: the mirror it was made from, signed by the keys in the image."""
    found = sorted(glob.glob(f"{root}/usr/share/keyrings/debian-archive-keyring.*"))
    signed_by = f"Signed-By: {found[-1].removeprefix(root)}\n" if found else ""
    stanzas = (
        (archive.mirror.main, f"{archive.suite} {archive.suite}-updates"),
        (archive.mirror.security, f"{archive.suite}-security"),
    )
    text = "\n".join(
        f"Types: deb\nURIs: {uri}\nSuites: {suites}\nComponents: main\n{signed_by}" for uri, suites in stanzas
    )
    return File("/etc/apt/sources.list.d/debian.sources", text)


def installed_versions(root: str) -> Mapping[str, str]:
    """Package names and versions by what dpkg, or a root without dpkg, recorded in `root`."""
    versions: dict[str, str] = {}
    for path in (f"{root}/var/lib/dpkg/status", *glob.glob(f"{root}/var/lib/dpkg/status.d/*")):
        name = ""
        with contextlib.suppress(FileNotFoundError), open(path, encoding="utf-8", errors="replace") as stream:
            for line in stream:
                if line.startswith("Package: "):
                    name = line[9:].strip()
                elif line.startswith("Version: "):
                    versions[name] = line[9:].strip()
    return versions


def upstream_version(version: str) -> str:
    """The upstream part of a Debian version (deb-version(7)), without repacking marks: `1.26.3` of `1:1.26.3-3+deb13u1`."""
    upstream = version.partition(":")[2] or version
    upstream = upstream.rpartition("-")[0] or upstream
    return upstream.partition("+")[0].partition("~")[0]

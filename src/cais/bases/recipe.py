"""What a base image is made of, as frozen values: packages of one suite, and small operations before and after their installation.

An operation can describe itself and apply itself to a root; what progress shows is what runs.
"""

from __future__ import annotations

import enum
import os
from collections.abc import Mapping, Sequence
from typing import Protocol

import msgspec

from cais.digest import digest_bytes
from cais.images.model import RunConfig
from cais.linux.rootpath import host_path

# Raised when the way recipes are carried out changes what comes out, so that stored results are made again.
FORMAT = 1

ASSETS = os.path.join(os.path.dirname(__file__), "assets")


class Root(Protocol):
    """A root file system being made."""

    @property
    def path(self) -> str:
        """The folder."""

    def run(self, argv: Sequence[str], *, env: Mapping[str, str]) -> None:
        """Run a program of the root inside it, as root. Raises HostError when it fails."""


class Folder(msgspec.Struct, frozen=True, tag="folder"):
    """A folder, with its parents."""

    path: str
    mode: int = 0o755
    owner: tuple[int, int] = (0, 0)

    def describe(self) -> str:
        """As a line of progress."""
        return f"make folder {self.path}"

    def apply(self, root: Root) -> None:
        """Make it, or give it the mode and the owner when it exists."""
        target = host_path(root.path, self.path)
        os.makedirs(target, exist_ok=True)
        os.chown(target, *self.owner)
        os.chmod(target, self.mode)


class File(msgspec.Struct, frozen=True, tag="file"):
    """A file with the given text; its folder is made when missing."""

    path: str
    text: str
    mode: int = 0o644
    owner: tuple[int, int] = (0, 0)

    def describe(self) -> str:
        """As a line of progress."""
        return f"write {self.path}"

    def apply(self, root: Root) -> None:
        """Write it anew: an existing file is replaced, never written through a link."""
        target = _entry(root.path, self.path)
        if os.path.lexists(target):
            os.unlink(target)
        with open(target, "w", encoding="utf-8") as stream:
            stream.write(self.text)
        os.chown(target, *self.owner)
        os.chmod(target, self.mode)


class Link(msgspec.Struct, frozen=True, tag="link"):
    """A symbolic link; what stood at `path` before is replaced, unless it is a folder."""

    path: str
    target: str

    def describe(self) -> str:
        """As a line of progress."""
        return f"link {self.path} to {self.target}"

    def apply(self, root: Root) -> None:
        """Make it."""
        link = _entry(root.path, self.path)
        if os.path.lexists(link):
            os.unlink(link)
        os.symlink(self.target, link)


class Shell(msgspec.Struct, frozen=True, tag="shell"):
    """A shell script run inside the root as root; `name` says what for."""

    name: str
    script: str

    def describe(self) -> str:
        """As a line of progress."""
        return self.name

    def apply(self, root: Root) -> None:
        """Run it; the first failing command ends it. Raises HostError."""
        root.run(("/bin/sh", "-euc", self.script), env={})


class Program(msgspec.Struct, frozen=True, tag="program"):
    """A program of the root run as root; for roots without a shell. `name` says what for."""

    name: str
    argv: tuple[str, ...]

    def describe(self) -> str:
        """As a line of progress."""
        return self.name

    def apply(self, root: Root) -> None:
        """Run it. Raises HostError."""
        root.run(self.argv, env={})


Operation = Folder | File | Link | Shell | Program


def _entry(root: str, path: str) -> str:
    """Where `path` itself, not what it may link to, lies on the host; its folder is made when missing."""
    folder, name = os.path.split(path)
    parent = host_path(root, folder)
    os.makedirs(parent, exist_ok=True)
    return os.path.join(parent, name)


def asset(name: str) -> str:
    """The text of a file shipped with Cais under `bases/assets`."""
    with open(os.path.join(ASSETS, name), encoding="utf-8") as stream:
        return stream.read()


class Part(msgspec.Struct, frozen=True):
    """A folder out of packages that are not installed: `source` in them becomes `target` in the root."""

    packages: tuple[str, ...]
    source: str
    target: str

    def describe(self) -> str:
        """As a line of progress."""
        return f"take {self.target} from {' '.join(self.packages)}"


class Method(enum.Enum):
    """How the root comes about."""

    BOOTSTRAP = "bootstrap"
    """A minimal Debian from nothing."""
    INSTALL = "install"
    """Packages installed on the parent recipe's image."""
    ASSEMBLE = "assemble"
    """Just the packages named, unpacked without running anything of theirs."""


class Recipe(msgspec.Struct, frozen=True, kw_only=True):
    """How to make the equivalent of an official image.

    `references` are the short names it answers to, the first being the one it is recorded under. `versions` are environment variables
    that hold the upstream version of an installed package: (variable, package). `dpkg_options` hold during a bootstrap. `omits` says, for people, what the official image has and this one
    has not.
    """

    name: str
    references: tuple[str, ...]
    suite: str
    config: RunConfig
    method: Method = Method.INSTALL
    parent: str = ""
    dpkg_options: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    parts: tuple[Part, ...] = ()
    before: tuple[Operation, ...] = ()
    after: tuple[Operation, ...] = ()
    versions: tuple[tuple[str, str], ...] = ()
    omits: tuple[str, ...] = ()


def revision(recipe: Recipe, parent_revision: str) -> str:
    """A short digest of all that a recipe says: two recipes with the same one make the same from the same packages."""
    text = msgspec.json.encode((FORMAT, recipe, parent_revision), order="deterministic")
    return digest_bytes(text).rpartition(":")[2][:16]

"""Finds and loads the project that a command line means; the edge between the pure `compose` package and the disk."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping

from cais.cli.options import GlobalOptions
from cais.compose import loader
from cais.compose.discover import Discovery, Request, discover
from cais.compose.model.project import Project
from cais.durable import write
from cais.locations import Locations

DIGEST_BYTES = 32
MEMO_ENTRIES = 512


class DiskReader:
    """`compose.reader.FileReader` on the file system."""

    def read(self, path: str) -> str:
        """The file's text."""
        with open(path, "rb") as stream:
            return stream.read().decode("utf-8-sig")

    def exists(self, path: str) -> bool:
        """Whether a file is there."""
        return os.path.exists(path)


class ValidTrees:
    """`compose.schema.SchemaMemo` in a file: the digests of trees found valid. Losing it costs 30 ms once."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._known: bytes | None = None

    def is_valid(self, digest: bytes) -> bool:
        """Whether the tree of this digest was found valid before."""
        known = self._read()
        return any(known[at : at + DIGEST_BYTES] == digest for at in range(0, len(known), DIGEST_BYTES))

    def remember(self, digest: bytes) -> None:
        """Keep the newest `MEMO_ENTRIES` digests. A root that cannot be written (another user's) is left as it is."""
        self._known = (self._read() + digest)[-DIGEST_BYTES * MEMO_ENTRIES :]
        if os.access(os.path.dirname(self._path), os.W_OK):
            write(self._path, self._known, sync=False)

    def _read(self) -> bytes:
        if self._known is None:
            try:
                with open(self._path, "rb") as stream:
                    self._known = stream.read()
            except FileNotFoundError:
                self._known = b""
        return self._known


def find_project(options: GlobalOptions, env: Mapping[str, str], cwd: str) -> Discovery:
    """What is to be loaded. Raises NotFoundError when there is no Compose file."""
    stdin = sys.stdin.read() if "-" in options.files else None
    request = Request(
        cwd=cwd,
        env=env,
        files=options.files,
        project_directory=options.project_directory,
        name=options.project_name,
        env_files=options.env_files,
        profiles=options.profiles,
        stdin=stdin,
    )
    return discover(request, DiskReader())


def load_project(found: Discovery, services: tuple[str, ...], locations: Locations) -> Project:
    """Load what was found; `services` named on the command line enable their profiles."""
    return loader.load(
        found.sources,
        found.env,
        profiles=found.profiles,
        reader=DiskReader(),
        directory=found.directory,
        name=found.name,
        services=services,
        memo=ValidTrees(os.path.join(locations.root, "schema-valid")),
    )


def given_name(options: GlobalOptions, env: Mapping[str, str]) -> str | None:
    """The project's name when no file is needed to know it."""
    return options.project_name or env.get("COMPOSE_PROJECT_NAME") or None

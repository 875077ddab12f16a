"""Finds and loads the project that a command line means; the edge between the pure `compose` package and the disk.

Imported only when the project is not remembered (loadmemo): it brings the loader and the YAML reader.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping

from cais.cli.options import GlobalOptions
from cais.compose import loader
from cais.compose.discover import Discovery, Request, discover
from cais.compose.loader import Loaded, Wanted
from cais.compose.model.project import Project
from cais.compose.reader import FileReader
from cais.compose.schema import DIGEST_BYTES
from cais.durable import write
from cais.locations import Locations

MEMO_ENTRIES = 512


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


def find_project(options: GlobalOptions, env: Mapping[str, str], cwd: str, reader: FileReader) -> Discovery:
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
    return discover(request, reader)


def load_project(
    found: Discovery, services: tuple[str, ...], locations: Locations, reader: FileReader, *, keep_unused: bool = False
) -> Project:
    """Load what was found; `services` named on the command line enable their profiles."""
    return loader.bind_project(
        load_tree(wanted_of(found, services, keep_unused=keep_unused), found.env, locations, reader)
    )


def wanted_of(found: Discovery, services: tuple[str, ...], *, keep_unused: bool = False) -> Wanted:
    """All of what was found, as it is run; with `keep_unused` also the networks, volumes, ... that no service uses."""
    return Wanted(
        sources=found.sources,
        directory=found.directory,
        name=found.name,
        profiles=found.profiles,
        services=services,
        keep_unused=keep_unused,
    )


def load_tree(wanted: Wanted, env: Mapping[str, str], locations: Locations, reader: FileReader) -> Loaded:
    """Load up to the canonical tree."""
    return loader.load_tree(wanted, env, reader, ValidTrees(os.path.join(locations.root, "schema-valid")))

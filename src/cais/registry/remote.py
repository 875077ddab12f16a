"""A repository as somewhere to copy images from."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from cais.digest import Digest, parse_digest
from cais.errors import MissingTool
from cais.events import EventSink, MessageEvent, Phase
from cais.images.content import Content, Opened
from cais.images.model import Descriptor
from cais.registry.settings import Endpoint, RegistrySettings

if TYPE_CHECKING:  # see connections.py
    from cais.registry.client import Repository
    from cais.registry.credentials import Credentials


class RegistrySource:
    """One image of a repository, by tag or digest."""

    def __init__(self, repository: Repository, tag_or_digest: str, transfers: int) -> None:
        self.transfers = transfers
        self._repository = repository
        self._name = tag_or_digest

    def root(self) -> Content:
        """The manifest or index."""
        return self._repository.manifest(self._name)

    def manifest(self, digest: Digest) -> Content:
        """A manifest or index that another names."""
        return self._repository.manifest(digest)

    def document(self, descriptor: Descriptor) -> bytes:
        """A small blob, verified."""
        return self._repository.document(parse_digest(descriptor.digest))

    @contextlib.contextmanager
    def open(self, descriptor: Descriptor, offset: int = 0) -> Iterator[Opened]:
        """A blob, from `offset` where the registry can do that."""
        with self._repository.blob(descriptor.digest, offset) as (answer, start):
            yield Opened(answer, start)


def connect(
    endpoint: Endpoint,
    name: str,
    events: EventSink,
    settings: RegistrySettings,
    *,
    actions: str = "pull",
    also_from: Sequence[str] = (),
) -> Repository:
    """A repository of `endpoint`; nothing is asked yet."""
    from cais.registry.client import Repository
    from cais.registry.credentials import find_credentials
    from cais.registry.transport import Transport

    def find() -> Credentials | None:
        try:
            return find_credentials(endpoint.registry, settings.docker_config) if settings.docker_config else None
        except MissingTool as error:  # most images are public: go on without, as Docker does
            events.emit(MessageEvent(phase=Phase.WARNING, text=f"{error.message}; going on without credentials"))
            return None

    return Repository(Transport(endpoint, settings), name, find, actions=actions, also_from=also_from)

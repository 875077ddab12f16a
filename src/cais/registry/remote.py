"""A repository as somewhere to copy images from and to."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from cais.digest import Digest, VerifiedReader, parse_digest
from cais.errors import MissingTool
from cais.events import EventSink, MessageEvent, Phase
from cais.images.content import Content, ContentSource, OnBytes, Opened
from cais.images.dockerform import in_dockers_form
from cais.images.model import Descriptor
from cais.registry.errors import NotInRegistry, Refused, RegistryUnreachable
from cais.registry.settings import Endpoint, RegistrySettings

if TYPE_CHECKING:  # see connections.py
    from cais.registry.client import Repository
    from cais.registry.credentials import Credentials


_UNKNOWN_FORM = (400, 406, 415, 422)


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


class MirroredSource:
    """The same image at several places: the first that has it gives it."""

    def __init__(self, sources: Sequence[RegistrySource], events: EventSink) -> None:
        self.transfers = sources[0].transfers
        self._sources = sources
        self._events = events
        self._chosen = sources[-1]

    def root(self) -> Content:
        """The manifest or index."""
        for source in self._sources[:-1]:
            try:
                content = source.root()
            except (RegistryUnreachable, NotInRegistry) as error:
                self._events.emit(MessageEvent(phase=Phase.WARNING, text=f"mirror passed over: {error.message}"))
            else:
                self._chosen = source
                return content
        return self._sources[-1].root()

    def manifest(self, digest: Digest) -> Content:
        """A manifest or index that another names."""
        return self._chosen.manifest(digest)

    def document(self, descriptor: Descriptor) -> bytes:
        """A small blob, verified."""
        return self._chosen.document(descriptor)

    def open(self, descriptor: Descriptor, offset: int = 0) -> contextlib.AbstractContextManager[Opened]:
        """A blob."""
        return self._chosen.open(descriptor, offset)


class RegistryTarget:
    """A repository, and the tag (or digest) that the image gets there. `mounts` are the registry's repositories that may have a blob already."""

    def __init__(
        self,
        repository: Repository,
        tag_or_digest: str,
        transfers: int,
        *,
        mounts: Callable[[Digest], Sequence[str]] = lambda _digest: (),
        chunk_bytes: int = 0,
    ) -> None:
        self.transfers = transfers
        self._repository = repository
        self._name = tag_or_digest
        self._mounts = mounts
        self._chunk_bytes = chunk_bytes

    def has(self, descriptor: Descriptor) -> bool:
        """Whether the repository has a blob."""
        return self._repository.has_blob(descriptor.digest)

    def put(self, descriptor: Descriptor, source: ContentSource, on_bytes: OnBytes) -> str:
        """Take a blob from another repository of the registry, or send it."""
        from cais.registry.upload import Upload

        url = None
        for repository in self._mounts(descriptor.digest):
            if repository != self._repository.name:
                url = self._repository.begin_upload(mount=descriptor.digest, source=repository)
                if url is None:
                    return f"Mounted from {repository}"
                break  # it has opened an upload instead
        open_at = functools.partial(_verified, source, descriptor)
        Upload(self._repository, descriptor, open_at, on_bytes, chunk_bytes=self._chunk_bytes).run(url)
        return "Pushed"

    def put_manifest(self, content: Content, *, is_root: bool) -> Content:
        """Store a manifest or index; one that an old registry does not take is offered in Docker's form."""
        name = self._name if is_root else content.digest
        try:
            self._repository.put_manifest(content, name)
        except Refused as error:
            converted = in_dockers_form(content) if is_root and error.status in _UNKNOWN_FORM else None
            if converted is None:
                raise
            self._repository.put_manifest(converted, name)
            return converted
        return content


@contextlib.contextmanager
def _verified(source: ContentSource, descriptor: Descriptor, offset: int) -> Iterator[Opened]:
    # From the beginning it is verified here, so that the fault is found where it is; what goes on later is verified by the registry.
    with source.open(descriptor, offset) as opened:
        if opened.start == 0:
            verified = VerifiedReader(opened.stream, descriptor.digest, descriptor.size)  # type: ignore[arg-type]  # it only reads
            yield Opened(verified, 0)
        else:
            yield opened


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

    transport = Transport(endpoint, settings)
    return Repository(transport, name, find, actions=actions, also_from=also_from, policy=settings.retry)

"""What all parts of one build share: the request, the store, the contexts, and the digests of what steps take in."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING

import msgspec

from cais.build import host
from cais.build.cachekey import base_key
from cais.build.contexts import Contexts, Located
from cais.build.downloads import Downloads
from cais.build.executor import BuildExecutor
from cais.build.filedigests import FileDigests
from cais.build.remotecache import CachePlaces, Imported
from cais.build.request import BuildRequest, ImageSource, epoch_of
from cais.build.select import Match, Selection, digest_matches, select
from cais.build.sources import LAYOUT_CONTEXT, Context, Image, Source, StageOutput
from cais.build.tree import Tree
from cais.clock import Clock
from cais.dockerfile import ignorefile
from cais.errors import BuildError, CaisError, Span
from cais.events import EventSink
from cais.images.model import History, StoredImage
from cais.images.protocol import ImageStore, PreparedSnapshot
from cais.locations import Locations

if TYPE_CHECKING:
    from cais.build.repositories import Repositories


class StageResult(msgspec.Struct, frozen=True, kw_only=True):
    """What a stage came to: its key, its files ("" for none), and its history with the base image's."""

    key: str
    snapshot: str
    history: tuple[History, ...] = ()


class Trail(msgspec.Struct, frozen=True, kw_only=True):
    """How a stage came to its files: its steps as (key, words), after those of the stage `base` if it begins with one."""

    base: int | None
    steps: tuple[tuple[str, str], ...]


class Session:
    """One build. `stage_result` gives the result of another stage, waiting for it if need be; `stage_key` its key, which may be known
    before the stage is made."""

    def __init__(
        self,
        request: BuildRequest,
        *,
        store: ImageStore,
        images: ImageSource,
        executor: BuildExecutor,
        events: EventSink,
        clock: Clock,
        locations: Locations,
        caches: CachePlaces | None = None,
    ) -> None:
        self.request = request
        self.caches = caches
        self.store = store
        self.executor = executor
        self.events = events
        self.clock = clock
        self.locations = locations
        self.epoch_s = epoch_of(request)
        self.stage_result: Callable[[int], StageResult] = _no_stages
        self.stage_key: Callable[[int], str] = _no_keys
        self.trails: dict[int, Trail] = {}
        self.digests_of_stages: dict[str, str] = {}
        self.cancelled = threading.Event()
        self.made: dict[str, str] = {}
        self.used_keys: list[str] = []
        self.found_count = 0
        self.made_count = 0
        self.downloads = Downloads(os.path.join(locations.build, "downloads"), request.environment, request.secrets)
        self._stack = contextlib.ExitStack()
        self._images = images
        self._resolved: dict[str, StoredImage] = {}
        self._trees: dict[str, Tree] = {}
        self._digests: list[FileDigests] = []
        self._matches: dict[tuple[str, Selection], tuple[Match, ...]] = {}
        self._digests_of_matches: dict[tuple[str, Selection], str] = {}
        self._lock = threading.Lock()

    @functools.cached_property
    def repositories(self) -> Repositories:
        """Git repositories; over SSH with the agent that the build was given as `default`."""
        from cais.build.repositories import Repositories

        folder = os.path.join(self.locations.build, "git")
        return Repositories(folder, self.request.environment, self.request.secrets, self._agent())

    @functools.cached_property
    def imported(self) -> Imported:
        """What caches elsewhere have."""
        return Imported(self.caches, self.request.cache_from, self.store, self.events)

    @functools.cached_property
    def contexts(self) -> Contexts:
        """Finds the build's contexts."""
        keep = self.request.given_arguments.get("BUILDKIT_CONTEXT_KEEP_GIT_DIR", "") in ("1", "true")
        folder = os.path.join(self.locations.build, "contexts")
        return Contexts(folder, self.downloads, lambda: self.repositories, keep_git_dir=keep)

    @functools.cached_property
    def main(self) -> Located:
        """The main context."""
        return self.contexts.locate(self.request.context) if self.request.context else Located()

    def _agent(self) -> str:
        given = self.request.ssh.get("default")
        if given is None:
            return ""
        from cais.build.agent import offered
        from cais.build.privatefolder import private_folder

        folder = self._stack.enter_context(private_folder(self.locations.run))
        return self._stack.enter_context(offered(given, folder))

    def image(self, reference: str, span: Span) -> StoredImage:
        """The image, found once. Raises PullError, placed at `span`."""
        with self._lock:
            known = self._resolved.get(reference)
        if known is None:
            known = self._resolve(reference, span)
            with self._lock:
                self._resolved[reference] = known
        return known

    def present(self, reference: str, span: Span) -> StoredImage | None:
        """The image, if it is in the store and may be taken from there. Raises CaisError, placed at `span`, for what is no reference."""
        if self.request.pull or reference.startswith(LAYOUT_CONTEXT):
            return None
        try:
            return self.store.find(reference)
        except CaisError as error:
            error.span = error.span or span
            raise

    def _resolve(self, reference: str, span: Span) -> StoredImage:
        try:
            return self.present(reference, span) or self._images.resolve(reference, pull=self.request.pull)
        except CaisError as error:
            error.span = error.span or span
            raise

    def identity(self, source: Source, span: Span) -> str:
        """What makes `source` what it is: a stage's key, an image's id."""
        if isinstance(source, StageOutput):
            return self.stage_key(source.index)
        assert isinstance(source, Image)
        return base_key(self.image(source.reference, span).id, self.epoch_s)

    def snapshot(self, source: StageOutput | Image, span: Span) -> str:
        """The files of a stage or an image."""
        if isinstance(source, StageOutput):
            return self.stage_result(source.index).snapshot
        chain = self.image(source.reference, span).chain_ids
        return chain[-1] if chain else ""

    @contextlib.contextmanager
    def tree(self, source: Source, span: Span) -> Iterator[Tree]:
        """The files of `source`, for the time of the block."""
        if isinstance(source, Context):
            yield self.context(source.name)
            return
        with self.store.snapshots.prepare(self.snapshot(source, span)) as mounted:
            yield Tree(mounted.merged)

    @contextlib.contextmanager
    def scratch(self) -> Iterator[str]:
        """An empty folder, gone after the block (or, when this process dies, with the store's next sweep)."""
        with self.store.snapshots.prepare("") as prepared:
            yield prepared.merged

    @contextlib.contextmanager
    def working(self, parent: str, *, lend: bool) -> Iterator[PreparedSnapshot]:
        """A writable layer on `parent`; with `lend` this machine's certificates are seen in it, and taken out again at the end."""
        bundle = host.find_bundle(self.request.environment) if lend and self.request.host_ca else None
        if bundle is None or not parent:
            with self.store.snapshots.prepare(parent) as prepared:
                yield prepared
            return
        with self.scratch() as folder:
            with self.store.snapshots.prepare(parent) as plain:
                covered = host.lay_over(plain.merged, bundle, folder)
                originals = {path: host.read(plain.merged + path) for path in covered}
            with self.store.snapshots.prepare(parent, over=(folder,) if covered else ()) as prepared:
                yield _Returning(prepared, bundle, originals)

    def context(self, name: str) -> Tree:
        """A named context, or the main one. Raises BuildError when the build has none."""
        with self._lock:
            if name not in self._trees:
                located = self.contexts.locate(self.request.contexts[name]) if name else self.main
                self._trees[name] = self._open_context(located.folder, "" if name else self.request.dockerfile)
            return self._trees[name]

    def matches(self, context: Context, selection: Selection, span: Span) -> tuple[Match, ...]:
        """What `selection` names in a context. Raises BuildError. Found once: a context is the same for the whole build."""
        found = self._matches.get((context.name, selection))
        if found is None:
            found = self._matches[context.name, selection] = select(self.context(context.name), selection, span)
        return found

    def digest(self, source: Source, selection: Selection, span: Span) -> str:
        """The digest of what `selection` names in `source`.

        Of a stage or an image it is remembered by what made them, so that their files need not be there to know it; and when they are
        made anew and come out the same, so does everything that takes files from them.
        """
        if isinstance(source, Context):
            known = self._digests_of_matches.get((source.name, selection))
            if known is None:
                known = digest_matches(self.context(source.name), self.matches(source, selection, span))
                self._digests_of_matches[source.name, selection] = known
            return known
        alias = hashlib.sha256(
            f"digest {self.identity(source, span)} ".encode() + msgspec.json.encode(selection)
        ).hexdigest()
        row = self.store.get_cached(alias)
        if row is None:
            with self.tree(source, span) as tree:
                row = {"digest": digest_matches(tree, select(tree, selection, span))}
            self.store.put_cached(alias, "", row)
        self.digests_of_stages[alias] = row["digest"]
        return row["digest"]

    def count(self, *, cached: bool) -> None:
        """One more step is through."""
        with self._lock:
            if cached:
                self.found_count += 1
            else:
                self.made_count += 1

    def close(self) -> None:
        """Keep what was learned about the contexts' files, note which cached steps were used, and end what speaks for the build."""
        self._stack.close()
        self.store.touch_cached(self.used_keys)
        for digests in self._digests:
            digests.save()

    def ignore_patterns(self, folder: str, dockerfile: str) -> tuple[ignorefile.Pattern, ...]:
        """What is left out of the context at `folder`. Raises InvalidDockerfile for an ignore file that cannot be read."""

        def read(name: str) -> str | None:
            try:
                with open(os.path.join(folder, name), encoding="utf-8", errors="surrogateescape") as stream:
                    return stream.read()
            except (FileNotFoundError, NotADirectoryError):
                return None

        return ignorefile.find(dockerfile, read)

    def _open_context(self, folder: str, dockerfile: str) -> Tree:
        if not folder:
            raise BuildError("the build has no context", hint="give a folder as the build context")
        digests = FileDigests(os.path.join(self.locations.build, "digests"), folder, self.clock)
        self._digests.append(digests)
        ignored = ignorefile.IgnoreMatcher(self.ignore_patterns(folder, dockerfile))
        tree = Tree(folder, is_context=True, ignored=ignored, digests=digests)
        tree.root()
        return tree


class _Returning:
    """A prepared snapshot that gives back what was lent before it is committed."""

    def __init__(self, prepared: PreparedSnapshot, bundle: str, originals: Mapping[str, bytes]) -> None:
        self._prepared = prepared
        self._bundle = bundle
        self._originals = originals

    @property
    def merged(self) -> str:
        """The mounted root file system."""
        return self._prepared.merged

    @property
    def upper(self) -> str:
        """The folder that becomes the layer."""
        return self._prepared.upper

    def commit(self, *, epoch_s: int | None = None, fold: bool = False) -> str:
        """Keep the layer, without what was lent."""
        host.take_out(self.merged, self.upper, self._bundle, self._originals)
        return self._prepared.commit(epoch_s=epoch_s, fold=fold)


def _no_stages(_index: int) -> StageResult:
    raise AssertionError("the build has not begun")


def _no_keys(_index: int) -> str:
    raise AssertionError("the build has not begun")

"""From a request to an image: the stages the target needs, from the cache or made, side by side where they do not wait for each other."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping

import msgspec

from cais.build import entitlements, keeping
from cais.build.check import Checked, check, read_dockerfile, refuse_fatal
from cais.build.evaluate import Evaluated
from cais.build.executor import BuildExecutor
from cais.build.graph import Graph
from cais.build.parallel import Outcomes, run_side_by_side
from cais.build.platform import Platform, automatic_arguments, require_this
from cais.build.remotecache import CachePlaces, Chain, chain_of
from cais.build.request import BuildRequest, ImageSource
from cais.build.scope import read_arguments, unknown_arguments
from cais.build.session import Session, StageResult
from cais.build.sources import StageOutput
from cais.build.stage import NotReady, StageWork
from cais.build.stages import Stages
from cais.clock import Clock, rfc3339
from cais.dockerfile.instructions import Dockerfile
from cais.dockerfile.parser import parse
from cais.errors import BuildError, CaisError, Span
from cais.events import EventSink, MessageEvent, Phase
from cais.images.model import ImageConfig, StoredImage
from cais.images.protocol import ImageStore
from cais.locations import Locations


def build(
    request: BuildRequest,
    *,
    store: ImageStore,
    images: ImageSource,
    executor: BuildExecutor,
    events: EventSink,
    clock: Clock,
    locations: Locations,
    caches: CachePlaces | None = None,
) -> StoredImage:
    """Build the image, tag it, and return it. Two builds of the same may run at once, in one process or several.

    Raises InvalidDockerfile, BuildError (a step failed), PullError (a base image could not be had), NotFoundError (no Dockerfile, no
    such target).
    """
    session = Session(
        request,
        store=store,
        images=images,
        executor=executor,
        events=events,
        clock=clock,
        locations=locations,
        caches=caches,
    )
    with keeping.building(locations.build), contextlib.closing(session):
        image = _build(session)
    if session.made_count:
        _keep_bound(session)
    return image


def _keep_bound(session: Session) -> None:
    """Now and then, and never so that the build fails for it: what has been unused for longest makes room."""
    from cais.build.prune import BOUND_VARIABLE, bound_of, keep_bound

    locations = session.locations
    try:
        bound_bytes = bound_of(session.request.environment.get(BOUND_VARIABLE), locations.build)
        pruned = keep_bound(
            bound_bytes, store=session.store, executor=session.executor, locations=locations, clock=session.clock
        )
    except (OSError, CaisError) as error:
        text = f"the build cache could not be kept within its bound: {error}"
        session.events.emit(MessageEvent(phase=Phase.WARNING, text=text))
        return
    if pruned is not None and pruned.removed:
        text = (
            f"the build cache was over its bound: removed {len(pruned.removed)} things, {pruned.freed_bytes >> 20} MiB"
        )
        session.events.emit(MessageEvent(phase=Phase.DONE, text=text))


def check_only(
    request: BuildRequest,
    *,
    store: ImageStore,
    images: ImageSource,
    executor: BuildExecutor,
    events: EventSink,
    clock: Clock,
    locations: Locations,
) -> Checked:
    """What the build checks find; nothing is built. Raises InvalidDockerfile, BuildError, NotFoundError."""
    session = Session(
        request, store=store, images=images, executor=executor, events=events, clock=clock, locations=locations
    )
    with keeping.building(locations.build), contextlib.closing(session):
        return check(session, read_dockerfile(session))


def _build(session: Session) -> StoredImage:
    request = session.request
    began = session.clock.monotonic()
    if request.network not in ("", "default", "host", "none"):
        raise BuildError(
            f'a build cannot be in the network "{request.network}"', hint='use "default", "host" or "none"'
        )
    written = read_dockerfile(session)
    dockerfile = parse(written.text, written.file)
    _tell_findings(session, check(session, written))
    platform = require_this(request.platform)
    stage = request.target or (dockerfile.stages[-1].name if dockerfile.stages else "")
    arguments = read_arguments(dockerfile, request.given_arguments, automatic_arguments(platform, stage))
    _warn_of_unknown(session, dockerfile)
    graph = Graph(dockerfile, arguments, request.contexts)
    target = graph.target(request.target)
    works = Stages(session, dockerfile, graph, target, arguments).prepare()
    entitlements.check(request, (step for work in works.values() for step in work.evaluated.steps))
    result = _solve(session, works, target)
    image = _finish(session, works[target].evaluated, result, platform)
    _give_cache(session, target)
    _sum_up(session, session.clock.monotonic() - began)
    return image


def _sum_up(session: Session, elapsed_s: float) -> None:
    total = session.found_count + session.made_count
    steps = "1 step" if total == 1 else f"{total} steps"
    how = "all from the cache" if total and not session.made_count else f"{session.found_count} from the cache"
    text = f"{session.request.name}: {steps}, {how}, in {elapsed_s:.1f} s"
    session.events.emit(MessageEvent(phase=Phase.DONE, text=text))


def _tell_findings(session: Session, checked: Checked) -> None:
    refuse_fatal(checked)
    for each in checked.findings:
        text = f"{_short(each.span)}: {each.rule}: {each.message} ({each.hint})"
        session.events.emit(MessageEvent(phase=Phase.WARNING, text=text))


def _short(span: Span) -> str:
    """A place without the folders above the Dockerfile."""
    return str(msgspec.structs.replace(span, file=os.path.basename(span.file)))


def _warn_of_unknown(session: Session, dockerfile: Dockerfile) -> None:
    unknown = unknown_arguments(dockerfile, session.request.given_arguments)
    if unknown:
        names = ", ".join(f'"{name}"' for name in unknown)
        text = f"no ARG in {dockerfile.file} asks for the build argument{'s' if len(unknown) > 1 else ''} {names}"
        session.events.emit(MessageEvent(phase=Phase.WARNING, text=text))


def _solve(session: Session, works: Mapping[int, StageWork], target: int) -> StageResult:
    """The target's result. What the cache knows is found first, in this thread; only what is missing then is made."""
    results: dict[int, StageResult] = {}

    def known(index: int) -> StageResult:
        if index not in results:
            raise NotReady
        return results[index]

    keys: dict[int, str] = {}

    def key(index: int) -> str:
        if index not in keys:
            keys[index] = results[index].key if index in results else works[index].final_key()
        return keys[index]

    session.stage_result, session.stage_key = known, key
    for index, work in works.items():
        found = work.probe()
        if found is not None:
            results[index] = found
    if target in results:
        return results[target]
    outcomes: Outcomes[int, StageResult] = Outcomes(results)
    session.stage_result = outcomes.wait
    session.stage_key = lambda index: keys[index] if index in keys else outcomes.wait(index).key
    jobs = {
        index: functools.partial(outcomes.settle, index, works[index].make)
        for index in _missing(works, results, target)
    }
    run_side_by_side(jobs, session.cancelled)
    return outcomes.wait(target)


def _give_cache(session: Session, target: int) -> None:
    """Keep the layers elsewhere, where that was asked for."""
    if session.caches is None:
        return
    for place in session.request.cache_to:
        stages = [target, *(sorted(set(session.trails) - {target}) if place.everything else ())]
        session.caches.write(place, _chains(session, stages))
        session.events.emit(MessageEvent(phase=Phase.DONE, text=f'the cache is kept in "{place.shown}"'))


def _chains(session: Session, stages: Iterable[int]) -> Iterator[Chain]:
    for index in stages:
        chain = chain_of(_whole_trail(session, index), session.digests_of_stages, session.store)
        if chain is not None:
            yield chain


def _whole_trail(session: Session, index: int) -> list[tuple[str, str]]:
    """The steps of a stage, after those of the stages it begins with."""
    steps: list[tuple[str, str]] = []
    following: int | None = index
    while following is not None and following in session.trails:
        trail = session.trails[following]
        steps[:0] = trail.steps
        following = trail.base
    return steps


def _missing(works: Mapping[int, StageWork], results: Mapping[int, StageResult], target: int) -> list[int]:
    """The stages to be made: the target, and what its remaining steps and theirs take files from. In the order of `works`."""
    needed = {target}
    waiting = [target]
    while waiting:
        for source in works[waiting.pop()].remaining_sources:
            if isinstance(source, StageOutput) and source.index not in results and source.index not in needed:
                needed.add(source.index)
                waiting.append(source.index)
    return [index for index in works if index in needed]


def _finish(session: Session, evaluated: Evaluated, result: StageResult, platform: Platform) -> StoredImage:
    """The image of a stage. One that exists already, with its tags, is only looked up."""
    request = session.request
    config = ImageConfig(
        architecture=platform.architecture,
        os=platform.os,
        variant=platform.variant,
        config=msgspec.structs.replace(evaluated.config, labels={**evaluated.config.labels, **request.labels}),
        history=result.history,
        created=rfc3339(session.epoch_s),
        author=evaluated.author,
    )
    key = "image " + hashlib.sha256(msgspec.json.encode(config) + result.key.encode()).hexdigest()
    row = None if request.no_cache else session.store.get_cached(key)
    image = session.store.find(row["image"]) if row is not None and row["snapshot"] == result.snapshot else None
    if image is None:
        image = session.store.create(config, result.snapshot, references=request.tags, created_at=session.clock.now())
        # Making the image may have given its top layer another id.
        snapshot = image.chain_ids[-1] if image.chain_ids else ""
        session.store.put_cached(key, snapshot, {"image": image.id})
        return image
    missing = False
    for tag in request.tags:
        present = session.store.find(tag)
        if present is None or present.id != image.id:
            session.store.tag(image.id, tag)
            missing = True
    return session.store.find(image.id) or image if missing else image

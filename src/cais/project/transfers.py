"""Fetching the images of a project's services, and giving the built ones to their registries, several at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import msgspec

from cais.compose.model.project import Project
from cais.compose.model.service import Service
from cais.errors import CaisError, PullError, Span
from cais.events import EventSink, MessageEvent, Phase, ResourceEvent
from cais.images.reference import parse_reference
from cais.project.ensure import ImageSource
from cais.project.pullpolicy import PullRule, parse_policy

_AT_A_TIME = 4


class Pusher(Protocol):
    """Gives an image to its registry."""

    def push(self, reference: str) -> None:
        """Raises CaisError."""


class PullOptions(msgspec.Struct, frozen=True, kw_only=True):
    """As Docker Compose's flags: `policy` in place of the services' own ("" for theirs)."""

    policy: str = ""
    ignore_buildable: bool = False
    ignore_failures: bool = False


class Transfer(msgspec.Struct, frozen=True):
    """One image to fetch or to give, for a service."""

    service: str
    reference: str
    place: Span | None
    is_buildable: bool


class Skipped(msgspec.Struct, frozen=True):
    """A service with nothing to do, and why."""

    service: str
    why: str


def plan_pull(
    project: Project, services: Sequence[str], source: ImageSource, options: PullOptions
) -> tuple[Transfer | Skipped, ...]:
    """What to fetch for each of `services`; each image once."""
    planned: list[Transfer | Skipped] = []
    taken: dict[str, str] = {}
    for name in services:
        service = project.services[name]
        why = _why_not_pulled(service, source, options)
        if why is None and service.image in taken:
            why = f"the image is already being pulled by {taken[service.image]}"
        if why is not None:
            planned.append(Skipped(name, why))
            continue
        taken[service.image] = name
        planned.append(Transfer(name, service.image, _place(project, name), service.build is not None))
    return tuple(planned)


def plan_push(project: Project, services: Sequence[str]) -> tuple[Transfer | Skipped, ...]:
    """What to give for each of `services`: images with a name that are built here, under all their tags."""
    planned: list[Transfer | Skipped] = []
    for name in services:
        service = project.services[name]
        if service.build is None:
            planned.append(Skipped(name, "the image is not built here"))
        elif not service.image:
            planned.append(Skipped(name, "the image has no name of its own"))
        else:
            tags = dict.fromkeys((service.image, *service.build.tags))
            planned += [Transfer(name, tag, _place(project, name), is_buildable=True) for tag in tags]
    return tuple(planned)


def pull(planned: Sequence[Transfer | Skipped], source: ImageSource, events: EventSink, options: PullOptions) -> None:
    """Fetch. Raises the first error (rather of an image that cannot be built instead) when everything else has been tried; with `ignore_failures` they are only told."""
    _tell_skipped(planned, events)
    jobs = [each for each in planned if isinstance(each, Transfer)]
    failures = _run(jobs, lambda job: source.resolve(job.reference, pull=True))
    to_build = [job.service for job in jobs if job.is_buildable and job.reference in failures]
    for reference, error in failures.items():
        if options.ignore_failures or any(job.is_buildable for job in jobs if job.reference == reference):
            events.emit(MessageEvent(phase=Phase.WARNING, text=error.message))
    if to_build:
        text = f"some images must be built from source: cais build {' '.join(to_build)}"
        events.emit(MessageEvent(phase=Phase.WARNING, text=text))
    if failures and not options.ignore_failures:
        job = min((job for job in jobs if job.reference in failures), key=lambda job: job.is_buildable)
        raise _placed(failures[job.reference], job.place)


def push(
    planned: Sequence[Transfer | Skipped], pusher: Pusher, events: EventSink, *, ignore_failures: bool = False
) -> None:
    """Give. Raises the first error, after everything else has been tried; with `ignore_failures` they are only told."""
    _tell_skipped(planned, events)
    jobs = [each for each in planned if isinstance(each, Transfer)]
    failures = _run(jobs, lambda job: pusher.push(job.reference))
    if ignore_failures:
        for error in failures.values():
            events.emit(MessageEvent(phase=Phase.WARNING, text=error.message))
    elif failures:
        raise failures[next(job.reference for job in jobs if job.reference in failures)]


def _why_not_pulled(service: Service, source: ImageSource, options: PullOptions) -> str | None:
    if not service.image:
        return "there is no image to be pulled"
    policy = parse_policy(options.policy or service.pull_policy)
    if policy.rule in {PullRule.NEVER, PullRule.BUILD}:
        return f"pull_policy is {policy.rule.value}"
    is_present = source.local(service.image) is not None
    # As Docker Compose: without a policy `pull` pulls, and so it does whatever is called "latest".
    if policy.rule is PullRule.MISSING and is_present and parse_reference(service.image).tag != "latest":
        return "the image is already here"
    if policy.rule is PullRule.AGE and not policy.wants(is_present=is_present, age_s=source.age_s(service.image)):
        return "the image was pulled not long ago"
    if service.build is not None and options.ignore_buildable:
        return "the image can be built"
    return None


def _tell_skipped(planned: Sequence[Transfer | Skipped], events: EventSink) -> None:
    for each in planned:
        if isinstance(each, Skipped):
            events.emit(
                ResourceEvent(kind="Service", name=each.service, phase=Phase.DONE, status="Skipped", detail=each.why)
            )


def _run(jobs: Sequence[Transfer], work: Callable[[Transfer], object]) -> Mapping[str, CaisError]:
    """Do all jobs, several at a time; the errors by reference."""
    from concurrent.futures import ThreadPoolExecutor

    failures: dict[str, CaisError] = {}

    def attempt(job: Transfer) -> None:
        try:
            work(job)
        except CaisError as error:
            failures[job.reference] = error

    with ThreadPoolExecutor(_AT_A_TIME, thread_name_prefix="transfer") as pool:
        for done in [pool.submit(attempt, job) for job in jobs]:
            done.result()
    return failures


def _place(project: Project, service: str) -> Span | None:
    return project.origins.of("services", service, "image")


def _placed(error: CaisError, place: Span | None) -> CaisError:
    """The same with the Compose file's place, which the source cannot know."""
    if not isinstance(error, PullError) or error.span is not None:
        return error
    return PullError(error.message, span=place, hint=error.hint, details=error.details)

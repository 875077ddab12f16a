"""What the schema cannot see: names that nothing defines, circles, values that contradict each other. One function a rule."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping

import msgspec

from cais.compose import reading
from cais.compose.cycles import cycles
from cais.compose.defaults import SERVICE_PREFIX
from cais.compose.nodes import MapNode, Node, Path, ScalarNode
from cais.compose.problems import Problems, nearest
from cais.errors import Span

_RESTART = re.compile(r"(no|always|unless-stopped|on-failure(:[0-9]+)?)?\Z")


class Subject(msgspec.Struct, frozen=True):
    """What the rules look at. `damaged` are the paths whose errors are told already."""

    tree: MapNode
    enabled: Mapping[str, MapNode]
    disabled: Mapping[str, MapNode]
    damaged: Collection[Path]
    problems: Problems

    def spans(self, name: str) -> Span:
        """Where the service is defined."""
        services = self.tree.get("services")
        return services.key_span(name) if isinstance(services, MapNode) else self.tree.span


_Rule = Callable[[str, MapNode, Subject], None]


def check(subject: Subject) -> None:
    """Tell every inconsistency of the enabled services and of what they use."""
    for name, service in subject.enabled.items():
        for rule in _SERVICE_RULES:
            rule(name, service, subject)
    _container_names(subject)
    _circles(subject)
    for section in ("secrets", "configs"):
        _sources(section, subject)
    for section in ("networks", "volumes"):
        _external(section, subject)


def _has_image(name: str, service: MapNode, subject: Subject) -> None:
    if any(key in service.items for key in ("image", "build", "provider")):
        return
    told = {path[2] if len(path) > 2 else "" for path in subject.damaged if path[:2] == ("services", name)}
    if not told & {"", "image", "build", "provider", "extends"} and not any(
        nearest(str(key), ["image", "build"]) for key in told
    ):
        subject.problems.error(
            f'service "{name}" has neither an image nor a build', subject.spans(name), 'add "image:" or "build:"'
        )


def _defined(kind: str, section: str, wanted: str, span: Span, user: str, subject: Subject) -> None:
    known = [name for name, _, _ in reading.entries(subject.tree, section)]
    if wanted not in known:
        message = f'{user} refers to the {kind} "{wanted}", which is not defined'
        subject.problems.error(
            message, span, nearest(wanted, known) or f'define it: add "{wanted}:" under "{section}:" at the top level'
        )


def _one_dockerfile(name: str, service: MapNode, subject: Subject) -> None:
    inline = reading.child(service, "build", "dockerfile_inline")
    if inline is not None and reading.child(service, "build", "dockerfile") is not None:
        subject.problems.error(
            f'the build of service "{name}" has both "dockerfile" and "dockerfile_inline"',
            inline.span,
            "remove one of them",
        )


def _references(name: str, service: MapNode, subject: Subject) -> None:
    user = f'service "{name}"'
    for network, _, span in reading.entries(service, "networks"):
        _defined("network", "networks", network, span, user, subject)
    for model, _, span in reading.entries(service, "models"):
        _defined("model", "models", model, span, user, subject)
    for mount in reading.items(service, "volumes"):
        source = reading.text(mount, "source")
        if reading.text(mount, "type") == "volume" and source:
            _defined("volume", "volumes", source, mount.span, user, subject)
    for kind, section, path in (
        ("secret", "secrets", ("secrets",)),
        ("config", "configs", ("configs",)),
        ("secret", "secrets", ("build", "secrets")),
    ):
        for item in reading.items(service, *path):
            _defined(kind, section, reading.text(item, "source"), item.span, user, subject)


def _needs_service(wanted: str, span: Span, name: str, verb: str, subject: Subject) -> None:
    if wanted in subject.enabled:
        return
    if wanted in subject.disabled:
        profiles = " ".join(
            f"--profile {profile}" for profile, _ in reading.texts(subject.disabled[wanted], "profiles")[:1]
        )
        subject.problems.error(
            f'service "{name}" {verb} "{wanted}", whose profile is not active', span, f"activate it: {profiles}"
        )
        return
    known = [*subject.enabled, *subject.disabled]
    subject.problems.error(
        f'service "{name}" {verb} "{wanted}", which is not defined',
        span,
        nearest(wanted, known) or f"services are: {', '.join(known)}",
    )


def _services(name: str, service: MapNode, subject: Subject) -> None:
    for wanted, entry, span in reading.entries(service, "depends_on"):
        if reading.value(entry, "required") is not False:
            _needs_service(wanted, span, name, "depends on", subject)
        elif wanted not in subject.enabled and wanted not in subject.disabled:
            message = f'service "{name}" depends on "{wanted}", which is not defined; it does not require it'
            subject.problems.warn(message, span, nearest(wanted, [*subject.enabled, *subject.disabled]))
    for label, location, _ in reading.entries(service, "build", "additional_contexts"):
        told = reading.text(location)
        if told.startswith(SERVICE_PREFIX):
            _context_of(told.removeprefix(SERVICE_PREFIX), label, location.span, name, subject)


def _context_of(wanted: str, label: str, span: Span, name: str, subject: Subject) -> None:
    """A build context that is the image of another service."""
    _needs_service(wanted, span, name, f'takes the build context "{label}" from', subject)
    if wanted in subject.enabled and reading.child(subject.enabled[wanted], "build") is None:
        message = f'service "{name}" takes the build context "{label}" from "{wanted}", which is not built'
        subject.problems.error(
            message, span, f'give "{wanted}" a build, or name its image: {label}=docker-image://REFERENCE'
        )


def _network_mode(name: str, service: MapNode, subject: Subject) -> None:
    mode = service.get("network_mode")
    if not isinstance(mode, ScalarNode):
        return
    if reading.child(service, "networks") is not None:
        subject.problems.error(
            f'service "{name}" has both "network_mode" and "networks"', mode.span, "remove one of them"
        )
    ports = reading.items(service, "ports")
    if ports and mode.value != "bridge":
        subject.problems.warn(
            f'the ports of service "{name}" are not published: its network_mode is "{mode.value}"', ports[0].span
        )


def _restart(name: str, service: MapNode, subject: Subject) -> None:
    policy = service.get("restart")
    if isinstance(policy, ScalarNode) and not _RESTART.match(str(policy.value)):
        hint = (
            nearest(str(policy.value), ["always", "on-failure", "unless-stopped"])
            or "known are: no, always, on-failure[:n], unless-stopped"
        )
        subject.problems.error(
            f'"restart" of service "{name}" is "{policy.value}", which is no policy', policy.span, hint
        )


_TWICE_SAID = (
    (("mem_limit",), ("deploy", "resources", "limits", "memory")),
    (("mem_reservation",), ("deploy", "resources", "reservations", "memory")),
    (("cpus",), ("deploy", "resources", "limits", "cpus")),
    (("pids_limit",), ("deploy", "resources", "limits", "pids")),
    (("scale",), ("deploy", "replicas")),
)


def _said_twice(name: str, service: MapNode, subject: Subject) -> None:
    for short, long in _TWICE_SAID:
        first, second = reading.child(service, *short), reading.child(service, *long)
        if isinstance(first, ScalarNode) and isinstance(second, ScalarNode) and first.value != second.value:
            message = f'service "{name}" says "{short[0]}" and, otherwise, "{".".join(long)}", at {second.span}'
            subject.problems.error(message, first.span, "remove one of them")


def _replicas(name: str, service: MapNode, subject: Subject) -> None:
    for path in (("scale",), ("deploy", "replicas")):
        count = reading.child(service, *path)
        if not isinstance(count, ScalarNode) or not isinstance(count.value, int):
            continue
        if count.value < 0:
            subject.problems.error(f'service "{name}" cannot have {count.value} replicas', count.span)
        if count.value > 1 and "container_name" in service.items:
            subject.problems.error(
                f'service "{name}" has {count.value} replicas and one container_name',
                count.span,
                'remove "container_name"',
            )


def _platform(name: str, service: MapNode, subject: Subject) -> None:
    platform = service.get("platform")
    built = [told for told, _ in reading.texts(service, "build", "platforms")]
    if isinstance(platform, ScalarNode) and built and platform.value not in built:
        message = f'the build of service "{name}" is not for its platform "{platform.value}"'
        subject.problems.error(message, platform.span, f"its platforms are: {', '.join(built)}")


def _one_mount_a_place(name: str, service: MapNode, subject: Subject) -> None:
    taken: dict[str, Span] = {}
    places = [(told.partition(":")[0], span) for told, span in reading.texts(service, "tmpfs")]
    places += [(reading.text(mount, "target"), mount.span) for mount in reading.items(service, "volumes")]
    for place, span in places:
        if place in taken:
            message = f'service "{name}" mounts two things on "{place}", the other at {taken[place]}'
            subject.problems.error(message, span, "remove one of them")
        taken.setdefault(place, span)


def _watch(name: str, service: MapNode, subject: Subject) -> None:
    for rule in reading.items(service, "develop", "watch"):
        action = reading.text(rule, "action")
        if action not in {"rebuild", "restart"} and not reading.text(rule, "target"):
            message = f'a watch rule of service "{name}" with the action "{action}" has no "target"'
            subject.problems.error(message, rule.span, "say where in the container the files go")


_SERVICE_RULES: tuple[_Rule, ...] = (
    _has_image,
    _one_dockerfile,
    _references,
    _services,
    _network_mode,
    _restart,
    _said_twice,
    _replicas,
    _platform,
    _one_mount_a_place,
    _watch,
)


def _container_names(subject: Subject) -> None:
    seen: dict[str, tuple[str, Span]] = {}
    for name, service in subject.enabled.items():
        node = service.get("container_name")
        if not isinstance(node, ScalarNode):
            continue
        told = str(node.value)
        if told in seen:
            other, span = seen[told]
            subject.problems.error(
                f'services "{other}" and "{name}" have the same container_name "{told}"',
                node.span,
                f"the other is at {span}",
            )
        seen.setdefault(told, (name, node.span))


def _circles(subject: Subject) -> None:
    edges = {
        name: {other: span for other, _, span in reading.entries(service, "depends_on") if other in subject.enabled}
        for name, service in subject.enabled.items()
    }
    for circle in cycles({name: list(others) for name, others in edges.items()}):
        places = [edges[name][other] for name, other in zip(circle, [*circle[1:], circle[0]], strict=True)]
        told = " -> ".join([*circle, circle[0]])
        hint = f"take one of these out: {', '.join(map(str, places))}"
        subject.problems.error(f"services depend on each other in a circle: {told}", places[0], hint)


def _sources(section: str, subject: Subject) -> None:
    kind = section[:-1]
    for name, node, span in reading.entries(subject.tree, section):
        if any(path[:2] == (section, name) for path in subject.damaged):
            continue
        said = [key for key in ("file", "environment", "content") if reading.child(node, key) is not None]
        if reading.value(node, "external") is True:
            said.append("external")
        if len(said) > 1:
            subject.problems.error(f'{kind} "{name}" has {" and ".join(said)}', span, "keep one of them")
        elif not said and not _has_driver(node):
            options = "file, environment, content or external" if kind == "config" else "file, environment or external"
            subject.problems.error(f'{kind} "{name}" does not say where its content is', span, f"give one of {options}")


def _has_driver(node: Node) -> bool:
    return any(reading.child(node, key) is not None for key in ("driver", "template_driver"))


def _external(section: str, subject: Subject) -> None:
    for name, node, span in reading.entries(subject.tree, section):
        if reading.value(node, "external") is not True:
            continue
        others = [
            key for key, _, _ in reading.entries(node) if key not in {"name", "external"} and not key.startswith("x-")
        ]
        message = f'{section[:-1]} "{name}" is external and cannot have {", ".join(others)}'
        why = "what is external is not made by this project"
        if others and section == "networks":
            subject.problems.warn(message.replace("cannot have", "needs no"), span, why)
        elif others:
            subject.problems.error(message, span, why)

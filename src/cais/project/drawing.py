"""A project as a drawing: services in the order of their dependencies, published ports on the left, volumes below who uses them. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

import msgspec

from cais.compose.model.project import Project
from cais.compose.model.service import Condition, Service
from cais.project.order import dependency_names

BOX_WIDTH, BOX_HEIGHT = 190, 58
GAP_X, GAP_Y = 110, 34
MARGIN = 24
VOLUME_HEIGHT = 30
LABELS = {Condition.STARTED: "started", Condition.HEALTHY: "healthy", Condition.COMPLETED: "completed"}
STYLE = (
    "text{font:13px system-ui,sans-serif;fill:#1c2733}.small{font-size:11px;fill:#52606d}.box{fill:#e8f1f8;stroke:#0b6e99}"
    ".volume{fill:#f6efe2;stroke:#a9772b}.port{fill:#fff;stroke:#52606d;stroke-dasharray:4 3}.line{stroke:#52606d;fill:none}"
)

ARROW_TIP = (
    '<marker id="tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8" orient="auto">'
    '<path d="M0 0L8 4L0 8z" fill="#52606d"/></marker>'
)


class Place(msgspec.Struct, frozen=True):
    """The top left corner of a service's box, and the height of all that belongs to it, in pixels."""

    x: int
    y: int
    height: int


def draw(project: Project) -> str:
    """The project as an SVG image."""
    places = _places(project)
    width = max(place.x for place in places.values()) + BOX_WIDTH + MARGIN if places else 2 * MARGIN
    height = max(place.y + place.height for place in places.values()) + MARGIN if places else 2 * MARGIN
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" role="img">',
        f"<title>{escape(project.name)}</title><style>{STYLE}</style>",
        f"<defs>{ARROW_TIP}</defs>",
        f'<rect width="{width}" height="{height}" fill="#fff"/>',
    ]
    for name, service in project.services.items():
        parts.extend(_arrows(service, places))
        parts.extend(_box(project, service, places[name]))
    return "\n".join([*parts, "</svg>\n"])


def _depths(project: Project) -> Mapping[str, int]:
    """How many services stand between a service and one nobody depends on: those are 0, on the left."""
    depths = dict.fromkeys(project.services, 0)
    for _ in project.services:
        for name in project.services:
            for other in dependency_names(project, name):
                depths[other] = max(depths[other], depths[name] + 1)
    return depths


def _places(project: Project) -> Mapping[str, Place]:
    depths = _depths(project)
    tops: dict[int, int] = {}
    places = {}
    for name, service in project.services.items():
        column = depths[name]
        x = MARGIN + GAP_X + column * (BOX_WIDTH + GAP_X)
        y = tops.get(column, MARGIN)
        height = BOX_HEIGHT + len(service.volumes) * (VOLUME_HEIGHT + 8)
        places[name] = Place(x, y, height)
        tops[column] = y + height + GAP_Y
    return places


def _box(project: Project, service: Service, place: Place) -> list[str]:
    about = service.image or "built from " + (service.build.context.rpartition("/")[2] if service.build else "nothing")
    parts = [
        f'<rect class="box" x="{place.x}" y="{place.y}" width="{BOX_WIDTH}" height="{BOX_HEIGHT}" rx="6"/>',
        f'<text x="{place.x + 12}" y="{place.y + 25}" font-weight="600">{escape(service.name)}</text>',
        f'<text class="small" x="{place.x + 12}" y="{place.y + 44}">{escape(about)}</text>',
    ]
    for index, port in enumerate(service.ports):
        y = place.y + 18 + index * 20
        parts.append(
            f'<text class="small" x="{place.x - GAP_X + 4}" y="{y + 4}">:{escape(port.published or "?")} → {port.target}</text>'
        )
        parts.append(f'<path class="line" marker-end="url(#tip)" d="M{place.x - 24} {y}H{place.x - 2}"/>')
    for index, mount in enumerate(service.volumes):
        y = place.y + BOX_HEIGHT + 8 + index * (VOLUME_HEIGHT + 8)
        source = mount.source
        if mount.type == "bind":
            source = source.removeprefix(project.directory + "/")
        label = f"{source or 'anonymous'} → {mount.target}"
        parts.append(
            f'<rect class="volume" x="{place.x + 12}" y="{y}" width="{BOX_WIDTH - 12}" height="{VOLUME_HEIGHT}" rx="12"/>'
        )
        parts.append(
            f'<text class="small" x="{place.x + 24}" y="{y + 19}">{escape(label if len(label) < 27 else label[:26] + "…")}</text>'
        )
    return parts


def _arrows(service: Service, places: Mapping[str, Place]) -> list[str]:
    parts = []
    start = places[service.name]
    for name, dependency in service.depends_on.items():
        if name in places:
            end = places[name]
            x1, y1, x2, y2 = start.x + BOX_WIDTH, start.y + BOX_HEIGHT // 2, end.x - 2, end.y + BOX_HEIGHT // 2
            parts.append(
                f'<path class="line" marker-end="url(#tip)" d="M{x1} {y1}C{x1 + 50} {y1} {x2 - 50} {y2} {x2} {y2}"/>'
            )
            parts.append(
                f'<text class="small" text-anchor="middle" x="{(x1 + x2) // 2}" y="{(y1 + y2) // 2 - 6}">{LABELS[dependency.condition]}</text>'
            )
    return parts

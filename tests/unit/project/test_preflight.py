import msgspec
import pytest

from cais.compose.model.mounts import ServiceMount
from cais.compose.model.project import Origins
from cais.errors import InvalidProject, Span
from cais.project.preflight import check_bind_sources
from tests.unit.project.projects import project, service


def bind(source: str, *, create: bool) -> ServiceMount:
    return ServiceMount(type="bind", source=source, target="/x", bind_create_host_path=create)


def test_every_missing_source_is_told_with_its_line() -> None:
    mounts = (bind("/there", create=False), bind("/gone", create=False), bind("/made", create=True))
    shop = project(service("web", volumes=mounts), service("db", volumes=(bind("/lost", create=False),)))
    origin: dict[tuple[str | int, ...], Span] = {("services", "web", "volumes", 1): Span("compose.yaml", 7, 9)}
    shop = msgspec.structs.replace(shop, origins=Origins(origin))
    with pytest.raises(InvalidProject) as caught:
        check_bind_sources(shop, ("web", "db"), {"/there"}.__contains__)
    assert [
        (p.span and p.span.line, '"/gone"' in p.message, '"/lost"' in p.message) for p in caught.value.problems
    ] == [
        (7, True, False),
        (None, False, True),
    ]


def test_services_not_concerned_are_not_looked_at() -> None:
    check_bind_sources(project(service("web", volumes=(bind("/gone", create=False),))), (), lambda _path: False)

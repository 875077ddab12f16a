from __future__ import annotations

from tests.unit.compose.conftest import Loader


def test_extending_a_service_of_the_same_file(loader: Loader) -> None:
    text = """
services:
  base: {image: b, environment: {A: "1"}, ports: ["80:80"], profiles: [never], cap_add: [X]}
  web: {extends: base, environment: {B: "2"}, ports: !override ["81:81"], profiles: !reset [], cap_add: !reset null}
"""
    project = loader.project(text)
    web = project.services["web"]
    assert (web.image, web.environment, web.cap_add) == ("b", {"A": "1", "B": "2"}, ())
    assert [port.published for port in web.ports] == ["81"]
    assert str(project.origins.of("services", "web", "environment", "A")) == "compose.yaml:3:37"


def test_paths_of_an_extended_file_begin_at_its_folder(loader: Loader) -> None:
    files = {
        "sub/o.yaml": "services: {o: {extends: {file: deep/p.yaml, service: p}, volumes: [./d:/d]}}",
        "sub/deep/p.yaml": "services: {p: {build: ., env_file: p.env, volumes: [../u:/u]}}",
        "sub/deep/p.env": "P=1",
    }
    project = loader.project("services: {a: {extends: {file: sub/o.yaml, service: o}}}", files=files)
    service = project.services["a"]
    assert service.build is not None
    assert service.build.context == "/p/sub/deep"
    assert [mount.source for mount in service.volumes] == ["/p/sub/u", "/p/sub/d"]
    assert service.environment == {"P": "1"}
    assert str(project.origins.of("services", "a", "volumes", 1)) == "sub/o.yaml:1:68"


def test_a_circle_of_extends_is_told_with_its_places(loader: Loader) -> None:
    assert loader.errors("services:\n  a: {extends: b}\n  b: {extends: c}\n  c: {extends: b}\n") == [
        "compose.yaml:3:16: services extend each other in a circle: b -> c -> b",
    ]


def test_a_circle_through_another_file(loader: Loader) -> None:
    files = {"o.yaml": "services: {o: {extends: {file: compose.yaml, service: a}}}"}
    assert loader.errors("services: {a: {extends: {file: o.yaml, service: o}}}", files=files) == [
        "compose.yaml:1:49: services extend each other in a circle: a -> o -> a",
    ]


def test_what_cannot_be_extended(loader: Loader) -> None:
    text = "services:\n  a: {extends: bb}\n  b: {image: x}\n  c: {extends: {file: no.yaml, service: x}}\n"
    assert loader.errors(text) == [
        'compose.yaml:2:16: there is no service "bb" to extend in "compose.yaml"',
        'compose.yaml:4:23: the extended file "/p/no.yaml" does not exist',
    ]


def test_include(loader: Loader) -> None:
    files = {
        "inc/compose.yaml": "services: {i: {build: ., image: 'i:${V}', environment: [V, W]}}\nvolumes: {data: }",
        "inc/.env": "V=inc\nW=inc",
        "two/a.yaml": "services: {t: {image: 't:${T}', build: ./x}}",
        "two/b.yaml": "services: {t: {user: u}}",
        "two.env": "T=2",
    }
    text = """
include:
  - inc/compose.yaml
  - path: [two/a.yaml, two/b.yaml]
    project_directory: other
    env_file: two.env
services:
  a: {image: x, depends_on: [i], volumes: ["data:/d"]}
"""
    project = loader.project(text, env={"W": "outer"}, files=files)
    i, t = project.services["i"], project.services["t"]
    assert (i.image, i.environment) == ("i:inc", {"V": "inc", "W": "outer"})
    assert i.build is not None
    assert i.build.context == "/p/inc"
    assert (t.image, t.user) == ("t:2", "u")
    assert t.build is not None
    assert t.build.context == "/p/other/x"
    assert project.volumes["data"].name == "p_data"


def test_an_included_part_may_not_be_defined_otherwise(loader: Loader) -> None:
    files = {"inc.yaml": "services: {a: {image: x}, b: {image: x}}"}
    assert loader.errors("include: [inc.yaml]\nservices:\n  a: {image: x}\n  b: {image: y}", files=files) == [
        'compose.yaml:4:3: "b" of services is also defined, and otherwise, by the included file, at inc.yaml:1:27',
    ]


def test_includes_in_a_circle(loader: Loader) -> None:
    files = {"a.yaml": "include: [b.yaml]", "b.yaml": "include: [a.yaml]"}
    assert loader.errors("include: [a.yaml]\nservices: {a: {image: x}}", files=files) == [
        "b.yaml:1:11: files include each other in a circle: a.yaml -> b.yaml -> a.yaml",
    ]


def test_errors_of_other_files_name_them(loader: Loader) -> None:
    files = {"inc/c.yaml": "services:\n  b:\n    imgae: x\n"}
    assert loader.errors("include: [inc/c.yaml]", files=files) == [
        'inc/c.yaml:3:5: unknown attribute "imgae" in service "b"'
    ]

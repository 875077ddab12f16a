from __future__ import annotations

from tests.unit.compose.conftest import Loader

from cais.compose.model.mounts import ServiceMount
from cais.compose.model.ports import Port
from cais.compose.model.service import Condition

THREE_TIERS = """
services:
  frontend:
    build: ./frontend
    ports: ["${PORT:-8080}:8080"]
    restart: unless-stopped
    depends_on:
      backend: {condition: service_healthy}
  backend:
    build: {context: ./backend, target: slim}
    environment:
      DATABASE_URL: postgresql://${POSTGRES_USER:?set it}@db/visitors
    healthcheck:
      test: ["CMD", "python", "-m", "health"]
      interval: 5s
      start_interval: 200ms
    depends_on:
      db: {condition: service_healthy}
  db:
    image: postgres:17
    env_file: db.env
    volumes: ["data:/var/lib/postgresql/data"]
volumes:
  data:
"""
DEVELOPMENT = """
services:
  backend:
    command: flask run --debug
    volumes: ["./backend:/app"]
    environment: [FLASK_DEBUG=1]
"""


def test_a_three_tier_project(loader: Loader) -> None:
    project = loader.project(
        THREE_TIERS, DEVELOPMENT, env={"POSTGRES_USER": "ana"}, files={"db.env": "POSTGRES_DB=visitors\n"}
    )
    frontend, backend, db = (project.services[name] for name in ("frontend", "backend", "db"))
    assert frontend.build is not None
    assert frontend.build.context == "/p/frontend"
    assert frontend.ports == (Port(target=8080, published="8080"),)
    assert frontend.depends_on["backend"].condition is Condition.HEALTHY
    assert backend.command == ("flask", "run", "--debug")
    assert backend.environment == {"DATABASE_URL": "postgresql://ana@db/visitors", "FLASK_DEBUG": "1"}
    assert backend.volumes == (ServiceMount(type="bind", source="/p/backend", target="/app"),)
    assert backend.healthcheck is not None
    assert (backend.healthcheck.interval, backend.healthcheck.start_interval) == (5.0, 0.2)
    assert db.environment == {"POSTGRES_DB": "visitors"}
    assert project.volumes["data"].name == "p_data"
    assert project.networks["default"].name == "p_default"
    assert project.warnings == ()


def test_every_value_knows_the_line_that_set_it(loader: Loader) -> None:
    project = loader.project(
        THREE_TIERS, DEVELOPMENT, env={"POSTGRES_USER": "ana"}, files={"db.env": "\nPOSTGRES_DB=visitors\n"}
    )
    places: dict[tuple[str | int, ...], str] = {
        ("services", "backend", "environment", "FLASK_DEBUG"): "compose.override.yaml:6:19",
        ("services", "backend", "environment", "DATABASE_URL"): "compose.yaml:12:21",
        ("services", "frontend", "ports", 0): "compose.yaml:5:13",
        ("services", "frontend", "ports", 0, "published"): "compose.yaml:5:13",
        ("services", "db", "environment", "POSTGRES_DB"): "db.env:2:1",
        ("services", "db"): "compose.yaml:19:3",
        ("services", "backend", "command"): "compose.override.yaml:4:5",
        ("volumes", "data"): "compose.yaml:24:3",
    }
    assert {path: str(project.origins.of(*path)) for path in places} == places


def test_all_problems_are_told_at_once_in_the_order_of_the_text(loader: Loader) -> None:
    text = """
services:
  web:
    imge: nginx
    ports: ["80:x"]
    networks: [front]
  api:
    image: ${API:?which one}
    depends_on: [wbe]
    env_file: api.env
"""
    assert loader.errors(text) == [
        'compose.yaml:4:5: unknown attribute "imge" in service "web"',
        'compose.yaml:5:13: "ports[0]" of service "web": "80:x" is not a port: "x" is neither a port number nor a range of them',
        'compose.yaml:6:16: service "web" refers to the network "front", which is not defined',
        'compose.yaml:8:12: the variable "API" must be set: which one',
        'compose.yaml:9:18: service "api" depends on "wbe", which is not defined',
        'compose.yaml:10:15: the env_file "/p/api.env" does not exist',
    ]


def test_profiles_enable_services_and_a_named_service_brings_its_own(loader: Loader) -> None:
    text = """
services:
  web: {image: x}
  debug: {image: x, profiles: [debug]}
  tools: {image: x, profiles: [debug, tools]}
"""
    assert list(loader.project(text).services) == ["web"]
    assert list(loader.project(text).disabled) == ["debug", "tools"]
    assert list(loader.project(text, profiles=["tools"]).services) == ["web", "tools"]
    named = loader.project(text, services=["debug"])
    assert list(named.services) == ["web", "debug", "tools"]
    assert named.profiles == ("debug",)
    assert not loader.project(text, profiles=["*"]).disabled


def test_the_name_comes_from_the_command_the_file_or_the_folder(loader: Loader) -> None:
    service = "services: {a: {image: x}}\n"
    assert loader.project("name: from-file\n" + service, name=None).name == "from-file"
    assert loader.project("name: from-file\n" + service, name="given").name == "given"
    assert loader.project(service, name=None).name == "p"
    renamed = loader.project("name: Not Good\n" + service, name=None)
    assert renamed.name == "notgood"
    assert [str(told) for told in renamed.warnings] == [
        'compose.yaml:1:7: the project is named "notgood": "Not Good" is not a project name'
    ]
    assert loader.errors("name: '!'\n" + service, name=None) == ['compose.yaml:1:7: "!" is not a project name']


def test_files_may_use_the_project_name(loader: Loader) -> None:
    service = "services: {a: {image: '${COMPOSE_PROJECT_NAME}/a'}}\n"
    assert loader.project(service, name="given").services["a"].image == "given/a"
    assert loader.project(service, name=None).services["a"].image == "p/a"
    named = "name: ${N:-my}-app # mine\n" + service
    assert loader.project(named, name=None, env={"N": "her"}).services["a"].image == "her-app/a"


def test_a_file_that_says_nothing(loader: Loader) -> None:
    assert loader.errors("{}") == ["compose.yaml:1:1: the file is empty"]
    assert loader.errors("# nothing\n") == ["compose.yaml:1:1: the file is empty"]


def test_an_unset_variable_is_a_warning_with_its_place(loader: Loader) -> None:
    project = loader.project("services:\n  a:\n    image: x:${TAG}\n")
    assert [str(warning) for warning in project.warnings] == [
        'compose.yaml:3:14: the variable "TAG" is not set and becomes empty'
    ]


def test_what_is_not_honoured_is_named(loader: Loader) -> None:
    project = loader.project("services:\n  a:\n    image: x\n    isolation: process\n")
    assert [str(w) for w in project.warnings] == [
        'compose.yaml:4:5: "isolation" of service "a" has no effect: for Windows containers'
    ]

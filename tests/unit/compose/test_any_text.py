"""Any text gives a project or a located error, never a traceback."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from tests.unit.compose.conftest import ROOT, Files, model

from cais.compose import dotenv, render
from cais.compose.loader import Loaded, Source, Wanted, bind_project, load_tree
from cais.compose.problems import Problems
from cais.errors import CaisError, InvalidProject

SERVICE_KEYS = [
    "image",
    "build",
    "command",
    "entrypoint",
    "environment",
    "env_file",
    "ports",
    "volumes",
    "networks",
    "depends_on",
    "healthcheck",
    "secrets",
    "configs",
    "ulimits",
    "extra_hosts",
    "deploy",
    "restart",
    "mem_limit",
    "cpus",
    "stop_grace_period",
    "labels",
    "extends",
    "profiles",
    "devices",
    "logging",
    "tmpfs",
    "dns",
    "scale",
    "container_name",
    "network_mode",
    "init",
    "tty",
    "privileged",
    "sysctls",
    "links",
    "expose",
    "develop",
    "x-cais",
    "shm_size",
    "pids_limit",
    "group_add",
    "label_file",
    "user",
    "platform",
    "imgae",
]
WORDS = [
    "a",
    "b",
    "web",
    "db",
    "./a",
    "/b",
    "80",
    "80:80",
    "8000-8002:80-82",
    "127.0.0.1::5",
    "KEY=value",
    "KEY",
    "${V}",
    "${V:-x}",
    "$$",
    "5s",
    "1m30s",
    "64m",
    "1.5g",
    "true",
    "no",
    "host",
    "service:a",
    "a:/b",
    "~/x:/y:ro",
    "service_healthy",
    "CMD",
    "NONE",
    "on-failure:3",
    "x=1.2.3.4",
    "condition",
    "test",
    "target",
    "source",
    "type",
    "bind",
    "published",
    "soft",
    "hard",
    "context",
    "args",
    "limits",
    "resources",
]

scalars = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.sampled_from(WORDS), st.text(max_size=8))
keys = st.one_of(st.sampled_from(WORDS), st.text(max_size=5))
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3), max_leaves=8
)
services = st.dictionaries(
    st.sampled_from(["a", "b", "c d"]),
    st.dictionaries(st.sampled_from(SERVICE_KEYS), values, max_size=4) | values,
    max_size=3,
)
files = st.fixed_dictionaries(
    {"services": services},
    optional=dict.fromkeys(
        ("name", "networks", "volumes", "secrets", "configs", "include", "x-y", "version", "nets"), values
    ),
)


def attempt(text: str) -> Loaded | None:
    """What `text` loads as; None when it is told what is wrong with it, and where."""
    source = Source("compose.yaml", f"{ROOT}/compose.yaml", text)
    wanted = Wanted(sources=(source,), directory=ROOT, name="p")
    try:
        loaded = load_tree(wanted, {"V": "v"}, Files({"a": "", "b": "services: {a: {image: x}}"}))
        bind_project(loaded)
        return loaded
    except InvalidProject as error:
        for problem in error.problems:
            assert problem.span is not None, problem
            assert problem.span.line >= 1
            assert problem.message
        return None
    except CaisError:
        return None


def shown(loaded: Loaded) -> render.Tree:
    """As `cais config` prints it."""
    return render.escaped(render.to_tree(loaded.name, loaded.tree))


@given(
    st.text(alphabet=st.sampled_from("ab:-[]{}&*!<>|'\"#%@`,? \n\t\x00\x85\ufeff\u2028é0.~$\\"), max_size=40)
    | st.text(max_size=40)
)
@example("a: &a [*a]")
@example("<<: 3")
@example("? [a]\n: b")
@example("&a a: *a")
@example("!!int x: 1")
@example("*a : 1")
@example("a: !!binary x")
@example("services: !reset")
@example("--- a\n--- b\n...\n")
@example("[" * 2000)
@example("- " * 2000)
@example("services: {a: {image: x, cpus: .nan}}")
@example("services: {a: {image: x, cpus: 1e400, mem_limit: 99999999999999999999999}}")
@settings(max_examples=150, deadline=None)
def test_any_text(text: str) -> None:
    attempt(text)


@given(files)
@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_tree(tree: dict[str, Any]) -> None:
    import yaml

    loaded = attempt(yaml.dump(tree, Dumper=yaml.CSafeDumper, allow_unicode=True))
    if loaded is not None:
        again = attempt(render.to_yaml(shown(loaded)))
        assert again is not None
        assert model(bind_project(again)) == model(bind_project(loaded))


@given(st.text(alphabet=st.sampled_from("ABexport =:'\"#$\\{}-\n\t "), max_size=40))
@settings(max_examples=150, deadline=None)
def test_any_env_file(text: str) -> None:
    problems = Problems()
    dotenv.parse(text, ".env", {}, problems)
    assert all(problem.span is not None for problem in problems.errors)

"""`cais ps` has to answer in 100 ms: what it loads is watched by name, never by time."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from cais.cli.main import VERBS, main

HEAVY = (
    "asyncio",
    "jsonschema_rs",
    "ssl",
    "http",
    "urllib.request",
    "concurrent.futures",
    "logging",
    "dataclasses",
    "cais.build",
    "cais.bases",
    "cais.registry",
    "cais.dockerfile",
)
SOURCE = Path(__file__).parents[3] / "src"
LIGHT_VERBS = ("ps", "exec", "logs", "stop", "version", "ls")


@pytest.mark.parametrize("verb", LIGHT_VERBS)
def test_light_verbs_load_nothing_heavy(verb: str) -> None:
    program = (
        "import sys, importlib\n"
        "import cais.cli.main\n"
        f"importlib.import_module('cais.cli.{verb}')\n"
        "from cais.cli.wire import Wire\n"
        "print('\\n'.join(sys.modules))\n"
    )
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    assert [name for name in HEAVY if name in shown] == []


def test_the_supervisor_loads_nothing_it_does_not_use() -> None:
    program = (
        "import sys\n"
        "from cais.cli.quickstart import import_asyncio, import_msgspec\n"
        "import_msgspec()\n"
        "import_asyncio()\n"
        "import cais.cli.wire, cais.supervise.serve, cais.supervise.spawn\n"
        "print('\\n'.join(sys.modules))\n"
    )
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    assert "asyncio" in shown
    assert {"ssl", "argparse", "typing_extensions", "yaml"} & set(shown) == set()


def test_a_remembered_project_loads_no_yaml(tmp_path: Path) -> None:
    (tmp_path / "compose.yaml").write_text("services: {a: {image: i}}")
    env = {**os.environ, "CAIS_ROOT": str(tmp_path / "root"), "PYTHONPATH": str(SOURCE)}
    program = (
        "import sys\n"
        "from cais.cli.quickstart import import_msgspec\n"
        "import_msgspec()\n"
        "from cais.cli.main import main\n"
        "assert main(['ps']) == 0\n"
        "print('\\n'.join(sys.modules))\n"
    )
    heavy = {"yaml", "cais.compose.loader", "typing_extensions", "inspect", "hashlib", "shutil", "socket", "subprocess"}
    loaded = []
    for _ in range(2):
        run = subprocess.run(
            [sys.executable, "-c", program], cwd=tmp_path, env=env, capture_output=True, text=True, check=True
        )
        loaded.append(heavy & set(run.stdout.split()))
    assert "yaml" in loaded[0]
    assert loaded[1] == set()


def test_without_a_registries_file_registries_load_no_yaml(tmp_path: Path) -> None:
    program = (
        "import sys\n"
        "from cais.cli.options import GlobalOptions\n"
        "from cais.cli.wire import Wire\n"
        f"print(Wire(GlobalOptions(), {{'HOME': {str(tmp_path)!r}}}, '/', 0).registries.hosts)\n"
        "print('\\n'.join(sys.modules))\n"
    )
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    assert shown[0] == "{}", "this machine has a registries file"
    assert {"yaml", "email.utils"} & set(shown) == set()


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_a_module_and_help(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([verb, "--help"]) == 0
    assert f"cais {verb}" in capsys.readouterr().out


def test_help_lists_every_verb(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    shown = capsys.readouterr().out
    assert [verb for verb in VERBS if f"  {verb} " not in shown] == []


def test_unknown_verb_suggests_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["buidl"]) == 16
    assert 'did you mean "build"?' in capsys.readouterr().err


def test_unknown_flag_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ps", "--nonsense"]) == 16
    assert "--nonsense" in capsys.readouterr().err


def test_mistyped_flag_suggests_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["up", "--wiat"]) == 16
    assert 'did you mean "--wait"?' in capsys.readouterr().err

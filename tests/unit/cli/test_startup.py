"""`cais ps` has to answer in 100 ms: what it loads is watched by name, never by time."""

import subprocess
import sys

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

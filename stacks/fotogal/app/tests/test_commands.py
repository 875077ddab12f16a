from __future__ import annotations

import json
import os
import shlex
import subprocess
from pathlib import Path

import pytest

from fotogal.__main__ import main
from fotogal.catalogue.nosql.schema import INDEXES, TABLES
from fotogal.commands import commands
from fotogal.settings import from_environment

STAND_IN = """#!/bin/sh
for word in "$@"; do printf '%s\\n' "$word"; done >>"$OCI_SAID"
echo -- >>"$OCI_SAID"
echo "ocid1.$1.found"
"""


@pytest.fixture
def said(tmp_path: Path) -> list[dict[str, str]]:
    """What a stand-in for `oci` is told when a shell runs the printed commands: the words before the options, and the options."""
    (tmp_path / "oci").write_text(STAND_IN)
    (tmp_path / "oci").chmod(0o755)
    script = "\n".join(["set -eu", *commands(from_environment({}))])
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "OCI_SAID": str(tmp_path / "said")}
    subprocess.run(["sh", "-c", script], check=True, env=environment, capture_output=True)
    calls = [call for call in (tmp_path / "said").read_text().split("\n--\n") if call]
    return [_told(call.split("\n")) for call in calls]


def _told(words: list[str]) -> dict[str, str]:
    begin = next(place for place, word in enumerate(words) if word.startswith("--"))
    plain = [word for word in words if word != "--raw-output"]
    return {"": " ".join(words[:begin]), **dict(zip(plain[begin::2], plain[begin + 1 :: 2], strict=True))}


def test_a_shell_runs_them_one_after_the_other(said: list[dict[str, str]]) -> None:
    assert [call[""] for call in said] == [
        "iam compartment create",
        "iam compartment list",
        "os bucket create",
        *["nosql table create"] * len(TABLES),
        *["nosql index create"] * len(INDEXES),
        "logging log-group create",
        "logging log-group list",
        "logging log create",
    ]


def test_each_says_what_provision_does(said: list[dict[str, str]]) -> None:
    by_name = {call.get("--name", call.get("--display-name", call.get("--index-name", ""))): call for call in said}
    bucket = by_name["fotogal_bucket_images"]
    assert bucket["--compartment-id"] == "ocid1.iam.found"
    assert bucket["--public-access-type"] == "NoPublicAccess"
    assert (bucket["--storage-tier"], bucket["--versioning"]) == ("Standard", "Disabled")
    users = by_name["fotogal_ntable_users"]
    assert users["--ddl-statement"] == TABLES[0].statement
    assert json.loads(users["--table-limits"])["maxReadUnits"] == 50
    index = by_name["created_ts_idx"]
    assert index["--table-name-or-id"] == "fotogal_ntable_images"
    assert json.loads(index["--keys"]) == [{"columnName": "created_ts"}, {"columnName": "id"}]
    assert by_name["fotogal_customlog_app"]["--log-group-id"] == "ocid1.logging.found"


def test_printing_does_nothing(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("FOTOGAL_DATA", str(tmp_path / "data"))
    assert main(["provision", "--print"]) == 0
    assert not (tmp_path / "data").exists()
    lines = capsys.readouterr().out.splitlines()
    assert lines == commands(from_environment({}))
    assert all(shlex.split(line, comments=True) for line in lines if line.startswith("oci "))

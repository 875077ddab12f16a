from __future__ import annotations

from pathlib import Path

import pytest

from cais.engine.native.folders import Folder
from cais.engine.native.monitor import exit_code, explain, read_pid


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("executable file `x` not found in $PATH: No such file or directory", 127),
        ('exec: "x": executable file not found in $PATH', 127),
        ("open executable: Permission denied", 126),
        ("exec /x: exec format error", 126),
        ("open executable: Operation not permitted", 126),
        ("mount x: Operation not permitted", 125),
        ("cannot set memory limit", 125),
        ("", 125),
    ],
)
def test_dockers_codes(message: str, code: int) -> None:
    assert explain(message).code == code


def test_the_runtimes_preamble_is_left_out() -> None:
    assert explain("runtime create failed: it is late\n").message == "it is late"


def test_a_line_of_runc_s_log_is_read() -> None:
    line = r'time="2026-11-21T11:30:58Z" level=error msg="runc create failed: exec: \"/data\": permission denied"'
    found = explain(line)
    assert (found.message, found.code) == ('exec: "/data": permission denied', 126)


def test_the_exit_file(tmp_path: Path) -> None:
    folder = Folder(path=str(tmp_path), run=str(tmp_path))
    assert exit_code("abc", folder) is None  # there is no monitor to wait for
    (tmp_path / "exits").mkdir()
    (tmp_path / "exits/abc").write_text("42\n")
    assert exit_code("abc", folder) == 42


@pytest.mark.parametrize(("text", "pid"), [("12\n", 12), ("", 0), ("x", 0)])
def test_pid_files(tmp_path: Path, text: str, pid: int) -> None:
    (tmp_path / "pid").write_text(text)
    assert read_pid(str(tmp_path / "pid")) == pid
    assert read_pid(str(tmp_path / "none")) == 0

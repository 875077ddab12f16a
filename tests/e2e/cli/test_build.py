"""`cais image build` and `cais build` as a user has them: flags, standard input, the checks."""

from __future__ import annotations

import json
import os
import re
import tarfile
from pathlib import Path

import pytest

from tests.e2e.harness import Cais

pytestmark = pytest.mark.root

FAULTY = "FROM scratch\nWORKDIR app\nCMD run it\n"
RULES = ["WorkdirRelativePath", "JSONArgsRecommended"]


def write(cais: Cais, **files: str) -> None:
    for name, text in files.items():
        path = cais.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def test_flags_of_docker_build(project: Cais, tiny: str) -> None:
    dockerfile = f"FROM {tiny}\nARG A\nLABEL a=$A\nRUN --mount=type=secret,id=s cat /run/secrets/s > /s\nFROM {tiny} AS last\nRUN false\n"
    write(project, **{"in/Other": dockerfile, "token": "geheim"})
    flags = (
        "-f",
        "in/Other",
        "-t",
        "cais-test/flags:1",
        "--build-arg",
        "A=1",
        "--label",
        "b=2",
        "--target",
        "0",
        "--secret",
        "id=s,src=token",
    )
    project.ok("image", "build", *flags, "--iidfile", "id", "in")
    (found,) = json.loads(project.ok("image", "inspect", "cais-test/flags:1").stdout)
    assert found["Id"] == (project.folder / "id").read_text()
    assert found["Config"]["Labels"] == {"a": "1", "b": "2"}
    quiet = project.ok("image", "build", "-q", *flags, "in")
    assert quiet.stdout.strip() == found["Id"]
    assert quiet.stderr == ""


def test_a_dockerfile_on_standard_input(project: Cais, tiny: str) -> None:
    write(project, f="1\n")
    done = project.ok("image", "build", "-q", "-f", "-", ".", stdin=f"FROM {tiny}\nCOPY f /\n")
    assert done.stdout.startswith("sha256:")
    assert project.ok("image", "build", "-q", "-", stdin=f"FROM {tiny}\nRUN touch /x\n").stdout.startswith("sha256:")
    both = project.run("image", "build", "-f", "-", "-", stdin="")
    assert (both.code, "cannot both" in both.stderr) == (16, True)


def test_a_failure_in_a_text_that_is_no_file_shows_no_line_of_another_file(project: Cais, tiny: str) -> None:
    text = f"FROM {tiny}\nRUN exit 3\n"
    inline = "".join(f"        {line}\n" for line in text.splitlines())
    compose = f"services:\n  a:\n    build:\n      dockerfile_inline: |\n{inline}"
    write(project, **{"Dockerfile": "FROM other\nRUN something else\n", "compose.yaml": compose})
    given = project.run("image", "build", "-f", "-", ".", stdin=text)
    assert "error: -:2:1: RUN failed with exit code 3: RUN exit 3" in given.stderr
    inlined = project.run("build")
    assert "error: dockerfile_inline:2:1: RUN failed with exit code 3: RUN exit 3" in inlined.stderr
    assert "something else" not in given.stderr + inlined.stderr


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--secret", "src=x", "."), "has no id"),
        (("--secret", "id=x,src=/nowhere", "."), "does not exist"),
        (("--secret", "id=x,colour=red", "."), 'has no field "colour"'),
        (("--allow", "everything", "."), "no right"),
        (("--ulimit", "nofile", "."), "--ulimit cannot be"),
        (("--shm-size", "much", "."), "--shm-size cannot be"),
        (("--add-host", "x", "."), "--add-host wants"),
        (("--build-context", "x", "."), "has no value"),
        (("--ssh", "x=/nowhere", "."), "no Dockerfile"),
    ],
)
def test_wrong_calls(project: Cais, words: tuple[str, ...], message: str) -> None:
    result = project.run("image", "build", *words)
    assert result.code in (14, 16), result
    assert message in result.stderr
    assert "Traceback" not in result.stderr


def test_check_tells_file_line_rule_and_remedy(project: Cais) -> None:
    write(project, Dockerfile=FAULTY)
    result = project.run("image", "build", "--check", ".")
    assert result.code == 1
    assert "warning: Dockerfile:2:1: WorkdirRelativePath: " in result.stdout
    assert "  3 | CMD run it\n" in result.stdout
    assert 'hint: write CMD ["PROGRAM", "ARGUMENT"]' in result.stdout
    assert result.stdout.endswith("Check complete: 2 warnings found\n")
    write(project, Dockerfile="FROM scratch\nWORKDIR /app\n")
    assert project.ok("image", "build", "--check", ".").stdout == "Check complete: no warnings found\n"


def test_check_for_programs(project: Cais) -> None:
    write(project, Dockerfile=FAULTY)
    docker = json.loads(project.run("image", "build", "--check", "--format", "json", ".").stdout)
    assert [warning["ruleName"] for warning in docker["warnings"]] == RULES
    assert docker["warnings"][0]["location"]["ranges"][0]["start"] == {"line": 2, "character": 0}
    assert docker["sources"][0]["filename"] == "Dockerfile"
    sarif = json.loads(project.run("image", "build", "--check", "--format", "sarif", ".").stdout)
    (run,) = sarif["runs"]
    assert [result["ruleId"] for result in run["results"]] == RULES
    described = run["tool"]["driver"]["rules"]
    assert all(described[result["ruleIndex"]]["id"] == result["ruleId"] for result in run["results"])
    place = run["results"][1]["locations"][0]["physicalLocation"]
    assert place == {
        "artifactLocation": {"uri": "Dockerfile"},
        "region": {"startLine": 3, "startColumn": 1, "endColumn": 11},
    }


def test_check_of_a_project(project: Cais) -> None:
    write(
        project,
        **{
            "compose.yaml": "services:\n  a: {build: a}\n  b: {build: b}\n",
            "a/Dockerfile": FAULTY,
            "b/Dockerfile": "FROM scratch\n",
        },
    )
    result = project.run("build", "--check")
    assert result.code == 1
    assert "warning: a/Dockerfile:2:1: WorkdirRelativePath: " in result.stdout
    assert project.ok("build", "--check", "b").stdout == "Check complete: no warnings found\n"


def test_a_build_warns_and_may_be_told_to_fail(project: Cais) -> None:
    write(project, Dockerfile=FAULTY)
    result = project.ok("image", "build", ".")
    assert "warning: Dockerfile:2:1: WorkdirRelativePath: " in result.stderr
    write(project, Dockerfile="# check=error=true\n" + FAULTY)
    result = project.run("image", "build", ".")
    assert result.code == 15
    assert "error: Dockerfile:3:1: WorkdirRelativePath: " in result.stderr
    write(project, Dockerfile="# check=error=true;skip=all\n" + FAULTY)
    project.ok("image", "build", ".")


def test_the_build_section_of_a_service(project: Cais, tiny: str) -> None:
    write(
        project,
        **{
            "compose.yaml": f"""
services:
  app:
    build:
      dockerfile_inline: |
        FROM {tiny}
        RUN --security=insecure ulimit -n > /limit; df -k /dev/shm | tail -1 > /shm; cat /etc/hosts > /hosts
        COPY --from=other other /
      additional_contexts: {{other: ./other}}
      platforms: [linux/s390x, linux/amd64, linux/arm64]
      entitlements: [security.insecure]
      ulimits: {{nofile: {{soft: 100, hard: 200}}}}
      shm_size: 32m
      extra_hosts: {{db: 10.1.2.3}}
      tags: [cais-test/section:1]
      no_cache_filter: [nothing]
""",
            "other/other": "1\n",
        },
    )
    result = project.ok("build")
    assert "compose.yaml:10:" in result.stderr
    assert "only this machine's is built" in result.stderr
    project.ok("image", "inspect", "cais-test/section:1")
    write(
        project,
        **{
            "compose.yaml": "services:\n  a:\n    build: {context: ., platforms: [linux/s390x], network: backend, ssh: [default]}\n"
        },
    )
    refused = project.run("build", env={"SSH_AUTH_SOCK": ""})
    assert refused.code == 15
    assert refused.stderr.count("error: compose.yaml:3:") == 3, refused


@pytest.fixture
def own(project: Cais, tmp_path: Path, tiny: str) -> Cais:
    """A root of the test's own, with the tiny image."""
    project.ok("image", "save", tiny, "-o", str(tmp_path / "tiny.tar"))
    cais = Cais(tmp_path / "root", project.folder)
    cais.ok("image", "load", "-i", str(tmp_path / "tiny.tar"))
    return cais


def test_what_the_builder_keeps(own: Cais, tiny: str) -> None:
    write(own, Dockerfile=f"FROM {tiny}\nRUN --mount=type=cache,target=/c,id=pip echo > /c/x; echo > /made\n")
    own.ok("image", "build", "-t", "a:1", ".")
    own.ok("image", "rm", "a:1")
    shown = own.ok("builder", "du").stdout
    assert re.search(r"cache-mount +\S+ +.* ago +pip\n", shown), shown
    assert re.search(r"layer +.* a:1: RUN --mount=type=cache", shown), shown
    assert "Reclaimable:" in shown
    (mount,) = [
        json.loads(line)
        for line in own.ok("builder", "du", "--format", "json", "--filter", "type=cache-mount").stdout.splitlines()
    ]
    assert mount["words"] == "pip"
    assert "would remove layer" in own.ok("builder", "prune", "--dry-run").stdout
    assert own.ok("builder", "prune", "--filter", "until=1h").stdout == ""
    assert "Deleted: layer" in own.ok("builder", "prune", "-f").stdout
    assert "cache-mount" not in own.ok("builder", "du").stdout
    wrong = own.run("builder", "prune", "--filter", "colour=red")
    assert (wrong.code, "is not a filter" in wrong.stderr) == (16, True)


def test_a_look_at_what_failed(own: Cais, tiny: str) -> None:
    assert own.run("builder", "shell").code == 14
    write(own, Dockerfile=f"FROM {tiny}\nENV A=b\nWORKDIR /w\nRUN echo x > left; false\n")
    assert own.run("image", "build", "-t", "failing", ".").code == 17
    result = own.ok("builder", "shell", stdin="cat left; echo $A; touch other\n")
    assert "failing: RUN echo x > left; false (failed)" in result.stderr
    assert result.stdout == "x\nb\n"
    assert own.ok("builder", "shell", stdin="ls\n").stdout == "left\n"


def test_outputs(own: Cais, tiny: str) -> None:
    write(own, Dockerfile="FROM scratch\nCOPY --chown=5:6 out /out/\n", **{"out/f": "1\n", "out/d/g": "2\n"})
    own.ok("image", "build", "-o", "files", ".")
    found = {
        str(path.relative_to(own.folder / "files")) for path in (own.folder / "files").rglob("*") if path.is_file()
    }
    assert found == {"out/f", "out/d/g"}
    assert (own.folder / "files/out/f").stat().st_uid == os.getuid()
    (own.folder / "files/out/stays").touch()
    own.ok("image", "build", "-o", "type=local,dest=files", "-o", "type=tar,dest=files.tar", "-o", "type=docker,dest=docker.tar",
           "-o", "type=oci,dest=oci.tar", "-o", "type=oci,tar=false,dest=layout", "-t", "out:1", "--metadata-file", "meta", ".")  # fmt: skip
    assert (own.folder / "files/out/stays").exists()
    with tarfile.open(own.folder / "files.tar") as tar:
        assert {member.name for member in tar if member.isfile()} == {"out/f", "out/d/g"}
    facts = json.loads((own.folder / "meta").read_text())
    assert facts["image.name"] == "out:1"
    for archive in ("docker.tar", "oci.tar"):
        own.ok("image", "rm", "out:1")
        assert "out:1" in own.ok("image", "load", "-i", archive).stdout
    (loaded,) = json.loads(own.ok("image", "inspect", "out:1").stdout)
    assert loaded["Id"] == facts["containerimage.config.digest"]
    assert (own.folder / "layout/index.json").exists()
    piped = own.ok("image", "build", "-o", "-", "-q", ".")
    assert piped.stdout.startswith("out/")
    for words in (("-o", "type=wish,dest=x"), ("-o", "type=local"), ("--push",)):
        assert own.run("image", "build", *words, ".").code == 16

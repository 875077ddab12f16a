"""From a stage's text to its steps, config and history."""

import functools
from collections.abc import Mapping

import pytest

from cais.build.evaluate import SCRATCH, Evaluated, evaluate
from cais.build.graph import Graph
from cais.build.scope import read_arguments, unknown_arguments
from cais.build.steps.model import CopyStep, RunStep, WorkdirStep
from cais.dockerfile.parser import parse
from cais.errors import CaisError
from cais.images.model import HealthConfig, RunConfig


def evaluated(text: str, base: RunConfig | None = None, given: Mapping[str, str] | None = None) -> Evaluated:
    dockerfile = parse(text if "FROM " in text else f"FROM x\n{text}", "Dockerfile")
    arguments = read_arguments(dockerfile, given or {}, {"TARGETARCH": "amd64", "TARGETOS": "linux"})
    graph = Graph(dockerfile, arguments, {})
    start = SCRATCH if base is None else Evaluated(config=base)
    stage = dockerfile.stages[-1]
    find = functools.partial(graph.source, stage=stage.index)
    return evaluate(start, stage.instructions, arguments, find)


def run_of(text: str, **given: str) -> RunStep:
    step = evaluated(text, RunConfig(), given).steps[-1]
    assert isinstance(step, RunStep)
    return step


SECOND = 10**9
CONFIGS = [
    ("ENV A=1 B=$A\nENV C=${B:-none}", {"env": ("A=1", "B=", "C=none")}),
    ("ENV A 1 2", {"env": ("A=1 2",)}),
    ("LABEL a=1 b='x y'\nLABEL a=2", {"labels": {"a": "2", "b": "x y"}}),
    ("WORKDIR a\nWORKDIR ../b/./c", {"working_dir": "/b/c"}),
    ("USER ana:staff", {"user": "ana:staff"}),
    ("EXPOSE 80 53/udp 8000-8001", {"exposed_ports": {"80/tcp": {}, "53/udp": {}, "8000/tcp": {}, "8001/tcp": {}}}),
    ("ENV P='1 2'\nEXPOSE $P", {"exposed_ports": {"1/tcp": {}, "2/tcp": {}}}),
    ("VOLUME /a /b", {"volumes": {"/a": {}, "/b": {}}}),
    ('VOLUME ["/a", "/b"]', {"volumes": {"/a": {}, "/b": {}}}),
    ('CMD ["a", "b"]', {"cmd": ("a", "b")}),
    ("CMD a b", {"cmd": ("/bin/sh", "-c", "a b")}),
    ('SHELL ["/bin/bash", "-ec"]\nCMD a b', {"cmd": ("/bin/bash", "-ec", "a b"), "shell": ("/bin/bash", "-ec")}),
    ('ENTRYPOINT ["e"]', {"entrypoint": ("e",), "cmd": None}),
    ('CMD ["c"]\nENTRYPOINT ["e"]', {"entrypoint": ("e",), "cmd": ("c",)}),
    ("STOPSIGNAL SIGQUIT", {"stop_signal": "SIGQUIT"}),
    ("HEALTHCHECK NONE", {"healthcheck": HealthConfig(test=("NONE",))}),
    (
        "HEALTHCHECK --interval=1m30s --timeout=500ms --retries=2 --start-period=2s CMD true",
        {
            "healthcheck": HealthConfig(
                test=("CMD-SHELL", "true"),
                interval=90 * SECOND,
                timeout=SECOND // 2,
                retries=2,
                start_period=2 * SECOND,
            )
        },
    ),
    ("ONBUILD RUN echo $A", {"on_build": ("RUN echo $A",)}),
]


@pytest.mark.parametrize(("text", "expected"), CONFIGS, ids=[case[0] for case in CONFIGS])
def test_config(text: str, expected: dict[str, object]) -> None:
    config = evaluated(text, RunConfig(cmd=("of the base",))).config
    assert {name: getattr(config, name) for name in expected} == expected


def test_a_stage_from_scratch_has_a_path() -> None:
    config = evaluated("USER 1").config
    assert config.env[0].startswith("PATH=/usr/local/sbin:")
    assert config.working_dir == "/"


ARGUMENTS = [
    ("ARG A=1", {}, {"A": "1"}),
    ("ARG A", {}, {}),
    ("ARG A=1", {"A": "2"}, {"A": "2"}),
    ("ARG A=1\nENV A=3", {"A": "2"}, {"A": "3"}),
    ("ENV A=3\nARG A=1", {}, {"A": "1"}),
    ("ENV A=3\nARG A", {}, {"A": "3"}),
    ("ENV A=3\nARG A", {"A": "2"}, {"A": "2"}),
    ("ARG A=1\nARG B=$A", {}, {"A": "1", "B": "1"}),
    ("ARG TARGETARCH", {}, {"TARGETARCH": "amd64"}),
    ("ENV X=1", {"B": "undeclared"}, {"X": "1"}),
    ("ARG G=1\nFROM x\nARG G", {}, {"G": "1"}),
    ("ARG G=1\nFROM x\nARG G=2", {}, {"G": "2"}),
    ("ARG G=1\nFROM x\nARG G", {"G": "3"}, {"G": "3"}),
    ("ARG G=1\nFROM x\nENV A=$G", {}, {"A": ""}),
]


@pytest.mark.parametrize(("text", "given", "expected"), ARGUMENTS)
def test_what_a_run_sees(text: str, given: dict[str, str], expected: dict[str, str]) -> None:
    assert dict(run_of(f"{text}\nRUN x", **given).environment) == expected


def test_steps() -> None:
    found = evaluated("WORKDIR /a\nUSER u\nCOPY --chown=$X a b/ /c/\nENV X=1\nCOPY $X .\nRUN x\n", RunConfig()).steps
    workdir, first, second, run = found
    assert isinstance(workdir, WorkdirStep)
    assert isinstance(first, CopyStep)
    assert isinstance(second, CopyStep)
    assert isinstance(run, RunStep)
    assert (workdir.path, workdir.user) == ("/a", "")
    assert (first.sources, first.destination) == (("a", "b/"), "/c/")
    assert (second.sources, second.destination) == (("1",), "/a/")
    assert (run.argv, run.user, run.working_dir) == (("/bin/sh", "-c", "x"), "u", "/a")


def test_history_is_worded_as_docker_words_it() -> None:
    text = 'FROM x\nFROM x\nARG A=1\nRUN x\nCOPY --from=0 --chown=u a b\nENV K=v\nCMD ["a", "b"]\nEXPOSE 1\nWORKDIR w'
    assert [line.created_by for line in evaluated(text, RunConfig()).lines] == [
        "ARG A=1",
        "RUN |1 A=1 /bin/sh -c x",
        "COPY --chown=u --from=0 a b",
        "ENV K=v",
        'CMD ["a" "b"]',
        "EXPOSE map[1/tcp:{}]",
        "WORKDIR /w",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("EXPOSE 2-1", "EXPOSE cannot read"),
        ("EXPOSE 70000", "EXPOSE cannot read"),
        ("STOPSIGNAL -9", "is no signal"),
        ("STOPSIGNAL 65", "is no signal"),
        ("STOPSIGNAL NOPE", "is no signal"),
        ("STOPSIGNAL RTMIN+16", "is no signal"),
        ("COPY a b c", "does not end in a slash"),
        ("RUN --mount=type=cache,target=/x,uid=$U true", ""),
        ("ENV U=x\nRUN --mount=type=cache,target=/x,uid=$U true", 'mount option "uid" cannot be "x"'),
        ("RUN --mount=type=bind,target=/ true", 'mount option "target" cannot be "/"'),
        ("COPY git@github.com:a/b /x", "COPY cannot fetch"),
        ("COPY https://x/a.tar /x", "COPY cannot fetch"),
        ("ADD https://x/a.git?colour=red /x", "ADD cannot read the address"),
        ("ADD --checksum=xyz https://x/a.git /x", "is no commit"),
        ("COPY --link --chown=ana a /x", "--link cannot know the owner"),
        ("ADD --checksum=sha256:0 a /x", "exactly one address"),
    ],
)
def test_refused(text: str, message: str) -> None:
    if not message:
        evaluated(text)
        return
    with pytest.raises(CaisError, match=message) as caught:
        evaluated(text)
    assert caught.value.span is not None


def test_arguments_nobody_asks_for() -> None:
    dockerfile = parse("ARG A\nFROM x\nARG B\n", "Dockerfile")
    given = {"A": "", "B": "", "C": "", "http_proxy": "", "SOURCE_DATE_EPOCH": ""}
    assert unknown_arguments(dockerfile, given) == ("C",)

"""Each rule: Dockerfiles it objects to, with place and remedy, and Dockerfiles it leaves alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cais.dockerfile.ignorefile import IgnoreMatcher, parse
from cais.dockerfile.rules.model import Finding
from cais.dockerfile.rules.table import RULES, Settings, lint, settings
from cais.errors import InvalidDockerfile, Span

BAD = [
    ("StageNameCasing", "FROM x AS Base", "1:11+4", 'write "base"'),
    ("FromAsCasing", "FROM x as base", "1:8+2", 'write "AS"'),
    ("FromAsCasing", "from x AS base", "1:8+2", 'write "as"'),
    ("NoEmptyContinuation", "FROM x\nRUN a \\\n\n b", "3:1+1", "remove the line"),
    ("ConsistentInstructionCasing", "FROM x\nRUN a\nrun b", "3:1+3", 'write "RUN"'),
    ("ConsistentInstructionCasing", "FROM x\nRUN a\nUser b", "3:1+4", 'write "USER"'),
    ("DuplicateStageName", "FROM x AS a\nFROM y AS A", "2:1+11", "own name"),
    ("ReservedStageName", "FROM x AS scratch", "1:1+17", "another name"),
    ("JSONArgsRecommended", "FROM x\nCMD a b", "2:1+7", 'write CMD ["'),
    ("JSONArgsRecommended", "FROM x\nENTRYPOINT a", "2:1+12", 'write ENTRYPOINT ["'),
    ("MaintainerDeprecated", "FROM x\nMAINTAINER a@b", "2:1+14", 'authors="a@b"'),
    ("UndefinedArgInFrom", "ARG VERSION=1\nFROM x:$VERSOIN", "2:1+15", 'did you mean "VERSION"'),
    ("UndefinedArgInFrom", "FROM --platform=$P x", "1:1+20", "add ARG P=DEFAULT"),
    ("UndefinedVar", "FROM scratch\nCOPY $x /", "2:1+9", "add ARG x"),
    ("UndefinedVar", "FROM x\nARG FOO_DIR=a\nWORKDIR /$FOO_DRI", "3:1+17", 'did you mean "FOO_DIR"'),
    ("UndefinedVar", "ARG A=1\nFROM scratch\nENV B=$A", "3:1+8", "add ARG A"),
    ("UndefinedVar", "FROM scratch\nENV A=1 B=$A", "2:1+12", "add ARG A"),
    ("WorkdirRelativePath", "FROM x\nWORKDIR app", "2:1+11", "begin it with /"),
    ("MultipleInstructionsDisallowed", 'FROM x\nCMD ["a"]\nCMD ["b"]', "2:1+9", "remove it"),
    ("MultipleInstructionsDisallowed", "FROM x\nHEALTHCHECK NONE\nHEALTHCHECK NONE", "2:1+16", "remove it"),
    ("LegacyKeyValueFormat", "FROM x\nENV A b c", "2:1+9", 'write ENV A="VALUE"'),
    ("LegacyKeyValueFormat", "FROM x\nLABEL A b=c", "2:1+11", 'write LABEL A="VALUE"'),
    ("RedundantTargetPlatform", "FROM --platform=$TARGETPLATFORM x", "1:1+33", "remove"),
    ("SecretsUsedInArgOrEnv", "FROM x\nARG AWS_SECRET_ACCESS_KEY", "2:1+25", "--mount=type=secret"),
    ("SecretsUsedInArgOrEnv", "FROM x\nENV db_password=x", "2:1+17", "--mount=type=secret"),
    ("InvalidDefaultArgInFrom", "ARG TAG\nFROM x:${TAG}", "2:1+13", "give the ARG a default"),
    ("InvalidDefaultArgInFrom", "ARG I\nFROM $I", "2:1+7", "give the ARG a default"),
    ("FromPlatformFlagConstDisallowed", "FROM --platform=linux/amd64 x", "1:1+29", "BUILDPLATFORM"),
    ("CopyIgnoredFile", "FROM x\nCOPY ./secret/a b /", "2:1+19", "ignore file"),
    ("CopyIgnoredFile", "FROM x\nADD secret /", "2:1+12", "ignore file"),
    ("InvalidDefinitionDescription", "# the base\nFROM x AS a", "2:1+11", '"# a DESCRIPTION"'),
    ("ExposeProtoCasing", "FROM x\nEXPOSE 80/TCP", "2:1+13", 'write "80/tcp"'),
    ("ExposeInvalidFormat", "FROM x\nEXPOSE 127.0.0.1:80:80", "2:1+22", "PORT/PROTOCOL"),
    ("ExposeInvalidFormat", "FROM x\nEXPOSE 80:80", "2:1+12", "PORT/PROTOCOL"),
]

GOOD = [
    "FROM x AS base-1\nRUN a \\\n # comment\n b",
    "from x as base\nrun a",
    'FROM x\nSHELL ["/bin/bash", "-c"]\nCMD a',
    'FROM x AS a\nSHELL ["/bin/bash", "-c"]\nFROM a\nENTRYPOINT a',
    "ARG V=1\nFROM x:$V-slim\nFROM --platform=$BUILDPLATFORM y:${W:-3}",
    "FROM x\nCOPY $UNKNOWN /  # a base at hand may set it",
    "FROM scratch\nARG A\nENV B=$A\nCOPY $B ${C:-c} /\nENV PATH=/x:$PATH HTTP=$HTTP_PROXY",
    "FROM scratch AS a\nENV A=1\nFROM a\nWORKDIR /$A",
    "FROM x AS a\nWORKDIR /a\nWORKDIR b\nFROM a\nWORKDIR c",
    "FROM x\nWORKDIR $HOME/x",
    'FROM x\nCMD ["a"]\nFROM y\nCMD ["b"]',
    "FROM x\nARG PUBLIC_KEY MONKEY=1 AUTHOR=me",
    "ARG R=registry:5000/a/b TAG=1@sha256:" + "a" * 64 + "\nFROM ${R}:${TAG}",
    "ARG P\nFROM x-$TARGETARCH",
    "FROM --platform=linux/arm64 x AS build-arm64",
    "FROM y AS src\nFROM x\nCOPY --from=src secret /\nADD http://secret /\nCOPY <<secret /x\nsecret",
    "# a is the base\nFROM x AS a\n# unnamed\nFROM y\n# far away\n\nARG B",
    "FROM x\nEXPOSE 80 443/tcp 8000-8010/udp $P 1/$Q",
]

NAMES = [rule.name for rule in RULES]


def _lint(text: str) -> tuple[Finding, ...]:
    return lint("# check=experimental=all\n" + text, "f", ignore=IgnoreMatcher(parse("secret")))


@pytest.mark.parametrize(("rule", "text", "place", "hint"), BAD)
def test_objection(rule: str, text: str, place: str, hint: str) -> None:
    (found,) = (each for each in _lint(text) if each.rule == rule)
    assert f"{found.span.line - 1}:{found.span.column}+{found.span.length}" == place
    assert hint in found.hint


@pytest.mark.parametrize("text", GOOD)
def test_no_objection(text: str) -> None:
    assert _lint(text) == ()


def test_every_rule_has_a_case() -> None:
    assert set(NAMES) == {rule for rule, *_ in BAD}
    assert len(NAMES) == len(set(NAMES)) == 21


def test_variables_of_a_base_at_hand_are_known() -> None:
    text = "FROM x\nCOPY $IN_BASE $NOT_THERE /"
    found = lint(text, "f", base_variables=lambda image: frozenset({"IN_BASE"}) if image == "x" else None)
    assert [each.message for each in found] == ['variable "NOT_THERE" is not set here']


@pytest.mark.parametrize(
    ("directive", "expected"),
    [
        ("", ["JSONArgsRecommended", "StageNameCasing"]),
        ("# check=skip=JSONArgsRecommended\n", ["StageNameCasing"]),
        ("# check=skip=jsonargsrecommended, StageNameCasing\n", []),
        ("# check=skip=all;error=true\n", []),
        ("# check=experimental=InvalidDefinitionDescription\n", ["InvalidDefinitionDescription", *NAMES[:1], NAMES[6]]),
    ],
)
def test_check_directive(directive: str, expected: list[str]) -> None:
    found = lint(directive + "# wrong\nFROM x AS A\nCMD a", "f")
    assert sorted(each.rule for each in found) == sorted(expected)


def test_settings_are_read_or_refused() -> None:
    assert settings("skip=all; error=true", Span("f", 1)) == Settings(frozenset({"all"}), frozenset(), error=True)
    with pytest.raises(InvalidDockerfile) as caught:
        settings("skip=StageNameCase;eror=true;error=maybe", Span("f", 2))
    assert [each.hint for each in caught.value.problems][:2] == [
        'did you mean "error"?',
        "see the list of build checks",
    ]
    assert len(caught.value.problems) == 3


_LINES = st.sampled_from(
    ["FROM x AS A", "FROM ${B}:$C", "ARG B=1", "ENV a b", "RUN x \\\n\n y", "CMD a", "EXPOSE a/B", "WORKDIR x", "COPY $q <<E /\n$r\nE", "# c", "MAINTAINER m", "FROM --platform=a/b a AS a", "FROM a", "ENV PASSWORD=${"]
)  # fmt: skip


@given(st.lists(_LINES, max_size=8))
def test_any_dockerfile_is_linted_or_refused(lines: list[str]) -> None:
    try:
        found = _lint("\n".join(lines))
    except InvalidDockerfile:
        return
    assert all(1 <= each.span.line <= 40 for each in found)

"""The rules, and the way to run them. Names and meaning are those of the published build checks (docs.docker.com/reference/build-checks)."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from cais.dockerfile import lexer
from cais.dockerfile.ignorefile import IgnoreMatcher
from cais.dockerfile.instructions import Dockerfile
from cais.dockerfile.parser import parse_lexed
from cais.dockerfile.rules import stages, steps, writing
from cais.dockerfile.rules.model import Finding, Rule, Subject
from cais.dockerfile.suggest import did_you_mean
from cais.errors import InvalidDockerfile, Problem, Span

_OPTIONS = ("skip", "experimental", "error")

RULES: tuple[Rule, ...] = (
    Rule("StageNameCasing", "stage names are in lower case", writing.stage_name_casing),
    Rule("FromAsCasing", "AS is in the case of FROM", writing.from_as_casing),
    Rule("NoEmptyContinuation", "no empty lines inside an instruction", writing.no_empty_continuation),
    Rule("ConsistentInstructionCasing", "all instructions are in one case", writing.consistent_instruction_casing),
    Rule("DuplicateStageName", "each stage has its own name", stages.duplicate_stage_name),
    Rule("ReservedStageName", "no stage has a name that means something else", stages.reserved_stage_name),
    Rule("JSONArgsRecommended", "CMD and ENTRYPOINT are in exec form, so that signals arrive", steps.json_args_recommended),
    Rule("MaintainerDeprecated", "a label names the author, not MAINTAINER", writing.maintainer_deprecated),
    Rule("UndefinedArgInFrom", "FROM uses only declared arguments", stages.undefined_arg_in_from),
    Rule("UndefinedVar", "variables are set before they are used", steps.undefined_var),
    Rule("WorkdirRelativePath", "a first WORKDIR is absolute", steps.workdir_relative_path),
    Rule("MultipleInstructionsDisallowed", "no stage has an instruction without effect", steps.multiple_instructions_disallowed),
    Rule("LegacyKeyValueFormat", "ENV and LABEL are written with =", writing.legacy_key_value_format),
    Rule("RedundantTargetPlatform", "the default platform is not spelled out", stages.redundant_target_platform),
    Rule("SecretsUsedInArgOrEnv", "no secrets in ARG or ENV", steps.secrets_used_in_arg_or_env),
    Rule("InvalidDefaultArgInFrom", "the defaults of global arguments make a valid FROM", stages.invalid_default_arg_in_from),
    Rule("FromPlatformFlagConstDisallowed", "no stage is fixed to one platform", stages.from_platform_flag_const_disallowed),
    Rule("CopyIgnoredFile", "nothing is copied that the ignore file leaves out", steps.copy_ignored_file, experimental=True),
    Rule("InvalidDefinitionDescription", "a comment above ARG or FROM describes it", writing.invalid_definition_description, experimental=True),
    Rule("ExposeProtoCasing", "protocols are in lower case", steps.expose_proto_casing),
    Rule("ExposeInvalidFormat", "EXPOSE names ports of the container only", steps.expose_invalid_format),
)  # fmt: skip


class Settings(msgspec.Struct, frozen=True):
    """What a `# check=` directive says: rules to skip, experimental rules to run (lower case, or "all"), and whether findings are errors."""

    skip: frozenset[str] = frozenset()
    experimental: frozenset[str] = frozenset()
    error: bool = False


def settings(value: str, span: Span) -> Settings:
    """Read the value of a `check` directive: `skip=A,B;experimental=C;error=true`. Raises InvalidDockerfile at `span`."""
    problems: list[Problem] = []
    options: dict[str, str] = {}
    for part in filter(None, (part.strip() for part in value.split(";"))):
        name, _, given = part.partition("=")
        options[name] = given.strip().lower()
        if name not in _OPTIONS:
            hint = did_you_mean(name, _OPTIONS, "the options are " + ", ".join(_OPTIONS))
            problems.append(Problem(f'the check directive has no option "{name}"', span, hint))
    known = {rule.name.lower(): rule.name for rule in RULES} | {"all": "all"}
    skip, experimental = (_names(options.get(option, "")) for option in ("skip", "experimental"))
    for unknown in sorted((skip | experimental) - set(known)):
        hint = did_you_mean(unknown, known.values(), "see the list of build checks")
        problems.append(Problem(f'there is no rule "{unknown}"', span, hint))
    error = options.get("error", "false")
    if error not in ("true", "false"):
        problems.append(Problem(f'"error" cannot be "{error}"', span, "write error=true or error=false"))
    if problems:
        raise InvalidDockerfile(problems)
    return Settings(skip, experimental, error == "true")


def directive_settings(dockerfile: Dockerfile) -> Settings:
    """The settings of a Dockerfile's own `check` directive, the defaults without one. Raises InvalidDockerfile."""
    # Directives fill the first lines, one each: an index is a line number.
    for line, (name, value) in enumerate(dockerfile.directives, 1):
        if name == "check":
            return settings(value, Span(dockerfile.file, line))
    return Settings()


def lint(
    text: str,
    file: str,
    *,
    ignore: IgnoreMatcher | None = None,
    base_variables: Callable[[str], frozenset[str] | None] = lambda _: None,
) -> tuple[Finding, ...]:
    """What the rules find in a Dockerfile, in the order of the text; the `check` directive is obeyed.

    Raises InvalidDockerfile when it cannot be parsed.
    """
    lexed = lexer.lex(text, file)
    dockerfile = parse_lexed(lexed, file)
    subject = Subject(dockerfile=dockerfile, statements=lexed.statements, ignore=ignore, base_variables=base_variables)
    chosen = directive_settings(dockerfile)
    findings = [
        Finding(rule.name, remark.message, remark.span, remark.hint)
        for rule in RULES
        if _runs(rule, chosen)
        for remark in rule.check(subject)
    ]
    return tuple(sorted(findings, key=lambda finding: (finding.span, finding.rule)))


def _runs(rule: Rule, chosen: Settings) -> bool:
    if chosen.skip.intersection((rule.name.lower(), "all")):
        return False
    return not rule.experimental or bool(chosen.experimental.intersection((rule.name.lower(), "all")))


def _names(value: str) -> frozenset[str]:
    return frozenset(name.strip().lower() for name in value.split(",") if name.strip())

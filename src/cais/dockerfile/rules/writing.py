"""Rules about how a Dockerfile is written: case, old forms, empty lines, comments."""

from __future__ import annotations

from collections.abc import Iterator

from cais.dockerfile import words
from cais.dockerfile.instructions import Arg, Env, From, Instruction, Label, Maintainer
from cais.dockerfile.rules.model import Remark, Subject
from cais.errors import Span


def stage_name_casing(subject: Subject) -> Iterator[Remark]:
    """`FROM x AS Name`."""
    for base, _ in subject.bases():
        tokens = subject.arguments(base)
        if len(tokens) == 3 and tokens[2].text != tokens[2].text.lower():
            name = tokens[2]
            span = subject.statement(base).token_span(name)
            yield Remark(f'stage name "{name.text}" is not in lower case', span, f'write "{name.text.lower()}"')


def from_as_casing(subject: Subject) -> Iterator[Remark]:
    """`FROM x as name`."""
    for base, _ in subject.bases():
        tokens = subject.arguments(base)
        if len(tokens) != 3:
            continue
        keyword = words.split(base.text).keyword.text
        wanted = "AS" if keyword.isupper() else "as"
        if tokens[1].text != wanted and (keyword.isupper() or keyword.islower()):
            span = subject.statement(base).token_span(tokens[1])
            yield Remark(f'"{tokens[1].text}" is not in the case of "{keyword}"', span, f'write "{wanted}"')


def no_empty_continuation(subject: Subject) -> Iterator[Remark]:
    """An empty line in the middle of an instruction."""
    for statement in subject.statements:
        for line in statement.blank_lines:
            yield Remark(
                "empty line inside an instruction", Span(statement.file, line), "remove the line, or make it a comment"
            )


def consistent_instruction_casing(subject: Subject) -> Iterator[Remark]:
    """`run` in a file of `RUN`s."""
    keywords = [(statement, words.split(statement.text).keyword) for statement in subject.statements]
    lower = sum(keyword.text.islower() for _, keyword in keywords)
    upper = sum(keyword.text.isupper() for _, keyword in keywords)
    for statement, keyword in keywords:
        wanted = keyword.text.lower() if lower > upper else keyword.text.upper()
        if keyword.text != wanted:
            message = f'"{keyword.text}" is not in the case of the other instructions'
            yield Remark(message, statement.token_span(keyword), f'write "{wanted}"')


def maintainer_deprecated(subject: Subject) -> Iterator[Remark]:
    """MAINTAINER."""
    for instruction in subject.all_instructions():
        if isinstance(instruction, Maintainer):
            hint = f'write LABEL org.opencontainers.image.authors="{instruction.name}"'
            yield Remark("MAINTAINER is deprecated", instruction.span, hint)


def legacy_key_value_format(subject: Subject) -> Iterator[Remark]:
    """`ENV name value`."""
    for instruction in subject.all_instructions():
        if isinstance(instruction, Env | Label) and "=" not in subject.arguments(instruction)[0].text:
            keyword = type(instruction).__name__.upper()
            name = subject.arguments(instruction)[0].text
            message = f'{keyword} "{name}" is in the old form without ='
            yield Remark(message, instruction.span, f'write {keyword} {name}="VALUE"')


def invalid_definition_description(subject: Subject) -> Iterator[Remark]:
    """A comment right above FROM or ARG that is no description of the form `name text`."""
    for instruction in subject.all_instructions():
        names = _defined(instruction)
        comments = subject.statement(instruction).comments
        if names and comments and comments[-1].split(" ")[0] not in names:
            message = f'the comment above does not begin with "{names[0]}", so it describes nothing'
            yield Remark(message, instruction.span, f'write "# {names[0]} DESCRIPTION", or leave an empty line between')


def _defined(instruction: Instruction) -> tuple[str, ...]:
    if isinstance(instruction, From):
        return (instruction.name,) if instruction.name else ()
    return tuple(name for name, _ in instruction.arguments) if isinstance(instruction, Arg) else ()

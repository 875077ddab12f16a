"""From a Dockerfile's text to its stages (Dockerfile reference, version 1.x as BuildKit reads it)."""

from __future__ import annotations

from cais.dockerfile import forms, lexer
from cais.dockerfile.instructions import Arg, Dockerfile, From, Stage, StageInstruction
from cais.dockerfile.lexer import Statement
from cais.errors import InvalidDockerfile, Problem, Span


def parse(text: str, file: str) -> Dockerfile:
    """Read a whole Dockerfile; `file` is its name in spans.

    Raises InvalidDockerfile with every problem found, in the order of the text. Words are left unexpanded.
    """
    return parse_lexed(lexer.lex(text, file), file)


def parse_lexed(lexed: lexer.Lexed, file: str) -> Dockerfile:
    """As `parse`, for a caller that needs the statements too (the rules do)."""
    problems = list(lexed.problems)
    assembly = _Assembly(problems)
    for statement in lexed.statements:
        assembly.add(statement, lexed.escape)
    if not assembly.began and not problems:
        problems.append(_no_stage(lexed, file))
    if problems:
        raise InvalidDockerfile(sorted(problems, key=_place))
    return Dockerfile(
        file=file,
        directives=lexed.directives,
        global_arguments=tuple(assembly.global_arguments),
        stages=assembly.stages(),
    )


def parse_trigger(text: str, file: str) -> StageInstruction:
    """Read one instruction on its own: the text an ONBUILD left in an image's config; `file` names the image.

    Raises InvalidDockerfile when it is not exactly one instruction that ONBUILD allows.
    """
    lexed = lexer.lex(text, file)
    problems = list(lexed.problems)
    if len(lexed.statements) != 1:
        message = f'"{text.strip()}" is not exactly one instruction'
        problems.append(Problem(message, Span(file, 1), "rebuild the image whose ONBUILD this is"))
    found = [forms.read_trigger(forms.Form(each, lexed.escape, problems)) for each in lexed.statements]
    if problems or found[0] is None:
        raise InvalidDockerfile(sorted(problems, key=_place))
    return found[0]


class _Assembly:
    """Puts instructions into stages."""

    def __init__(self, problems: list[Problem]) -> None:
        self.global_arguments: list[Arg] = []
        self.began = False
        self._problems = problems
        self._stages: list[tuple[From, list[StageInstruction]]] = []

    def add(self, statement: Statement, escape: str) -> None:
        """Read one statement and put it where it belongs."""
        form = forms.Form(statement, escape, self._problems)
        if not form.keyword.text:
            self._problems.append(Problem("a continued line is followed by nothing", statement.span(), "remove it"))
        elif form.name == "FROM":
            # Even a FROM that cannot be read begins a stage: what follows is then not blamed for standing outside.
            self.began = True
            base = forms.from_(form)
            if base is not None:
                self._stages.append((base, []))
        else:
            self._place(form, forms.read(form))

    def _place(self, form: forms.Form, instruction: StageInstruction | None) -> None:
        if instruction is None:
            return
        if self._stages:
            self._stages[-1][1].append(instruction)
        elif isinstance(instruction, Arg):
            self.global_arguments.append(instruction)
        elif not self.began:
            form.complain(f"{form.name} stands before the first FROM", "begin with FROM; only ARG may stand before it")

    def stages(self) -> tuple[Stage, ...]:
        """The stages in order."""
        return tuple(
            Stage(index=index, base=base, instructions=tuple(instructions))
            for index, (base, instructions) in enumerate(self._stages)
        )


def _no_stage(lexed: lexer.Lexed, file: str) -> Problem:
    if lexed.statements:
        return Problem("there is no FROM", lexed.statements[-1].span(), "add FROM IMAGE")
    return Problem(f'"{file}" has no instructions', Span(file, 1), "begin with FROM IMAGE")


def _place(problem: Problem) -> tuple[int, int]:
    return (problem.span.line, problem.span.column) if problem.span else (0, 0)

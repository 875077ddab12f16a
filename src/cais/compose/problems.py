"""Collects what is wrong with a project, so that all of it is told at once."""

from __future__ import annotations

from cais.errors import InvalidProject, Problem, Span


class Problems:
    """What is wrong (`errors`) and what is remarkable (`warnings`), each said once a place."""

    def __init__(self) -> None:
        self.errors: list[Problem] = []
        self.refusals: list[Problem] = []
        self.warnings: list[Problem] = []
        self._seen: set[Problem] = set()

    def error(self, message: str, span: Span | None, hint: str | None = None) -> None:
        """Something makes the project invalid."""
        self._add(self.errors, Problem(message, span, hint))

    def warn(self, message: str, span: Span | None, hint: str | None = None) -> None:
        """Something is probably not what the user means."""
        self._add(self.warnings, Problem(message, span, hint))

    def refuse(self, message: str, span: Span | None, hint: str | None = None) -> None:
        """Something is valid, and Cais cannot do it."""
        self._add(self.refusals, Problem(message, span, hint))

    def raise_if_any(self) -> None:
        """Raise InvalidProject with every error, and what is refused beside them, in the order of the text within each file."""
        if self.errors:
            raise InvalidProject(in_order([*self.errors, *self.refusals]))

    def _add(self, where: list[Problem], problem: Problem) -> None:
        if problem not in self._seen:
            self._seen.add(problem)
            where.append(problem)


def in_order(problems: list[Problem]) -> list[Problem]:
    """The problems in the order of the text, file by file as they first appear."""
    files = {problem.span.file: n for n, problem in reversed(list(enumerate(problems))) if problem.span}
    return sorted(problems, key=lambda p: (files[p.span.file], p.span.line, p.span.column) if p.span else (-1, 0, 0))


def nearest(name: str, known: list[str]) -> str | None:
    """A hint naming the known word that `name` is probably a slip of, or None."""
    import difflib

    close = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    return f'did you mean "{close[0]}"?' if close else None

"""Renders errors: what, where with the line and a mark, what to do."""

from __future__ import annotations

from cais.errors import CaisError, Problem, Span

RED = "\x1b[31;1m"
YELLOW = "\x1b[33m"
DIM = "\x1b[2m"
RESET = "\x1b[0m"
DETAIL_LINES = 40


def render_error(error: CaisError, *, color: bool) -> str:
    """The whole message, ending with a newline."""
    parts = [render_problem(problem, "error", RED, color=color) for problem in error.problems]
    if error.details:
        parts.append("".join(f"  | {line}\n" for line in error.details[-DETAIL_LINES:]))
    return "".join(parts)


def render_warning(problem: Problem, *, color: bool) -> str:
    """A warning on one line, with its place."""
    where = f"{_shown(problem.span)}: " if problem.span else ""
    hint = f" ({problem.hint})" if problem.hint else ""
    label = "\x1b[33mwarning\x1b[0m: " if color else "warning: "
    return f"{label}{where}{problem.message}{hint}\n"


def render_problem(problem: Problem, label: str, paint: str, *, color: bool) -> str:
    """One problem with the line it is in, a mark and what to do."""
    head = f"{paint}{label}{RESET}" if color else label
    where = f"{_shown(problem.span)}: " if problem.span else ""
    text = f"{head}: {where}{problem.message}\n"
    if problem.span is not None:
        text += _source_line(problem.span, color=color)
    if problem.hint:
        text += f"  hint: {problem.hint}\n"
    return text


def _shown(span: Span | None) -> str:
    if span is None:
        return ""
    import os

    short = os.path.relpath(span.file) if os.path.isabs(span.file) else span.file
    file = short if not short.startswith("../..") else span.file
    return f"{file}:{span.line}:{span.column}"


def _source_line(span: Span, *, color: bool) -> str:
    """The line of the file with a mark below, or nothing when the file cannot be read any more."""
    try:
        with open(span.file, encoding="utf-8", errors="replace") as stream:
            lines = stream.read().splitlines()
    except OSError:  # the place is still named; only the quote is missing (stdin, a file already gone)
        return ""
    if span.line > len(lines):
        return ""
    shown = lines[span.line - 1].replace("\t", " ")
    mark = " " * (span.column - 1) + "^" * max(1, min(span.length, len(shown) - span.column + 1))
    gutter = f"  {span.line} | "
    start, end = (DIM, RESET) if color else ("", "")
    return f"{start}{gutter}{shown}\n{' ' * (len(gutter) - 2)}| {mark}{end}\n"

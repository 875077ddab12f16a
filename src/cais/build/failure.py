"""A command that failed, and the files it left."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from cais.errors import BuildError, Span


class StepFailed(BuildError):
    """A RUN ended with another code than 0. `snapshot` has its files ("" while they are not kept); `open_shell` opens a shell in them, on
    the caller's terminal, with the step's mounts and variables, and returns its exit code."""

    def __init__(self, message: str, *, span: Span, hint: str | None, details: Sequence[str]) -> None:
        super().__init__(message, span=span, hint=hint, details=details)
        self.snapshot = ""
        self.open_shell: Callable[[], int] | None = None

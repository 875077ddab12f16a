"""RUN: a command on the root, with its mounts and what this machine lends to it."""

from __future__ import annotations

import codecs
import contextlib
from collections.abc import Callable

from cais.build import host
from cais.build.executor import BuildMount, RunRequest
from cais.build.session import Session
from cais.build.steps.model import RunStep
from cais.build.steps.mounting import mounted
from cais.errors import BuildError, CaisError, Interrupted

_TAIL_LINES = 20
_TAIL_CHARACTERS = 16_000
_NOT_EXECUTABLE = 126
_NOT_FOUND = 127
_KILLED = 137


def run(session: Session, step: RunStep, root: str, on_text: Callable[[str], None], proxies: dict[str, str]) -> None:
    """Do the step in `root`; `proxies` are those given as build arguments. Raises BuildError, placed at the step."""
    output = _Output(session, on_text)
    with contextlib.ExitStack() as stack:
        mounts, variables = mounted(session, step, stack)
        lent, lent_variables = _lent(session, step)
        environment = {**lent_variables, **proxies, **step.environment, **variables}
        environment.setdefault("SOURCE_DATE_EPOCH", str(session.epoch_s))
        request = RunRequest(
            root=root,
            argv=step.argv,
            environment=environment,
            working_dir=step.working_dir,
            user=step.user,
            mounts=(*lent, *mounts),
            network=step.network if step.network != "default" else session.request.network or "default",
            extra_hosts=session.request.extra_hosts,
            shm_size_bytes=session.request.shm_size_bytes,
            ulimits=session.request.ulimits,
            insecure=step.insecure,
        )
        try:
            code = session.executor.run(request, output.take)
        except Interrupted:
            raise
        except CaisError as error:
            raise BuildError(
                error.message, span=error.span or step.span, hint=error.hint, details=error.details or output.tail()
            ) from error
    output.end()
    if code != 0:
        raise BuildError(
            f"RUN failed with exit code {code}: {_shortened(step.text)}",
            span=step.span,
            hint=_hint(code),
            details=output.tail(),
        )


def _lent(session: Session, step: RunStep) -> tuple[tuple[BuildMount, ...], dict[str, str]]:
    """The machine's certificates and proxies; what the Dockerfile says itself goes before."""
    if not session.request.host_ca:
        return (), {}
    variables = dict(host.proxy_variables(session.request.environment))
    bundle = host.find_bundle(session.request.environment)
    if bundle is None:
        return (), variables
    if not any(name in step.environment for name in ("SSL_CERT_FILE", "SSL_CERT_DIR")):
        variables.update(host.bundle_variables())
    return (BuildMount(kind="bind", source=bundle, target=host.BUNDLE_TARGET, read_only=True),), variables


class _Output:
    """Hands output on as it comes and keeps its end for an error message."""

    def __init__(self, session: Session, on_text: Callable[[str], None]) -> None:
        self._session = session
        self._on_text = on_text
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._tail = ""

    def take(self, chunk: bytes) -> None:
        if self._session.cancelled.is_set():
            raise Interrupted("the build was given up")
        self._text(self._decoder.decode(chunk))

    def end(self) -> None:
        self._text(self._decoder.decode(b"", final=True))

    def tail(self) -> tuple[str, ...]:
        return tuple(self._tail.splitlines()[-_TAIL_LINES:])

    def _text(self, text: str) -> None:
        if text:
            self._tail = (self._tail + text)[-_TAIL_CHARACTERS:]
            self._on_text(text)


def _hint(code: int) -> str | None:
    if code == _NOT_FOUND:
        return "the command, or a program it calls, is not in the image"
    if code == _NOT_EXECUTABLE:
        return "the command is there but cannot be executed: chmod +x, or its interpreter is missing"
    if code == _KILLED:
        return "it was killed, most often because the memory was used up"
    return None


def _shortened(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 120 else line[:117] + "..."

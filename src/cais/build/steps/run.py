"""RUN: a command on the root, with its mounts and what this machine lends to it."""

from __future__ import annotations

import codecs
import contextlib
import os
import stat
from collections.abc import Callable, Iterator

import msgspec

from cais.build import host
from cais.build.diagnosis import Evidence, likely_cause
from cais.build.executor import DEFAULT_HOSTNAME, BuildMount, RunRequest
from cais.build.failure import StepFailed
from cais.build.session import Session
from cais.build.steps.model import RunStep
from cais.build.steps.mounting import mounted
from cais.durable import free_bytes
from cais.errors import BuildError, CaisError, Interrupted, Span
from cais.linux.rootpath import host_path

_TAIL_LINES = 40
_TAIL_CHARACTERS = 16_000
_SHELLS = ("/bin/bash", "/bin/sh", "/busybox/sh")
_SCRIPT_BYTES = 1 << 16


def run(session: Session, step: RunStep, root: str, on_text: Callable[[str], None], proxies: dict[str, str]) -> None:
    """Do the step in `root`; `proxies` are those given as build arguments. Raises StepFailed and BuildError, placed at the step."""
    output = _Output(session, on_text)
    kills_before = _oom_kills()
    with _prepared(session, step, root, proxies) as request:
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
        evidence = Evidence(
            code=code,
            output="\n".join(output.tail()),
            oom_kills=_oom_kills() - kills_before,
            free_bytes=free_bytes(root),
            has_carriage_returns=_has_carriage_returns(step, root),
            network=request.network,
            host_ca=session.request.host_ca,
        )
        raise StepFailed(
            f"RUN failed with exit code {code}: {_shortened(step.text)}",
            span=step.span,
            hint=likely_cause(evidence),
            details=output.tail(),
        )


def shell(session: Session, step: RunStep, root: str, proxies: dict[str, str]) -> int:
    """A shell in `root` on the caller's terminal, with the step's user, folder, variables and mounts; its exit code. Raises BuildError."""
    program = find_shell(root, step.span)
    with _prepared(session, step, root, proxies) as request:
        return session.executor.interact(msgspec.structs.replace(request, argv=(program,)))


def find_shell(root: str, span: Span) -> str:
    """The path of a shell in `root`. Raises BuildError."""
    program = next((each for each in _SHELLS if os.path.lexists(host_path(root, each))), None)
    if program is None:
        raise BuildError("the image has no shell", span=span, hint="looked for " + ", ".join(_SHELLS))
    return program


@contextlib.contextmanager
def _prepared(session: Session, step: RunStep, root: str, proxies: dict[str, str]) -> Iterator[RunRequest]:
    with contextlib.ExitStack() as stack:
        mounts, variables = mounted(session, step, stack)
        lent, lent_variables = _lent(session, step)
        environment = {**lent_variables, **proxies, **step.environment, **variables}
        environment.setdefault("SOURCE_DATE_EPOCH", str(session.epoch_s))
        yield RunRequest(
            root=root,
            argv=step.argv,
            environment=environment,
            working_dir=step.working_dir,
            user=step.user,
            mounts=(*lent, *mounts),
            network=step.network if step.network != "default" else session.request.network or "default",
            hostname=session.request.given_arguments.get("BUILDKIT_SANDBOX_HOSTNAME") or DEFAULT_HOSTNAME,
            extra_hosts=session.request.extra_hosts,
            shm_size_bytes=session.request.shm_size_bytes,
            ulimits=session.request.ulimits,
            insecure=step.insecure,
        )


def _oom_kills() -> int:
    """How many processes the kernel has killed for memory since the machine started (proc_vmstat(5)); 0 where it does not say."""
    with open("/proc/vmstat", encoding="ascii") as stream:
        return next((int(line.split()[1]) for line in stream if line.startswith("oom_kill ")), 0)


def _has_carriage_returns(step: RunStep, root: str) -> bool:
    """Whether the command itself, or a script that it names, has lines that end in a carriage return."""
    if any("\r" in word for word in step.argv) or (step.script is not None and "\r" in step.script.content):
        return True
    named = [word for text in step.argv for word in text.split() if "/" in word or "." in word]
    return any(_is_crlf_script(root, os.path.join("/", step.working_dir, word)) for word in named[:20])


def _is_crlf_script(root: str, path: str) -> bool:
    try:
        fd = os.open(host_path(root, path), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError):  # not a file's name, or none that is there
        return False
    with os.fdopen(fd, "rb") as stream:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            return False
        head = stream.read(_SCRIPT_BYTES)
    return head.startswith(b"#!") and b"\r\n" in head


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


def _shortened(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 120 else line[:117] + "..."

"""Starting a further process inside a running container: what `execute` and `probe` share."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator

import msgspec

from cais import decoding, proc
from cais.engine.native import monitor, oci
from cais.engine.native.defaults import grant
from cais.engine.native.observe import is_running
from cais.engine.native.parts import Parts
from cais.engine.native.records import Record
from cais.engine.protocol import ExecSpec
from cais.errors import CaisError, CannotExecute
from cais.linux import processes
from cais.linux.rootpath import host_path

PREFIX = "exec-"
REAP_S, REAP_STEP_S = 0.5, 0.002  # for a shell to note that what it started was killed


class _Bundle(msgspec.Struct, frozen=True):
    process: oci.Process


class Session(msgspec.Struct, frozen=True):
    """A process about to run inside: the command that starts it, where its pid and the runtime's complaints will be."""

    command: proc.Command
    pid_file: str
    log: str

    @property
    def pid(self) -> int:
        """Its pid on the host; 0 before it started."""
        return monitor.read_pid(self.pid_file)


@contextlib.contextmanager
def session(parts: Parts, record: Record, spec: ExecSpec) -> Iterator[Session]:
    """Prepare `spec` in the container of `record`. Raises CaisError when it does not run."""
    if not is_running(record):
        raise CaisError(f'container "{record.name}" is not running', hint="start it first")
    if spec.working_dir:
        _check_folder(record, spec.working_dir)
    folder = os.path.join(parts.folder(record.id).bundle, PREFIX + os.urandom(4).hex())
    os.mkdir(folder, 0o700)
    names = {name: os.path.join(folder, name) for name in ("process.json", "pid", "log")}
    try:
        with open(names["process.json"], "wb") as stream:
            stream.write(oci.encode(_process(parts, record, spec)))
        program, *arguments = parts.runtime(record.spec.runtime).argv()
        argv = (
            *(program, *arguments, "--log", names["log"], "exec"),
            *("--process", names["process.json"], "--pid-file", names["pid"], record.id),
        )
        with parts.moves.awaited():
            yield Session(proc.Command(argv=argv), names["pid"], names["log"])
    finally:
        for path in names.values():
            with contextlib.suppress(FileNotFoundError):  # not every session gets as far as all of them
                os.unlink(path)
        os.rmdir(folder)


def _check_folder(record: Record, path: str) -> None:
    """Raise CannotExecute unless `path` is a folder as the container sees it: the runtimes have words of their own for that."""
    root = f"/proc/{record.life.pid}/root"
    if not path.startswith("/"):
        raise CannotExecute(f'working directory "{path}" is not an absolute path')
    if not os.path.isdir(host_path(root, path)):
        raise CannotExecute(
            f'working directory "{path}" does not exist in container "{record.name}"',
            hint="create it first, or name another with -w",
        )


def exit_code(returncode: int, one: Session) -> int:
    """The command's exit code; 127 or 126, as Docker, when the runtime says that it could not be started."""
    if returncode < 0:
        return 128 - returncode
    if returncode != 0 and not one.pid:
        message = complaint(one)
        if message:
            return monitor.explain(message).code
    return returncode


def complaint(one: Session) -> str:
    """What the runtime wrote to its log; "" when all went well."""
    try:
        with open(one.log, encoding="utf-8", errors="replace") as stream:
            return stream.read()
    except FileNotFoundError:
        return ""


def kill_session(member: int, among: Callable[[], tuple[int, ...]]) -> None:
    """Kill those `among` that are in the session of `member`, itself last: the runtime gives every process it starts a session of its own.

    Those that `member` started are killed while it can still take note of their end. Else that would be PID 1's, and PostgreSQL as
    PID 1 takes a stranger's violent death for that of one of its own, and starts all over.
    """
    if not member:  # it did not begin
        return
    with contextlib.suppress(ProcessLookupError):  # it has just ended; then nobody is found to be of its session
        session_id = os.getsid(member)
        others = [pid for pid in among() if pid != member and _kill(pid, session_id)]
        deadline = time.monotonic() + REAP_S
        while any(os.path.exists(f"/proc/{pid}") for pid in others) and time.monotonic() < deadline:
            time.sleep(REAP_STEP_S)
        _kill(member, session_id, wait_s=REAP_S)
        # It may have gone on with its next command meanwhile, and that with others. Who is dead begins nothing, so this comes to an end.
        killed = {member}
        while found := {pid for pid in set(among()) - killed if _kill(pid, session_id)}:
            killed |= found


def _kill(pid: int, session_id: int, *, wait_s: float = 0.0) -> bool:
    """Kill a process if it is in that session; whether it is. Its end is waited for so long."""
    import signal

    fd = processes.open_process(pid, processes.start_time(pid))
    if fd is None:
        return False
    try:
        is_of_session = os.getsid(pid) == session_id
        if is_of_session:
            processes.send(fd, signal.SIGKILL)
            processes.wait_end(fd, wait_s)
        return is_of_session
    except ProcessLookupError:
        return False
    finally:
        os.close(fd)


def _process(parts: Parts, record: Record, spec: ExecSpec) -> oci.Process:
    with open(os.path.join(parts.folder(record.id).bundle, "config.json"), "rb") as stream:
        base = decoding.decode(stream.read(), _Bundle).process
    env = dict(entry.partition("=")[::2] for entry in base.env)
    if spec.tty:
        env.setdefault("TERM", "xterm")
    who = base.user
    if spec.user is not None:
        who = _other_user(parts, record, spec.user, env)
    for name, value in spec.environment.items():
        if value is None:
            env.pop(name, None)
        else:
            env[name] = value
    return msgspec.structs.replace(
        base,
        args=spec.argv,
        cwd=spec.working_dir or base.cwd,
        env=tuple(f"{name}={value}" for name, value in env.items()),
        terminal=spec.tty,
        user=who,
        capabilities=_capabilities(base, spec, who.uid),
    )


def _other_user(parts: Parts, record: Record, user: str, env: dict[str, str]) -> oci.User:
    from cais.images.model import RunConfig
    from cais.linux.users import identify_in

    who = identify_in(parts.folder(record.id).merged, user)
    image = decoding.decode(parts.records.image(record.id), RunConfig)
    if "HOME" not in record.spec.environment and not any(entry.startswith("HOME=") for entry in image.env):
        env["HOME"] = who.home or "/"
    return oci.User(uid=who.uid, gid=who.gid, additional_gids=who.additional_gids)


def _capabilities(base: oci.Process, spec: ExecSpec, uid: int) -> oci.Capabilities:
    if spec.privileged:
        from cais.linux.capabilities import own_bounding_set

        return grant(own_bounding_set(), uid)
    return grant(base.capabilities.bounding if base.capabilities else (), uid)

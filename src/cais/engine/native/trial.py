"""Find out by trying which runtime works on this machine: a container that runs `true` with the host's own programs."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence

from cais import proc
from cais.engine.native import oci
from cais.engine.native.defaults import standard_mounts
from cais.engine.native.runtime import Runtime
from cais.errors import HostError

TIMEOUT_S = 20.0
_HOST_FOLDERS = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64")


def first_working(
    candidates: Sequence[tuple[str, str, tuple[str, ...]]], run_folder: str
) -> tuple[str, str, tuple[str, ...]]:
    """The first of `candidates` (name, program, mounts to hide) that runs a container. Raises HostError with what each one said."""
    complaints: list[str] = []
    for name, program, without in candidates:
        with _trial_folder(run_folder) as folder:
            runtime = Runtime(name=name, program=program, state=os.path.join(folder, "state"), without=without)
            outcome = _try(runtime, folder)
        if outcome.ok:
            return name, program, without
        said = outcome.stderr.decode(errors="replace").strip() or proc.describe_returncode(outcome.returncode)
        complaints.append(f"{name}: {said}")
    raise HostError(
        "no OCI runtime works on this machine",
        hint="see below what each one said; containers need root, namespaces and cgroups",
        details=complaints,
    )


def _try(runtime: Runtime, folder: str) -> proc.Outcome:
    config = oci.Config(
        oci_version=oci.VERSION,
        process=oci.Process(args=("true",), cwd="/", env=(f"PATH={proc.BASE_PATH}",)),
        root=oci.Root(path=os.path.join(folder, "rootfs")),
        mounts=(
            *standard_mounts(shm_size_bytes=None, privileged=False, cgroup=False),
            *(
                oci.Mount(destination=path, type="bind", source=path, options=("rbind", "ro"))
                for path in _HOST_FOLDERS
                if os.path.isdir(path)
            ),
        ),
        linux=oci.Linux(
            namespaces=tuple(oci.Namespace(type=kind) for kind in ("pid", "ipc", "uts", "mount")),
            cgroups_path=f"/cais/{os.path.basename(folder)}",
        ),
    )
    with open(os.path.join(folder, "config.json"), "wb") as stream:
        stream.write(oci.encode(config))
    command = proc.Command(argv=runtime.argv("run", "--bundle", folder, os.path.basename(folder)), timeout_s=TIMEOUT_S)
    return runtime.apart(lambda: proc.run(command))


@contextlib.contextmanager
def _trial_folder(run_folder: str) -> Iterator[str]:
    import shutil

    folder = os.path.join(run_folder, f"trial-{os.urandom(4).hex()}")
    os.makedirs(os.path.join(folder, "rootfs"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder)

"""Seccomp filters as the kernel takes them, kept after their first use.

crun makes the filter of Docker's profile (BPF, about 1,200 instructions) anew for every container: 15 of the 45 ms that a start takes,
all of it on the way of whoever waits. It leaves the result in its state folder, and takes a ready one from the annotation
`run.oci.seccomp_bpf_data` (crun(1)); a runtime that does not know the annotation makes the filter itself. Figures: docs/decisions/0050.
"""

from __future__ import annotations

import os
import platform

import msgspec

from cais import durable
from cais.engine.native import oci
from cais.engine.native.runtime import Runtime

ANNOTATION = "run.oci.seccomp_bpf_data"
_LEFT_BEHIND = "seccomp.bpf"
_INSTRUCTION_BYTES = 8  # struct sock_filter in linux/filter.h


class FilterCache:
    """Filters in the run folder: a reboot, which may bring another kernel, empties it."""

    def __init__(self, run: str, runtime: Runtime) -> None:
        self._folder = os.path.join(run, "filters")
        self._runtime = runtime

    def lend(self, config: oci.Config) -> oci.Config:
        """`config` with the ready filter, if there is one for its profile."""
        path = self._path(config)
        if not path:
            return config
        try:
            with open(path, "rb") as stream:
                data = stream.read()
        except FileNotFoundError:
            return config
        import base64

        ready = {**config.annotations, ANNOTATION: base64.b64encode(data).decode()}
        return msgspec.structs.replace(config, annotations=ready)

    def keep(self, config: oci.Config, state: str) -> None:
        """Keep the filter that the runtime has made for `config` and left in its state folder of the container."""
        path = "" if ANNOTATION in config.annotations else self._path(config)
        if not path:
            return
        try:
            with open(os.path.join(state, _LEFT_BEHIND), "rb") as stream:
                made = stream.read()
        except FileNotFoundError:
            return  # another version of crun need not leave it
        if made and len(made) % _INSTRUCTION_BYTES == 0:
            os.makedirs(self._folder, mode=0o700, exist_ok=True)
            durable.write(path, made, mode=0o600, sync=False)

    def _path(self, config: oci.Config) -> str:
        """Where the filter is kept: by the profile and by all that turns it into instructions. "" when there is none to keep."""
        profile = config.linux.seccomp
        if profile is None or self._runtime.name != "crun":
            return ""
        from hashlib import blake2b

        made_by = os.stat(self._runtime.program)
        facts = (platform.release(), platform.machine(), str(made_by.st_mtime_ns), str(made_by.st_size))
        digest = blake2b(msgspec.json.encode((facts, profile)), digest_size=16).hexdigest()
        return os.path.join(self._folder, digest)

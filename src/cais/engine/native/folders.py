"""Where the files of one container lie."""

from __future__ import annotations

import os

import msgspec

from cais.locations import Locations


class Folder(msgspec.Struct, frozen=True):
    """The folder of one container, which survives a reboot, and its files under the run folder, which do not."""

    path: str
    run: str

    @property
    def upper(self) -> str:
        """What the container wrote."""
        return os.path.join(self.path, "upper")

    @property
    def work(self) -> str:
        """overlayfs's own."""
        return os.path.join(self.path, "work")

    @property
    def merged(self) -> str:
        """The mounted root."""
        return os.path.join(self.path, "merged")

    @property
    def log(self) -> str:
        """What the container printed, as conmon writes it."""
        return os.path.join(self.path, "log")

    @property
    def log_lock(self) -> str:
        """Held while the files of the log are renamed."""
        return os.path.join(self.path, "log-lock")

    @property
    def files(self) -> str:
        """Contents of secrets and configs."""
        return os.path.join(self.path, "files")

    @property
    def shm(self) -> str:
        """/dev/shm of a container that shares it."""
        return os.path.join(self.path, "shm")

    @property
    def images(self) -> str:
        """Where other images are mounted that the container shows."""
        return os.path.join(self.path, "images")

    @property
    def bundle(self) -> str:
        """config.json, pid files, sockets."""
        return self.run

    @property
    def pid_file(self) -> str:
        """The pid of PID 1, as conmon writes it."""
        return os.path.join(self.run, "pid")

    @property
    def monitor_pid_file(self) -> str:
        """The pid of conmon."""
        return os.path.join(self.run, "monitor.pid")

    @property
    def exits(self) -> str:
        """Where conmon writes the exit status. Survives a reboot, so that an exit just before one is not forgotten."""
        return os.path.join(self.path, "exits")

    def etc(self, name: str) -> str:
        """The container's own /etc/`name`."""
        return os.path.join(self.path, name)


def folder_of(locations: Locations, container_id: str) -> Folder:
    """The folder of a container."""
    return Folder(
        path=os.path.join(locations.containers, container_id),
        run=os.path.join(locations.run, "containers", container_id),
    )


def lock_path(locations: Locations, container_id: str) -> str:
    """The lock that serialises operations on a container."""
    return os.path.join(locations.run, "locks", container_id)

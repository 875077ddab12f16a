"""Where a build context is: a folder of this machine, a git repository, an archive on the web or in a file (Docker docs, "Build context").

contexts/KEY    an archive unpacked; KEY is a digest of its content
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable

import msgspec

from cais import durable
from cais.build import gitaddress, words
from cais.build.downloads import Downloads
from cais.build.gitaddress import GitAddress
from cais.build.keeping import keeping
from cais.build.repositories import Repositories
from cais.digest import digest_file
from cais.errors import BuildError, InvalidImage, UsageError

_NOWHERE_HINT = "give a folder, a git repository, or the address of an archive"


class Located(msgspec.Struct, frozen=True, kw_only=True):
    """A context on this machine. An address may also be that of a Dockerfile alone: then `dockerfile_text` is its text, and there are no files."""

    folder: str = ""
    dockerfile_text: str | None = None


class Contexts:
    """Finds contexts, and fetches those that are elsewhere. What was fetched is kept under `folder`."""

    def __init__(
        self, folder: str, downloads: Downloads, repositories: Callable[[], Repositories], *, keep_git_dir: bool
    ) -> None:
        self._folder = folder
        self._downloads = downloads
        self._repositories = repositories
        self._keep_git_dir = keep_git_dir

    def locate(self, location: str) -> Located:
        """The context at `location`: a path, or an address. Raises BuildError, UsageError."""
        if os.path.isdir(location):
            return Located(folder=location)
        try:
            repository = gitaddress.parse(location, short=True)
        except gitaddress.BadAddress as error:
            raise UsageError(f'the context "{location}" cannot be read: {error}') from error
        if repository is not None:
            return Located(folder=self._of_repository(repository))
        if words.is_web(location):
            download = self._downloads.fetch(location, "", None)
            return self._of_file(self._downloads.path(download), download.digest, location)
        if os.path.isfile(location):
            with open(location, "rb") as stream:
                digest, _ = digest_file(stream)
            return self._of_file(location, digest, location)
        raise BuildError(f'the build context "{location}" does not exist', hint=_NOWHERE_HINT)

    def _of_repository(self, address: GitAddress) -> str:
        if self._keep_git_dir:
            address = msgspec.structs.replace(address, keep_git_dir=True)
        repositories = self._repositories()
        return repositories.files(address, repositories.commit(address, None), None)

    def _of_file(self, path: str, digest: str, shown: str) -> Located:
        target = os.path.join(self._folder, digest.removeprefix("sha256:")[:32])
        os.makedirs(self._folder, mode=0o700, exist_ok=True)
        with keeping(target, shown):
            if not os.path.isdir(target) and not self._unpack(path, target, shown):
                return Located(dockerfile_text=_text(path, shown))
        return Located(folder=target)

    def _unpack(self, path: str, target: str, shown: str) -> bool:
        """Unpack an archive; False for a file that is none."""
        from cais.build.steps.unpack import unpack_tar

        temporary = durable.temporary_name(self._folder)
        os.mkdir(temporary, 0o755)
        try:
            with open(path, "rb") as stream:
                if not unpack_tar(stream, temporary):
                    return False
            os.rename(temporary, target)
        except InvalidImage as error:
            raise BuildError(f'cannot unpack the context "{shown}": {error.message}', hint=error.hint) from error
        finally:
            with contextlib.suppress(FileNotFoundError):  # renamed
                shutil.rmtree(temporary)
        return True


def _text(path: str, shown: str) -> str:
    try:
        with open(path, encoding="utf-8", newline="") as stream:
            return stream.read()
    except UnicodeDecodeError:
        raise BuildError(f'the context "{shown}" is neither an archive nor a Dockerfile', hint=_NOWHERE_HINT) from None

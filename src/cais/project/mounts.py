"""What a service mounts, as an engine is asked for it. Pure: no file is read, nothing is looked up."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from cais.compose.model.mounts import ServiceMount
from cais.compose.model.project import Project
from cais.compose.model.resources import FileObject
from cais.compose.model.service import FileReference, Service
from cais.engine.protocol import FileSpec, MountKind, MountSpec, Recursion
from cais.errors import CaisError
from cais.images.model import StoredImage
from cais.project import names

_UNITS = {"k": 1 << 10, "m": 1 << 20, "g": 1 << 30}
_SIZE = re.compile(r"\d+[kmgKMG]?")
_FLAGS = frozenset(
    (
        *("ro", "rw", "exec", "noexec", "suid", "nosuid", "dev", "nodev", "sync", "async", "dirsync", "mand", "nomand"),
        *("atime", "noatime", "diratime", "nodiratime", "relatime", "norelatime", "strictatime", "nostrictatime"),
    )
)
_VALUES = frozenset({"uid", "gid", "nr_inodes", "nr_blocks", "mpol"})


def mount_specs(project: Project, service: Service, images: Mapping[str, StoredImage]) -> tuple[MountSpec, ...]:
    """All mounts. `images` has those that are mounted, by `names.mounted_image`; one that it lacks is named by its reference."""
    return (
        *(_mount(project, mount, images) for mount in service.volumes),
        *(_tmpfs(*text.partition(":")[::2]) for text in service.tmpfs),
        *_file_mounts(project, service),
    )


def mounted_references(service: Service) -> tuple[str, ...]:
    """The references of the images that `service` mounts."""
    return tuple(dict.fromkeys(mount.source for mount in service.volumes if mount.type == "image"))


def volumes_from(project: Project, service: Service) -> tuple[tuple[str, bool], ...]:
    """The containers whose volumes the service takes, and whether read-only (Compose Specification, "volumes_from")."""
    found = []
    for text in service.volumes_from:
        is_container = text.startswith("container:")
        name, _, mode = text.removeprefix("container:").partition(":")
        if mode not in ("", "ro", "rw"):
            raise CaisError(f'volumes_from "{text}": "{mode}" is not "ro" or "rw"')
        if not is_container:
            name = names.container_name(project.name, project.services[name], 1)
        found.append((name, mode == "ro"))
    return tuple(found)


def file_specs(project: Project, service: Service) -> tuple[FileSpec, ...]:
    """Secrets and configs that are given to the container as copies: from the environment or inline, and files with an owner or mode of their own."""
    return tuple(
        _file(project, reference, item) for reference, item in _objects(project, service) if _is_copied(reference, item)
    )


def content(project: Project, item: FileObject) -> str | None:
    """The content of a secret or config that is not a file. Raises CaisError for a variable that is not set."""
    if item.content is not None:
        return item.content
    if not item.environment:
        return None
    value = project.environment.get(item.environment)
    if value is None:
        kind = "secrets" if item.key in project.secrets and project.secrets[item.key] is item else "configs"
        raise CaisError(
            f'environment variable "{item.environment}", which {kind[:-1]} "{item.key}" is made of, is not set',
            span=project.origins.of(kind, item.key, "environment"),
            hint="set it in the environment or in .env",
        )
    return value


def size_bytes(text: str) -> int:
    """A size such as `64m`."""
    unit = _UNITS.get(text[-1:].lower())
    return int(text[:-1]) * unit if unit else int(text)


def _mount(project: Project, mount: ServiceMount, images: Mapping[str, StoredImage]) -> MountSpec:
    kind = MountKind(mount.type)
    source = mount.source
    if kind is MountKind.VOLUME and source:
        source = project.volumes[source].name
    elif kind is MountKind.IMAGE and names.mounted_image(source) in images:
        source = images[names.mounted_image(source)].id
    return MountSpec(
        kind=kind,
        source=source,
        target=mount.target,
        read_only=mount.read_only,
        create_host_path=mount.bind_create_host_path and kind is MountKind.BIND,
        propagation=mount.bind_propagation or "rprivate",
        recursion=Recursion(mount.bind_recursive or "enabled"),
        no_copy=mount.volume_nocopy,
        subpath=mount.volume_subpath or mount.image_subpath,
        labels=mount.volume_labels,
        tmpfs_size_bytes=mount.tmpfs_size,
        tmpfs_mode=mount.tmpfs_mode,
    )


def _tmpfs(target: str, options: str) -> MountSpec:
    """The short form: `/run:size=64m,mode=1777,uid=1000`. What tmpfs(5) does not know is refused."""
    size: int | None = None
    mode: int | None = None
    others = []
    for option in filter(None, options.split(",")):
        key, _, value = option.partition("=")
        if key == "size" and _SIZE.fullmatch(value):
            size = size_bytes(value)
        elif key == "mode" and re.fullmatch(r"[0-7]{1,4}", value):
            mode = int(value, 8)
        elif option in _FLAGS or (key in _VALUES and value):
            others.append(option)
        else:
            raise CaisError(
                f'tmpfs "{target}": option "{option}" is not known', hint="write for example size=64m,mode=1777"
            )
    return MountSpec(
        kind=MountKind.TMPFS,
        source="",
        target=target,
        read_only="ro" in others,
        tmpfs_size_bytes=size,
        tmpfs_mode=mode,
        tmpfs_options=tuple(option for option in others if option not in ("ro", "rw")),
    )


def _objects(project: Project, service: Service) -> Iterator[tuple[FileReference, FileObject]]:
    for reference in service.secrets:
        yield reference, project.secrets[reference.source]
    for reference in service.configs:
        yield reference, project.configs[reference.source]


def _is_copied(reference: FileReference, item: FileObject) -> bool:
    return not item.file or bool(reference.uid or reference.gid) or reference.mode is not None


def _file_mounts(project: Project, service: Service) -> Iterator[MountSpec]:
    """Files are bind mounts, as Docker Compose makes them: a change on the host is seen at once. With an owner or mode of their own they cannot be."""
    for reference, item in _objects(project, service):
        if not _is_copied(reference, item):
            yield MountSpec(kind=MountKind.BIND, source=item.file, target=reference.target, read_only=True)


def _file(project: Project, reference: FileReference, item: FileObject) -> FileSpec:
    return FileSpec(
        target=reference.target,
        content=(content(project, item) or "").encode(),
        source=item.file,
        uid=int(reference.uid or 0),
        gid=int(reference.gid or 0),
        mode=0o444 if reference.mode is None else reference.mode,
    )

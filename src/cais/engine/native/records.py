"""What the engine remembers: a row a container and a row a volume. Only the engine reads these tables.

A row is written before anything that outlives the process is made, and goes last, so that whatever a crash leaves is named by a row.
`Life` is all that changes; it is replaced as a whole inside one transaction.
"""

from __future__ import annotations

import enum
import sqlite3
from typing import Any

import msgspec

from cais import decoding
from cais.database import Database
from cais.engine.protocol import ContainerSpec, Health, PortSpec, ProbeResult, VolumeSpec
from cais.errors import Conflict, NotFoundError

_SCHEMA = (
    """
    CREATE TABLE engine_container (
        id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, project TEXT NOT NULL, created_at REAL NOT NULL,
        spec BLOB NOT NULL, image BLOB NOT NULL, life BLOB NOT NULL
    );
    CREATE INDEX engine_container_project ON engine_container (project);
    CREATE TABLE engine_volume (
        name TEXT PRIMARY KEY, project TEXT NOT NULL, created_at REAL NOT NULL, spec BLOB NOT NULL,
        container TEXT NOT NULL DEFAULT '', target TEXT NOT NULL DEFAULT ''
    );
    CREATE INDEX engine_volume_container ON engine_volume (container)
    """,
)


MIN_PREFIX = 4


class Phase(enum.Enum):
    """How far a container is. CREATING, STARTING and REMOVING with a free lock mean that their process died.

    ARMED: created, and its process is made and waits (see `ahead`).
    """

    CREATING = "creating"
    CREATED = "created"
    ARMED = "armed"
    STARTING = "starting"
    RUNNING = "running"
    EXITED = "exited"
    REMOVING = "removing"


class Life(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The changing part of a container. `pid_started` is the kernel's start time of `pid`: a number used again is another process.

    `boot` is the boot in which endpoint and mounts were made. `killed_by` says who sent SIGKILL. `unpublished`: its names are withdrawn.
    `takes_volumes`: its anonymous volumes go with it, should it be found half made or half removed.
    """

    phase: Phase
    boot: str = ""
    pid: int = 0
    pid_started: int = 0
    started_at: float = 0.0
    finished_at: float = 0.0
    exit_code: int = 0
    oom_killed: bool = False
    exit_reason: str = ""
    killed_by: str = ""
    manually_stopped: bool = False
    unpublished: bool = False
    takes_volumes: bool = False
    restart_count: int = 0
    waiting: bool = False
    health: Health = Health.NONE
    failing_streak: int = 0
    last_probe: ProbeResult | None = None
    namespace: str = ""
    name_servers: tuple[str, ...] = ()
    addresses: dict[str, str] = {}
    addresses6: dict[str, str] = {}
    ports: tuple[PortSpec, ...] = ()
    anonymous_volumes: dict[str, str] = {}


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """One container. The contents of `spec.files` are not kept here: they lie in the container's own folder."""

    id: str
    spec: ContainerSpec
    created_at: float
    life: Life

    @property
    def name(self) -> str:
        """The container's name."""
        return self.spec.name


class VolumeRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One volume. An anonymous one belongs to `container`, where it is mounted at `target`."""

    spec: VolumeSpec
    created_at: float
    container: str = ""
    target: str = ""


class Records:
    """The tables. Safe to use from several threads and processes."""

    def __init__(self, database: Database) -> None:
        self._database = database

    # --- containers ------------------------------------------------------------------------------------------------

    def insert(self, record: Record, image: bytes) -> None:
        """Add a container; `image` is its image's run configuration. Raises Conflict when the name is taken."""
        try:
            self._connection().execute(
                "INSERT INTO engine_container (id, name, project, created_at, spec, image, life) VALUES (?,?,?,?,?,?,?)",
                (
                    record.id,
                    record.name,
                    record.spec.project,
                    record.created_at,
                    _encode_spec(record.spec),
                    image,
                    msgspec.json.encode(record.life),
                ),
            )
        except sqlite3.IntegrityError as error:
            raise self._name_taken(record.name, record.spec.project) from error

    def _name_taken(self, name: str, project: str) -> Conflict:
        row = self._connection().execute("SELECT project FROM engine_container WHERE name = ?", (name,)).fetchone()
        whose = f' by a container of project "{row[0]}"' if row and row[0] else ""
        hint = f"`cais -p {row[0]} down` removes it" if whose else "remove or rename that container"
        if whose and row[0] == project:
            hint = "another command may be at work on the project: run this one again"
        return Conflict(f'container name "{name}" is taken{whose}', hint=hint)

    def change(self, container_id: str, **changes: Any) -> Record:  # noqa: ANN401 - fields of Life, checked by replace
        """Replace fields of a container's life. Raises NotFoundError."""
        self._connection()
        with self._database.transaction() as connection:
            record = _first(connection.execute(f"{_SELECT} WHERE id = ?", (container_id,)))
            if record is None:
                raise not_found(container_id)
            life = msgspec.structs.replace(record.life, **changes)
            connection.execute(
                "UPDATE engine_container SET life = ? WHERE id = ?", (msgspec.json.encode(life), container_id)
            )
        return msgspec.structs.replace(record, life=life)

    def rename(self, container_id: str, name: str) -> Record:
        """Give a container another name. Raises Conflict, NotFoundError."""
        self._connection()
        try:
            with self._database.transaction() as connection:
                record = _first(connection.execute(f"{_SELECT} WHERE id = ?", (container_id,)))
                if record is None:
                    raise not_found(container_id)
                spec = msgspec.structs.replace(record.spec, name=name)
                connection.execute(
                    "UPDATE engine_container SET name = ?, spec = ? WHERE id = ?",
                    (name, _encode_spec(spec), container_id),
                )
        except sqlite3.IntegrityError as error:
            raise self._name_taken(name, record.spec.project if record else "") from error
        return msgspec.structs.replace(record, spec=spec)

    def delete(self, container_id: str) -> None:
        """Forget a container; no error when it is not there."""
        self._connection().execute("DELETE FROM engine_container WHERE id = ?", (container_id,))

    def get(self, container_id: str) -> Record | None:
        """A container by its full id."""
        return _first(self._connection().execute(f"{_SELECT} WHERE id = ?", (container_id,)))

    def need(self, container_id: str) -> Record:
        """Like `get`, but raises NotFoundError."""
        record = self.get(container_id)
        if record is None:
            raise not_found(container_id)
        return record

    def find(self, name_or_id: str) -> Record | None:
        """By name, id or unique id prefix of at least four digits. Raises Conflict when a prefix fits several."""
        execute = self._connection().execute
        exact = _first(execute(f"{_SELECT} WHERE name = ? OR id = ? ORDER BY id = ? DESC", (name_or_id,) * 3))
        if exact is not None or not _may_be_prefix(name_or_id):
            return exact
        rows = execute(f"{_SELECT} WHERE id >= ? AND id < ? LIMIT 2", (name_or_id, name_or_id + "g")).fetchall()
        if len(rows) > 1:
            raise Conflict(f'"{name_or_id}" fits several containers', hint="give more digits of the id")
        return _record(rows[0]) if rows else None

    def containers(self, project: str | None = None) -> tuple[Record, ...]:
        """All containers (of a project), by name."""
        if project is None:
            rows = self._connection().execute(f"{_SELECT} ORDER BY name")
        else:
            rows = self._connection().execute(f"{_SELECT} WHERE project = ? ORDER BY name", (project,))
        return tuple(_record(row) for row in rows)

    def image(self, container_id: str) -> bytes:
        """What was given as `image` when the container was added."""
        row = self._connection().execute("SELECT image FROM engine_container WHERE id = ?", (container_id,)).fetchone()
        if row is None:
            raise not_found(container_id)
        return bytes(row[0])

    # --- volumes ---------------------------------------------------------------------------------------------------

    def insert_volume(self, record: VolumeRecord) -> None:
        """Add a volume unless one of that name is there."""
        self._connection().execute(
            "INSERT OR IGNORE INTO engine_volume VALUES (?,?,?,?,?,?)",
            (
                record.spec.name,
                record.spec.project,
                record.created_at,
                msgspec.json.encode(record.spec),
                record.container,
                record.target,
            ),
        )

    def give_volume(self, name: str, container_id: str, target: str) -> None:
        """Make an anonymous volume that of another container; a named volume stays nobody's."""
        self._connection().execute(
            "UPDATE engine_volume SET container = ?, target = ? WHERE name = ? AND container != ''",
            (container_id, target, name),
        )

    def delete_volume(self, name: str) -> None:
        """Forget a volume; no error when it is not there."""
        self._connection().execute("DELETE FROM engine_volume WHERE name = ?", (name,))

    def volume(self, name: str) -> VolumeRecord | None:
        """A volume by name."""
        row = self._connection().execute(f"{_SELECT_VOLUME} WHERE name = ?", (name,)).fetchone()
        return _volume(row) if row else None

    def volumes(self, project: str | None = None) -> tuple[VolumeRecord, ...]:
        """All volumes (of a project), by name."""
        if project is None:
            rows = self._connection().execute(f"{_SELECT_VOLUME} ORDER BY name")
        else:
            rows = self._connection().execute(f"{_SELECT_VOLUME} WHERE project = ? ORDER BY name", (project,))
        return tuple(_volume(row) for row in rows)

    def anonymous_volumes(self, container_id: str) -> tuple[VolumeRecord, ...]:
        """The anonymous volumes of a container."""
        rows = self._connection().execute(f"{_SELECT_VOLUME} WHERE container = ? ORDER BY target", (container_id,))
        return tuple(_volume(row) for row in rows)

    def _connection(self) -> sqlite3.Connection:
        return self._database.with_schema("engine", _SCHEMA)


_SELECT = "SELECT id, spec, created_at, life FROM engine_container"
_SELECT_VOLUME = "SELECT spec, created_at, container, target FROM engine_volume"


def not_found(container_id: str) -> NotFoundError:
    """The error for a container that does not exist."""
    return NotFoundError(f'container "{container_id[:12]}" does not exist')


def without_contents(spec: ContainerSpec) -> ContainerSpec:
    """`spec` without what must not lie in the database: the contents of secrets and configs."""
    if not spec.files:
        return spec
    files = tuple(msgspec.structs.replace(file, content=b"") for file in spec.files)
    return msgspec.structs.replace(spec, files=files)


def _may_be_prefix(text: str) -> bool:
    # Names such as "db" are hexadecimal digits too; a container that does not exist must not be found by chance.
    return len(text) >= MIN_PREFIX and all(digit in "0123456789abcdef" for digit in text)


def _encode_spec(spec: ContainerSpec) -> bytes:
    return msgspec.json.encode(without_contents(spec))


def _first(cursor: sqlite3.Cursor) -> Record | None:
    row = cursor.fetchone()
    return _record(row) if row else None


def _record(row: tuple[Any, ...]) -> Record:
    return Record(
        id=row[0],
        spec=decoding.decode(row[1], ContainerSpec),
        created_at=row[2],
        life=decoding.decode(row[3], Life),
    )


def _volume(row: tuple[Any, ...]) -> VolumeRecord:
    return VolumeRecord(spec=decoding.decode(row[0], VolumeSpec), created_at=row[1], container=row[2], target=row[3])

"""The last events of each project, kept in the database for `cais events --since`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from cais.database import Database
from cais.supervise.events import ContainerExited, ContainerStarted, SupervisorEvent
from cais.supervise.keeper import Seen

KEPT_EVENTS = 2_000  # a project; some weeks of a calm one, some hours of a crash loop
SWEEP_EVERY = 100

SCHEMA = (
    """
    CREATE TABLE supervise_events (
        id INTEGER PRIMARY KEY,
        project TEXT NOT NULL,
        at REAL NOT NULL,
        kind TEXT NOT NULL,
        container_id TEXT NOT NULL,
        body BLOB NOT NULL
    );
    CREATE INDEX supervise_events_by_project ON supervise_events (project, id);
    """,
)


class History:
    """One project's events. Calls may come from any thread."""

    def __init__(self, database: Database, project: str) -> None:
        self._database = database
        self._project = project
        self._unswept = SWEEP_EVERY
        database.ensure_schema("supervise", SCHEMA)

    def append(self, events: Sequence[SupervisorEvent]) -> None:
        """Keep `events`; the oldest go when there are more than `KEPT_EVENTS`."""
        rows = [
            (self._project, e.at, str(e.__struct_config__.tag), e.container_id, msgspec.json.encode(e)) for e in events
        ]
        with self._database.transaction() as writer:
            writer.executemany(
                "INSERT INTO supervise_events (project, at, kind, container_id, body) VALUES (?, ?, ?, ?, ?)", rows
            )
            self._unswept += len(rows)
            if self._unswept >= SWEEP_EVERY:
                self._unswept = 0
                writer.execute(
                    "DELETE FROM supervise_events WHERE project = ? AND id <= (SELECT id FROM supervise_events"
                    " WHERE project = ? ORDER BY id DESC LIMIT 1 OFFSET ?)",
                    (self._project, self._project, KEPT_EVENTS),
                )

    def read(self, *, since: float | None = None, until: float | None = None) -> tuple[SupervisorEvent, ...]:
        """The events from `since` up to `until` (seconds since the epoch), oldest first."""
        rows = self._database.connection().execute(
            "SELECT body FROM supervise_events WHERE project = ? AND at >= ? AND at <= ? ORDER BY at, id",
            (self._project, since if since is not None else 0.0, until if until is not None else 1e18),
        )
        decoder = msgspec.json.Decoder(SupervisorEvent)
        return tuple(decoder.decode(body) for (body,) in rows)

    def seen(self) -> Mapping[str, Seen]:
        """The last start and exit known of each container, so that a new supervisor tells none of them twice."""
        rows = self._database.connection().execute(
            "SELECT container_id, max(CASE WHEN kind = ? THEN at ELSE 0.0 END), max(CASE WHEN kind = ? THEN at ELSE 0.0 END)"
            " FROM supervise_events WHERE project = ? GROUP BY container_id",
            (ContainerStarted.__struct_config__.tag, ContainerExited.__struct_config__.tag, self._project),
        )
        return {container_id: Seen(started_at, exited_at) for container_id, started_at, exited_at in rows}

"""Sessions, and attempts to log in."""

from __future__ import annotations

from dataclasses import asdict

from fotogal.catalogue.nosql import rows
from fotogal.catalogue.nosql.base import NosqlPart
from fotogal.catalogue.nosql.schema import ATTEMPTS, SESSIONS
from fotogal.model import Session, User


class Sessions(NosqlPart):
    def add_session(self, session: Session) -> None:
        self._tables.put(SESSIONS, asdict(session))

    def session(self, random_token: str, now_ms: int) -> tuple[Session, User] | None:
        found = self._tables.get(SESSIONS, random_token=random_token)
        if found is None or found.row["expire_ts"] <= now_ms:
            return None
        user = self._user(found.row["user_id"])
        return (rows.session(found.row), user) if user else None

    def remove_session(self, random_token: str) -> None:
        self._tables.delete(SESSIONS, random_token=random_token)

    def remove_sessions_of(self, user_id: int) -> None:
        for row in self._tables.query(f"SELECT random_token FROM {SESSIONS} WHERE user_id = $user_id", user_id=user_id):
            self.remove_session(row["random_token"])

    def remove_expired(self, now_ms: int) -> int:
        removed = 0
        for table, key in ((SESSIONS, "random_token"), (ATTEMPTS, "attempt_key")):
            for row in self._tables.query(f"SELECT {key} FROM {table} WHERE expire_ts <= $now", now=now_ms):
                removed += self._tables.delete(table, **{key: row[key]})
        return removed

    def attempt(self, key: str, now_ms: int, window_ms: int) -> int:
        """Reads, counts, writes if nobody else counted meanwhile; else again."""
        first = {"attempt_key": key, "expire_ts": now_ms + window_ms, "attempts": 1}
        while True:
            found = self._tables.get(ATTEMPTS, attempt_key=key)
            if found is None:
                if self._tables.put_if_absent(ATTEMPTS, first):
                    return 1
                continue
            over = found.row["expire_ts"] <= now_ms
            row = first if over else found.row | {"attempts": found.row["attempts"] + 1}
            if self._tables.put_if_version(ATTEMPTS, row, found.version):
                return int(row["attempts"])

    def forget_attempts(self, key: str) -> None:
        self._tables.delete(ATTEMPTS, attempt_key=key)

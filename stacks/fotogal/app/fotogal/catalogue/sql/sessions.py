"""Sessions, and attempts to log in."""

from __future__ import annotations

from fotogal.catalogue.sql import rows
from fotogal.catalogue.sql.base import SqlPart
from fotogal.catalogue.sql.schema import ATTEMPTS, SESSIONS, USERS
from fotogal.model import Session, User


class Sessions(SqlPart):
    def add_session(self, session: Session) -> None:
        with self._database.write() as do:
            do.run(
                f"""INSERT INTO {SESSIONS} (random_token, created_ts, expire_ts, user_id)
                VALUES (:random_token, :created_ts, :expire_ts, :user_id)""",
                random_token=session.random_token,
                created_ts=session.created_ts,
                expire_ts=session.expire_ts,
                user_id=session.user_id,
            )

    def session(self, random_token: str, now_ms: int) -> tuple[Session, User] | None:
        with self._database.read() as do:
            row = do.one(
                f"""SELECT s.random_token, s.created_ts, s.expire_ts, s.user_id, {rows.USER}
                FROM {SESSIONS} s JOIN {USERS} u ON u.id = s.user_id
                WHERE s.random_token = :random_token AND s.expire_ts > :now""",
                random_token=random_token,
                now=now_ms,
            )
        return (Session(*row[:4]), rows.user(row[4:])) if row else None

    def remove_session(self, random_token: str) -> None:
        with self._database.write() as do:
            do.run(f"DELETE FROM {SESSIONS} WHERE random_token = :random_token", random_token=random_token)

    def remove_sessions_of(self, user_id: int) -> None:
        with self._database.write() as do:
            do.run(f"DELETE FROM {SESSIONS} WHERE user_id = :user_id", user_id=user_id)

    def remove_expired(self, now_ms: int) -> int:
        with self._database.write() as do:
            return sum(
                do.run(f"DELETE FROM {table} WHERE expire_ts <= :now", now=now_ms) for table in (SESSIONS, ATTEMPTS)
            )

    def attempt(self, key: str, now_ms: int, window_ms: int) -> int:
        with self._database.write() as do:
            row = do.one(
                f"""INSERT INTO {ATTEMPTS} AS a (attempt_key, expire_ts, attempts) VALUES (:key, :expire, 1)
                ON CONFLICT (attempt_key) DO UPDATE SET
                    attempts = CASE WHEN a.expire_ts <= :now THEN 1 ELSE a.attempts + 1 END,
                    expire_ts = CASE WHEN a.expire_ts <= :now THEN excluded.expire_ts ELSE a.expire_ts END
                RETURNING attempts""",
                key=key,
                now=now_ms,
                expire=now_ms + window_ms,
            )
        assert row is not None  # an upsert returns its row
        return int(row[0])

    def forget_attempts(self, key: str) -> None:
        with self._database.write() as do:
            do.run(f"DELETE FROM {ATTEMPTS} WHERE attempt_key = :key", key=key)

"""The data: one table, `visitors`."""

from __future__ import annotations

from datetime import UTC, datetime

from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import BigInteger, DateTime, Integer, String, func, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

# Any number: it names the lock that creating tables takes.
CREATE_LOCK = 727_001


class Base(DeclarativeBase):
    """What all tables share."""


db = SQLAlchemy(model_class=Base)


class Visitor(db.Model):
    """Somebody who came by."""

    __tablename__ = "visitors"

    # 64 bits; SQLite, which the unit tests use, numbers rows by itself under the name INTEGER only.
    id: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True)
    name: Mapped[str] = mapped_column(String(200))
    created_at: Mapped[datetime] = mapped_column(
        DateTime(timezone=True), server_default=func.now(), default=lambda: datetime.now(UTC)
    )

    def as_json(self) -> dict[str, object]:
        """The visitor as the API shows it; the time in UTC (ISO 8601)."""
        created = self.created_at if self.created_at.tzinfo else self.created_at.replace(tzinfo=UTC)
        return {"id": self.id, "name": self.name, "created_at": created.astimezone(UTC).isoformat()}


def create_tables() -> None:
    """Create what is missing. Under PostgreSQL with a lock: two replicas may start at once."""
    with db.engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": CREATE_LOCK})
        Base.metadata.create_all(connection)

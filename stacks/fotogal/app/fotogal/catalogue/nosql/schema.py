"""Tables and indexes, as data.

The tables of the logical model keep its names. What has to be unique besides a key has a row of its own in `NAMES`, as this database refuses a second row
of one key and nothing else. What is counted (likes, followers) is counted by an index when it is shown: a counter would need a transaction.
"""

from __future__ import annotations

from dataclasses import dataclass

USERS = "fotogal_ntable_users"
IMAGES = "fotogal_ntable_images"
SESSIONS = "fotogal_ntable_authsession"
NAMES = "fotogal_ntable_names"
FOLLOWS = "fotogal_ntable_follows"
REQUESTS = "fotogal_ntable_requests"
REACTIONS = "fotogal_ntable_reactions"
ATTEMPTS = "fotogal_ntable_attempts"

# What each table may be asked for, per second, and how large it may grow (GB): what Oracle gives for nothing, for one table.
READ_UNITS, WRITE_UNITS, STORAGE_GB = 50, 50, 25


@dataclass(frozen=True, slots=True)
class Table:
    """`columns`: name and type. `key`: the primary key; its first column says in which shard a row is, so rows that agree in it are found together."""

    name: str
    columns: dict[str, str]
    key: tuple[str, ...]

    @property
    def statement(self) -> str:
        columns = ", ".join(f"{name} {kind}" for name, kind in self.columns.items())
        shard, *rest = self.key
        return (
            f"CREATE TABLE IF NOT EXISTS {self.name} ({columns}, PRIMARY KEY({', '.join([f'SHARD({shard})', *rest])}))"
        )


@dataclass(frozen=True, slots=True)
class Index:
    """Its name is one of its table's."""

    table: str
    name: str
    columns: tuple[str, ...]

    @property
    def statement(self) -> str:
        return f"CREATE INDEX IF NOT EXISTS {self.name} ON {self.table} ({', '.join(self.columns)})"


TABLES = (
    Table(
        USERS,
        {
            "id": "LONG",
            "email": "STRING",
            "full_name": "STRING",
            "username": "STRING",
            "username_key": "STRING",
            "password": "STRING",
            "created_ts": "LONG",
            "is_private": "BOOLEAN",
            "is_professional_account": "BOOLEAN",
            "profile_image_url": "STRING",
            "user_data": "JSON",
        },
        ("id",),
    ),
    Table(NAMES, {"name": "STRING", "user_id": "LONG", "created_ts": "LONG"}, ("name",)),
    Table(
        IMAGES,
        {
            "id": "LONG",
            "user_id": "LONG",
            "created_ts": "LONG",
            "image_url": "STRING",
            "image_filename": "STRING",
            "image_original_filename": "STRING",
            "image_host_fqdn": "STRING",
            "image_uri": "STRING",
            "image_type": "STRING",
            "main_comment": "STRING",
            "is_profile": "BOOLEAN",
        },
        ("id",),
    ),
    Table(
        SESSIONS,
        {"random_token": "STRING", "created_ts": "LONG", "expire_ts": "LONG", "user_id": "LONG"},
        ("random_token",),
    ),
    Table(FOLLOWS, {"follower": "LONG", "followed": "LONG", "created_ts": "LONG"}, ("follower", "followed")),
    Table(REQUESTS, {"owner": "LONG", "requester": "LONG", "created_ts": "LONG"}, ("owner", "requester")),
    Table(REACTIONS, {"image_id": "LONG", "user_id": "LONG", "reaction": "STRING"}, ("image_id", "user_id")),
    Table(ATTEMPTS, {"attempt_key": "STRING", "expire_ts": "LONG", "attempts": "LONG"}, ("attempt_key",)),
)

INDEXES = (
    Index(USERS, "username_key_idx", ("username_key",)),
    Index(USERS, "professional_idx", ("is_professional_account", "id")),
    Index(IMAGES, "user_id_idx", ("user_id", "created_ts", "id")),
    Index(IMAGES, "created_ts_idx", ("created_ts", "id")),
    Index(SESSIONS, "user_id_idx", ("user_id",)),
    Index(SESSIONS, "expire_ts_idx", ("expire_ts",)),
    Index(FOLLOWS, "follower_idx", ("follower", "created_ts", "followed")),
    Index(FOLLOWS, "followed_idx", ("followed", "created_ts", "follower")),
    Index(REQUESTS, "owner_idx", ("owner", "created_ts", "requester")),
    Index(REQUESTS, "requester_idx", ("requester", "created_ts", "owner")),
    Index(ATTEMPTS, "expire_ts_idx", ("expire_ts",)),
)

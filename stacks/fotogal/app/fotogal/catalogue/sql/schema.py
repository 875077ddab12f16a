"""Tables and indexes.

The tables of the logical model keep its names. Its lists that grow without bound are tables of their own: `follows` (follow_list, follow_you_list), `requests`
(follow_sent_list, follow_received_list) and `reactions` (liked_list, disliked_list). What every page shows is counted when it changes, not when it is shown:
`followers` of a person, `likes` and `dislikes` of a photo.
"""

from __future__ import annotations

from dataclasses import dataclass

from fotogal.catalogue.sql.database import Dialect

USERS = "fotogal_ntable_users"
IMAGES = "fotogal_ntable_images"
SESSIONS = "fotogal_ntable_authsession"
FOLLOWS = "fotogal_ntable_follows"
REQUESTS = "fotogal_ntable_requests"
REACTIONS = "fotogal_ntable_reactions"
ATTEMPTS = "fotogal_ntable_attempts"


@dataclass(frozen=True, slots=True)
class Item:
    """A table or an index, and the statement that makes it."""

    kind: str
    name: str
    sql: str


def tables(d: Dialect) -> list[Item]:
    """In the order in which they can be made."""
    return [
        _table(
            USERS,
            f"""id {d.integer} PRIMARY KEY,
            email {d.text} NOT NULL, email_key {d.text} NOT NULL UNIQUE,
            full_name {d.text} NOT NULL,
            username {d.text} NOT NULL, username_key {d.text} NOT NULL UNIQUE,
            password {d.text} NOT NULL,
            created_ts {d.integer} NOT NULL,
            is_private {d.boolean} NOT NULL,
            is_professional_account {d.boolean} NOT NULL,
            profile_image_url {d.text} NOT NULL,
            user_data {d.json} NOT NULL,
            followers {d.integer} NOT NULL DEFAULT 0""",
        ),
        _table(
            IMAGES,
            f"""id {d.integer} PRIMARY KEY,
            user_id {d.integer} NOT NULL REFERENCES {USERS},
            created_ts {d.integer} NOT NULL,
            image_url {d.text} NOT NULL,
            image_filename {d.text} NOT NULL,
            image_original_filename {d.text} NOT NULL,
            image_host_fqdn {d.text} NOT NULL,
            image_uri {d.text} NOT NULL,
            image_type {d.text} NOT NULL CHECK (image_type IN ('png', 'jpeg', 'gif')),
            main_comment {d.text} NOT NULL,
            is_profile {d.boolean} NOT NULL,
            likes {d.integer} NOT NULL DEFAULT 0,
            dislikes {d.integer} NOT NULL DEFAULT 0""",
        ),
        _table(
            SESSIONS,
            f"""random_token {d.text} PRIMARY KEY,
            created_ts {d.integer} NOT NULL,
            expire_ts {d.integer} NOT NULL,
            user_id {d.integer} NOT NULL REFERENCES {USERS}""",
        ),
        _table(
            FOLLOWS,
            f"""follower {d.integer} NOT NULL REFERENCES {USERS},
            followed {d.integer} NOT NULL REFERENCES {USERS},
            created_ts {d.integer} NOT NULL,
            PRIMARY KEY (follower, followed)""",
            d.table_options,
        ),
        _table(
            REQUESTS,
            f"""requester {d.integer} NOT NULL REFERENCES {USERS},
            owner {d.integer} NOT NULL REFERENCES {USERS},
            created_ts {d.integer} NOT NULL,
            PRIMARY KEY (requester, owner)""",
            d.table_options,
        ),
        _table(
            REACTIONS,
            f"""image_id {d.integer} NOT NULL REFERENCES {IMAGES},
            user_id {d.integer} NOT NULL REFERENCES {USERS},
            reaction {d.text} NOT NULL CHECK (reaction IN ('like', 'dislike')),
            PRIMARY KEY (image_id, user_id)""",
            d.table_options,
        ),
        _table(
            ATTEMPTS,
            f"""attempt_key {d.text} PRIMARY KEY,
            expire_ts {d.integer} NOT NULL,
            attempts {d.integer} NOT NULL""",
        ),
    ]


def indexes() -> list[Item]:
    """Each is there for a list of the interface; the two of photos are all that a timeline is found with."""
    return [
        _index(IMAGES, "user_id_idx", "user_id, created_ts, id", "NOT is_profile"),
        _index(IMAGES, "created_ts_idx", "created_ts, id, user_id", "NOT is_profile"),
        _index(USERS, "professional_idx", "followers, id", "is_professional_account"),
        _index(FOLLOWS, "follower_idx", "follower, created_ts, followed"),
        _index(FOLLOWS, "followed_idx", "followed, created_ts, follower"),
        _index(REQUESTS, "requester_idx", "requester, created_ts, owner"),
        _index(REQUESTS, "owner_idx", "owner, created_ts, requester"),
        _index(SESSIONS, "user_id_idx", "user_id"),
        _index(SESSIONS, "expire_ts_idx", "expire_ts"),
        _index(ATTEMPTS, "expire_ts_idx", "expire_ts"),
    ]


def _table(name: str, columns: str, options: str = "") -> Item:
    return Item("table", name, f"CREATE TABLE {name} ({columns}){options}")


def _index(table: str, name: str, columns: str, where: str = "") -> Item:
    """Names of indexes are unique in a database, not in a table."""
    name = f"{table}_{name}"
    return Item("index", name, f"CREATE INDEX {name} ON {table} ({columns})" + (f" WHERE {where}" if where else ""))

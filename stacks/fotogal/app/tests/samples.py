"""People and photos for tests."""

from __future__ import annotations

from fotogal.model import ImageType, Photo, Session, User, UserData


def a_user(number: int, *, private: bool = False, professional: bool = False) -> User:
    return User(
        id=number,
        email=f"p{number}@example.org",
        full_name=f"Pessoa de número {number}",
        username=f"pessoa_{number}",
        password="$argon2id$not-a-real-one",
        created_ts=1_700_000_000_000 + number % 1000,
        is_private=private,
        is_professional_account=professional,
        user_data=UserData(site="https://example.org", biography="olá — 📷\n'\"\\", gender=""),
    )


def a_photo(number: int, owner: int, *, at: int | None = None, profile: bool = False) -> Photo:
    return Photo(
        id=number,
        user_id=owner,
        created_ts=number if at is None else at,
        image_url=f"/i/{number}",
        image_filename=f"{number}-640x480-0123456789abcdef",
        image_original_filename="férias.jpg",
        image_host_fqdn="store.example.org",
        image_uri=f"{number}/full.jpeg",
        image_type=ImageType.JPEG,
        main_comment="Um dia bonito 🌞",
        is_profile=profile,
    )


def a_session(token: str, user_id: int, *, expire: int = 2000) -> Session:
    return Session(random_token=token, created_ts=1000, expire_ts=expire, user_id=user_id)

"""How things look in JSON."""

from __future__ import annotations

from typing import Any

from fotogal import files
from fotogal.gallery import Page, Visit
from fotogal.model import Cursor, Relation, Shown, Tally, User
from fotogal.web.pages.view import iso

Json = dict[str, Any]


def person(user: User) -> Json:
    """What everybody who is logged in may know of an account."""
    photo = files.profile_photo(user)
    return {
        "username": user.username,
        "full_name": user.full_name,
        "is_private": user.is_private,
        "is_professional_account": user.is_professional_account,
        "profile_image_url": photo.full_url if photo else None,
    }


def related(user: User, relation: Relation) -> Json:
    return {**person(user), "relation": relation}


def visited(visit: Visit) -> Json:
    """A profile page."""
    data = visit.user.user_data
    return {
        **related(visit.user, visit.relation),
        "site": data.site,
        "biography": data.biography,
        "counts": {
            "photos": visit.counts.photos,
            "followers": visit.counts.followers,
            "following": visit.counts.following,
        },
        "is_self": visit.is_self,
        "is_open": visit.is_open,
    }


def own(user: User) -> Json:
    """What a person may know of their own account."""
    data = user.user_data
    return {**person(user), "email": user.email, "site": data.site, "biography": data.biography, "gender": data.gender}


def tally(found: Tally) -> Json:
    return {"likes": found.likes, "dislikes": found.dislikes, "mine": found.mine}


def shown(found: Shown, viewer: User) -> Json:
    photo = found.photo
    return {
        "id": str(photo.id),
        "type": photo.image_type,
        "url": photo.image_url,
        "sizes": [
            {"url": files.url(photo.image_filename, variant.name), "width": variant.width, "height": variant.height}
            for variant in files.variants(photo)
        ],
        "caption": photo.main_comment,
        "created_at": iso(photo.created_ts),
        "author": person(found.author),
        "is_mine": photo.user_id == viewer.id,
        **tally(found.tally),
    }


def photos(page: Page[Shown], viewer: User) -> Json:
    return {"images": [shown(item, viewer) for item in page.items], "after": cursor(page.after)}


def cursor(after: Cursor | None) -> str | None:
    """What to give as `after` for the next part; null at the end."""
    return str(after) if after else None

"""Addresses of photos that nginx may answer by itself: signed, for one session, for a short time.

Pages have them; the API gives plain addresses, for which the application is always asked.

A page shows dozens of photos, and it was already decided that its reader may see them. Asking again for each would make the application the limit of what
nginx can send. So the page says it to nginx: address, time and session, with a hash that only the two of them can make (nginx's secure_link).
nginx believes it as long as the session is alive, and while it has the photo in its cache; otherwise it asks as ever. What is no longer allowed in the
meantime (a photo deleted, a follower removed) was already shown to this very session, whose browser may keep it for a day in any case.
"""

from __future__ import annotations

import hashlib
from base64 import urlsafe_b64encode

from flask import g

from fotogal.sessions import fingerprint
from fotogal.web.services import gallery, services
from fotogal.web.visitor import session_token

# An address stays the same within a period, so that the browser finds in its own cache what it has.
PERIOD_S = 300
_WHO = 16


def signed(url: str) -> str:
    """The address for who makes the present request; as it is where nginx and the application share no key."""
    key = services().settings.image_link_key
    token = session_token()
    if not key or not token:
        return url
    who = fingerprint(token)[:_WHO]
    return f"{url}?e={_expires()}&k={who}&s={signature(url, _expires(), token, who, key)}"


def signature(url: str, expires: int, token: str, who: str, key: str) -> str:
    """As nginx makes it: `secure_link_md5 "$secure_link_expires $uri $session $arg_k $link_key"`. MD5 is what it has; with the key at the end nobody
    can prolong what was signed. `who` names the session where nginx keeps for a second that it is alive: the token itself is written nowhere."""
    digest = hashlib.md5(f"{expires} {url} {token} {who} {key}".encode(), usedforsecurity=False).digest()
    return urlsafe_b64encode(digest).decode().rstrip("=")


def _expires() -> int:
    """Seconds since 1970: at least one period from now, less than two. The same for the whole request."""
    if "links_expire" not in g:
        g.links_expire = (gallery().now_ms() // 1000 // PERIOD_S + 2) * PERIOD_S
    found: int = g.links_expire
    return found

"""Who is logged in: sessions of seven days, kept in the catalogue, so that every replica knows them and each can be revoked.

The browser has the token, the catalogue only its SHA-256: whoever reads the table cannot log in with what is there.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass

from fotogal.catalogue.interface import Catalogue
from fotogal.model import Session, User

LIFETIME_MS = 7 * 24 * 60 * 60 * 1000
_TOKEN_BYTES = 32


@dataclass(frozen=True, slots=True)
class Sessions:
    catalogue: Catalogue
    now_ms: Callable[[], int]

    def open(self, user: User) -> str:
        """A new session of `user`; its token, for the cookie."""
        token = secrets.token_urlsafe(_TOKEN_BYTES)
        now = self.now_ms()
        self.catalogue.add_session(Session(fingerprint(token), now, now + LIFETIME_MS, user.id))
        return token

    def user(self, token: str) -> User | None:
        """Whose session it is, while it lasts."""
        found = self.catalogue.session(fingerprint(token), self.now_ms())
        return found[1] if found else None

    def close(self, token: str) -> None:
        self.catalogue.remove_session(fingerprint(token))

    def close_all(self, user: User) -> None:
        """On every device."""
        self.catalogue.remove_sessions_of(user.id)


def fingerprint(token: str) -> str:
    """What the catalogue keeps of a token. It needs no salt: the token is 256 bits of chance."""
    return hashlib.sha256(token.encode()).hexdigest()


def csrf_token(token: str) -> str:
    """What a form must send back to prove that a page of ours made it: derived from the secret in the cookie, so nothing has to be stored."""
    return hmac.new(token.encode(), b"fotogal csrf", hashlib.sha256).hexdigest()


def is_csrf_token(given: str, token: str) -> bool:
    return hmac.compare_digest(given.encode(), csrf_token(token).encode())

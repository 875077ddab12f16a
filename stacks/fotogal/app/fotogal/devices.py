"""Browsers in which an account's owner has logged in before. What others try elsewhere does not lock them out.

A browser keeps a cookie with a name made by chance and a signature, for years ("device cookies", as OWASP describes them). It lets nobody in: it only
moves its bearer's attempts to a count of their own, as small as any. The key is the account's password hash, which nobody but the catalogue has: so
nothing more has to be stored, and a changed password ends all of them. Pure, but for the chance.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets

from fotogal.model import User

LIFETIME_S = 365 * 24 * 60 * 60
_NAME_BYTES = 16


def new(user: User) -> str:
    name = secrets.token_urlsafe(_NAME_BYTES)
    return f"{name}.{_signature(user, name)}"


def is_of(user: User, device: str) -> bool:
    """Whether `user` has logged in there since the password was set."""
    name, _, signature = device.partition(".")
    return hmac.compare_digest(signature.encode(), _signature(user, name).encode())


def _signature(user: User, name: str) -> str:
    return hmac.new(user.password.encode(), f"fotogal device\n{user.id}\n{name}".encode(), hashlib.sha256).hexdigest()

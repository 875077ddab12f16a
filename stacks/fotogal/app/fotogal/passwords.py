"""Passwords: kept as argon2id hashes (RFC 9106), never as they are."""

from __future__ import annotations

import secrets

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError


class Passwords:
    """Hashes and verifies. The default costs are OWASP's for servers: 19 MiB, 2 passes, one lane; about 30 ms of a core.

    Four of these at once (2 workers, 2 threads) still fit a small container, which the library's default of 64 MiB each does not.
    """

    def __init__(self, memory_kib: int = 19 * 1024, passes: int = 2, lanes: int = 1) -> None:
        self._hasher = PasswordHasher(time_cost=passes, memory_cost=memory_kib, parallelism=lanes)
        # Verified against when there is no such account, so that both cases take the same time.
        self._nobodys = self._hasher.hash(secrets.token_urlsafe(16))

    def hash(self, password: str) -> str:
        return self._hasher.hash(password)

    def verify(self, hashed: str | None, password: str) -> bool:
        """Whether `password` is the one of `hashed`; None, for an account that does not exist, costs the same and is false."""
        try:
            return self._hasher.verify(hashed or self._nobodys, password) and hashed is not None
        except (VerificationError, InvalidHashError):
            return False

    def is_outdated(self, hashed: str) -> bool:
        """Whether it was made with other costs than today's, and should be made anew while the password is at hand."""
        return self._hasher.check_needs_rehash(hashed)

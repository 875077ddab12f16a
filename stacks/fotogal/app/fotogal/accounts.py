"""Accounts: registering, logging in, the password. What an account shows of itself is `gallery`'s."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace

from fotogal import devices, fields
from fotogal.catalogue.interface import Catalogue, Taken
from fotogal.fields import Registration
from fotogal.model import User, new_id
from fotogal.passwords import Passwords
from fotogal.refusals import BadLogin, Conflict, Invalid, TooMany
from fotogal.sessions import Sessions

WINDOW_MS = 15 * 60 * 1000
# The first stops guessing at one account from one place, the second from many places, the third trying one password on many accounts.
# The second would lock out the owner too; it does not count where they have logged in before (`devices`), and what is tried there is counted like a place.
ATTEMPTS_AT_ACCOUNT_FROM_ADDRESS = 10
ATTEMPTS_AT_ACCOUNT = 100
ATTEMPTS_FROM_ADDRESS = 200
REGISTRATIONS_FROM_ADDRESS = 50

_TAKEN = {
    "email": "Já existe uma conta com este e-mail.",
    "username": "Este nome de usuário já tem dono. Escolha outro.",
}


@dataclass(frozen=True, slots=True)
class Accounts:
    catalogue: Catalogue
    passwords: Passwords
    sessions: Sessions
    now_ms: Callable[[], int]

    def register(self, wanted: Registration, address: str) -> tuple[User, str]:
        """A new account, logged in: the user and the session's token. `address` is the visitor's network address."""
        self._count("register", address, most=REGISTRATIONS_FROM_ADDRESS)
        now = self.now_ms()
        user = User(
            id=new_id(now),
            email=wanted.email,
            full_name=wanted.full_name,
            username=wanted.username,
            password=self.passwords.hash(wanted.password),
            created_ts=now,
            is_professional_account=wanted.is_professional_account,
        )
        self._add(user)
        return user, self.sessions.open(user)

    def log_in(self, name: str, password: str, address: str, device: str = "") -> tuple[User, str]:
        """By user name or e-mail; `device` is what the browser has kept of an earlier time.

        Raises BadLogin, the same and after the same time whichever of the two is wrong; TooMany after too many attempts.
        """
        name, password = name.strip().removeprefix("@"), password[: fields.PASSWORD[1]]
        account = name.casefold()
        self._count("from", address, most=ATTEMPTS_FROM_ADDRESS)
        user = self._named(name)
        place = ("at-from", account, address)
        if user is not None and devices.is_of(user, device):
            place = ("at-device", account, device)
        else:
            self._count("at", account, most=ATTEMPTS_AT_ACCOUNT)
        self._count(*place, most=ATTEMPTS_AT_ACCOUNT_FROM_ADDRESS)
        if not self.passwords.verify(user.password if user else None, password) or user is None:
            raise BadLogin("Nome de usuário ou senha não conferem.")
        self.catalogue.forget_attempts(_attempt_key(*place))
        if self.passwords.is_outdated(user.password):
            self.catalogue.set_password(user.id, self.passwords.hash(password))
        return user, self.sessions.open(user)

    def change_password(self, user: User, current: str, new: str, address: str) -> str:
        """Logs out everywhere; the token of a new session for who changed it."""
        self._count("change", str(user.id), address, most=ATTEMPTS_AT_ACCOUNT_FROM_ADDRESS)
        if not self.passwords.verify(user.password, current[: fields.PASSWORD[1]]):
            raise Invalid({"current_password": "Esta não é a sua senha atual."})
        self.catalogue.set_password(user.id, self.passwords.hash(fields.new_password(new)))
        self.catalogue.forget_attempts(_attempt_key("change", str(user.id), address))
        self.sessions.close_all(user)
        return self.sessions.open(user)

    def _named(self, name: str) -> User | None:
        """By e-mail if it can be one: no user name has an @."""
        if "\x00" in name or len(name) > fields.EMAIL_LONGEST or not name.isprintable():
            return None
        return self.catalogue.user_by_email(name) if "@" in name else self.catalogue.user_by_username(name)

    def _add(self, user: User) -> None:
        try:
            self.catalogue.add_user(user)
        except Taken as taken:
            if taken.field == "id":  # two in one millisecond: the next number will do
                self._add(replace(user, id=new_id(self.now_ms())))
                return
            raise Conflict(taken.field, _TAKEN[taken.field]) from taken

    def _count(self, *what: str, most: int) -> None:
        if self.catalogue.attempt(_attempt_key(*what), self.now_ms(), WINDOW_MS) > most:
            raise TooMany("Foram tentativas demais. Espere alguns minutos e tente de novo.", WINDOW_MS // 1000)


def _attempt_key(*what: str) -> str:
    """Hashed: the table of attempts shall not tell who tried to log in from where."""
    return hashlib.sha256("\n".join(what).encode("utf-8", "surrogatepass")).hexdigest()

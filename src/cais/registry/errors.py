"""What keeps an image from travelling, and what to do about it.

PullError
 +-- RegistryUnreachable   nobody answered: no network, no such host, no trust; a base may be made instead
 +-- NotInRegistry         the registry answered and has no such image (or shows it to nobody unknown)
 +-- Refused               the registry does not want to, for the reason it gives
 +-- ConnectionLost        it broke off or became silent within an answer: what has come is kept, and is worth another try
LoginRefused               the registry does not take this name with this password (exit code 1)
PushError                  the same on the way there (exit code 1: nobody waits for an image)
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Sequence

from cais.errors import CaisError, PullError, printable

_OTHERWISE = "or do without a registry: cais image load, cais image import"


class RegistryUnreachable(PullError):
    """No registry answered."""


class NotInRegistry(PullError):
    """The registry has no such image, or does not show it to us."""


class Refused(PullError):
    """The registry answered with an HTTP status that says no."""

    def __init__(self, status: int, message: str, *, hint: str, details: Sequence[str]) -> None:
        super().__init__(message, hint=hint, details=details)
        self.status = status


class ConnectionLost(PullError):
    """An answer or a transfer broke off."""


class PushError(CaisError):
    """An image could not be given to a registry."""


class LoginRefused(CaisError):
    """The registry does not take this name with this password."""


def push_error(name: str, error: PullError) -> PushError:
    """The same of a push of `name`: what it hints at must not speak of pulling."""
    hint = None if error.hint and _OTHERWISE in error.hint else error.hint
    return PushError(f'image "{name}" was not pushed: {error.message}', hint=hint, details=error.details)


def offline(name: str) -> RegistryUnreachable:
    """For a pull that `--offline` forbids."""
    return RegistryUnreachable(
        f'image "{name}" is not in the store, and registries are not asked (offline)',
        hint=f"drop --offline, {_OTHERWISE}",
    )


def unreachable(host: str, error: BaseException) -> RegistryUnreachable:
    """Why `host` did not answer, from what the standard library raised."""
    import ssl

    if isinstance(error, socket.gaierror):
        return RegistryUnreachable(
            f'registry "{host}" cannot be found: {error.strerror}',
            hint=f"check the name and the network (DNS), {_OTHERWISE}",
        )
    if isinstance(error, ssl.SSLCertVerificationError):
        return RegistryUnreachable(
            f'the certificate of registry "{host}" is not trusted: {error.verify_message}',
            hint="name its CA in the registries file (`ca`); behind an intercepting proxy, install the proxy's"
            " (update-ca-certificates) or name it in SSL_CERT_FILE",
        )
    if isinstance(error, ssl.SSLError):
        return RegistryUnreachable(
            f'registry "{host}" does not speak TLS: {error.strerror}',
            hint="for plain HTTP, call it `insecure` in the registries file",
        )
    if isinstance(error, TimeoutError):
        return RegistryUnreachable(
            f'registry "{host}" does not answer', hint=f"check the network and HTTPS_PROXY, {_OTHERWISE}"
        )
    if isinstance(error, ConnectionRefusedError):
        return RegistryUnreachable(
            f'registry "{host}" refuses the connection',
            hint=f"nothing listens there: check host and port, {_OTHERWISE}",
        )
    if isinstance(error, OSError) and error.errno in (errno.ENETUNREACH, errno.EHOSTUNREACH):
        return RegistryUnreachable(
            f'registry "{host}" cannot be reached: {error.strerror}', hint=f"there is no network, {_OTHERWISE}"
        )
    return RegistryUnreachable(f'talking to registry "{host}" failed: {error}', hint=f"try again, {_OTHERWISE}")


def broken_off(host: str, why: str) -> ConnectionLost:
    """For an answer or a transfer that ended early."""
    return ConnectionLost(f'registry "{host}" broke off: {why}', hint="try again: what has come whole is kept")


def refused(host: str, what: str, status: int, said: str, *, wait_s: float | None = None) -> PullError:
    """What an HTTP status of a registry means. `what` is what was asked for; `said` the registry's own words; `wait_s` what it asks to wait."""
    details = [printable(said)] if said else []
    if status in (401, 403):
        return NotInRegistry(
            f'registry "{host}" refuses {what}: access denied',
            hint=f"check the name; if it is private, log in: cais login {host}",
            details=details,
        )
    if status == 404:
        return NotInRegistry(f'registry "{host}" has no {what}', hint="check name and tag", details=details)
    message, hint = _words(host, what, status, wait_s)
    return Refused(status, message, hint=hint, details=details)


def _words(host: str, what: str, status: int, wait_s: float | None) -> tuple[str, str]:
    if status == 429:
        wait = f"wait {wait_s:.0f} seconds" if wait_s else "wait"
        message = f'registry "{host}" allows no more requests at the moment'
        return message, f"{wait}, or log in for a higher limit: cais login {host}"
    if status == 413:
        message = f'registry "{host}" takes no request as large as {what}'
        return message, "what stands before it limits them: set `chunk` in the registries file"
    later = f"try again in {wait_s:.0f} seconds" if wait_s else "try again later"
    return f'registry "{host}" answers {what} with HTTP status {status}', later

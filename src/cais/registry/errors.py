"""What keeps an image from being pulled, and what to do about it.

PullError
 +-- RegistryUnreachable   nobody answered: no network, no such host, no trust; a base may be made instead
 +-- NotInRegistry         the registry answered and has no such image (or shows it to nobody unknown)
"""

from __future__ import annotations

import errno
import socket

from cais.errors import PullError

_OTHERWISE = "or do without a registry: cais image load, cais image import"


class RegistryUnreachable(PullError):
    """No registry answered."""


class NotInRegistry(PullError):
    """The registry has no such image, or does not show it to us."""


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
            hint="behind an intercepting proxy, install its CA (update-ca-certificates) or name it in SSL_CERT_FILE",
        )
    if isinstance(error, ssl.SSLError):
        return RegistryUnreachable(
            f'registry "{host}" does not speak TLS: {error.strerror}', hint="for plain HTTP, list it as insecure"
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


def refused(host: str, what: str, status: int, said: str) -> PullError:
    """What an HTTP status of a registry means. `what` is what was asked for; `said` the registry's own words."""
    details = [said] if said else []
    if status in (401, 403):
        return NotInRegistry(
            f'registry "{host}" does not give us {what}: access denied',
            hint="check the name; if it is private, log in (docker login) so that ~/.docker/config.json has the credentials",
            details=details,
        )
    if status == 404:
        return NotInRegistry(f'registry "{host}" has no {what}', hint="check name and tag", details=details)
    if status == 429:
        return PullError(
            f'registry "{host}" allows no more pulls at the moment',
            hint="wait, or log in for a higher limit",
            details=details,
        )
    return PullError(
        f'registry "{host}" answers {what} with HTTP status {status}', hint="try again later", details=details
    )

"""What is chosen from outside about the web application; the stores' choices are in `fotogal.settings`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from fotogal.settings import BadSetting

MOST_PROXIES = 9


@dataclass(frozen=True, slots=True)
class WebSettings:
    """`cookie_secure`: the site is reached over TLS, and cookies are sent over nothing else. `trusted_proxies`: how many proxies stand in
    front, whose word about the visitor's address, host and scheme (`X-Forwarded-*`) is believed. `image_link_key`: what nginx also has, so that it serves signed addresses of photos by itself (`links`);
    empty: every photo is asked for here."""

    cookie_secure: bool = False
    trusted_proxies: int = 0
    image_link_key: str = ""


def from_environment(environment: Mapping[str, str]) -> WebSettings:
    """From FOTOGAL_COOKIE_SECURE (yes, no), FOTOGAL_TRUSTED_PROXIES (0 to 9) and FOTOGAL_IMAGE_LINK_KEY. Raises BadSetting."""
    secure = environment.get("FOTOGAL_COOKIE_SECURE", "").strip() or "no"
    if secure not in ("yes", "no"):
        raise BadSetting("FOTOGAL_COOKIE_SECURE", f"is {secure!r}; it can be yes, no")
    proxies = environment.get("FOTOGAL_TRUSTED_PROXIES", "").strip() or "0"
    if not (proxies.isascii() and proxies.isdigit() and len(proxies) == 1):
        raise BadSetting("FOTOGAL_TRUSTED_PROXIES", f"is {proxies!r}; it can be a number from 0 to {MOST_PROXIES}")
    return WebSettings(secure == "yes", int(proxies), environment.get("FOTOGAL_IMAGE_LINK_KEY", "").strip())

#!/usr/bin/env python3
"""Uploads, and images and timelines through nginx, of a FotoGal that is running: `bench/images.py http://127.0.0.1:8088`.

Needs `wrk` (Debian's package) and nothing else. As many accounts as there are readers publish and look; each asks for its own photos, so that no two
ask for the same. What is compared is a static file of nearly the same size that nginx serves through the same port: FotoGal's style sheet.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import secrets
import struct
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

STATIC = "/static/style.css"
TIMELINE = "/api/timeline"
PHOTOS_EACH = 8
# A request at random of those in the list, each with its member's cookie.
SCRIPT = """
local targets = {}
request = function()
  if #targets == 0 then
    for line in io.lines("%s") do
      local path, cookie = line:match("^(%%S+) (.*)$")
      targets[#targets + 1] = wrk.format("GET", path, {["Host"] = wrk.headers["Host"], ["Cookie"] = cookie})
    end
    math.randomseed(7)
  end
  return targets[math.random(#targets)]
end
"""


@dataclass(frozen=True, slots=True)
class Target:
    """A path, and the cookie it is asked for with."""

    path: str
    cookie: str


@dataclass(frozen=True, slots=True)
class Rate:
    """What wrk says. `failed` are the answers that were not 2xx or 3xx."""

    per_s: float
    p99: str
    failed: int


class Member:
    """An account of its own, logged in by the API."""

    def __init__(self, site: str) -> None:
        self.site = site
        name = f"b{secrets.token_hex(8)}"
        body = {
            "email": f"{name}@example.org",
            "full_name": "Medida de desempenho",
            "username": name,
            "password": secrets.token_hex(8),
        }
        request = urllib.request.Request(
            f"{site}/api/register", json.dumps(body).encode(), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            self.cookie = answer.headers["Set-Cookie"].partition(";")[0]
            self.csrf_token = json.load(answer)["csrf_token"]

    def upload(self, data: bytes) -> dict[str, object]:
        boundary = secrets.token_hex(16)
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="image"; filename="f.png"\r\n\r\n'.encode()
        headers = {
            "Cookie": self.cookie,
            "X-CSRF-Token": self.csrf_token,
            "Content-Type": f"multipart/form-data; boundary={boundary}",
        }
        body = head + data + f"\r\n--{boundary}--\r\n".encode()
        with urllib.request.urlopen(
            urllib.request.Request(f"{self.site}/api/image/upload", body, headers), timeout=120
        ) as answer:
            return dict(json.load(answer))

    def page(self) -> str:
        with urllib.request.urlopen(
            urllib.request.Request(f"{self.site}/", headers={"Cookie": self.cookie}), timeout=60
        ) as answer:
            return str(answer.read().decode())


def photo(width: int, height: int) -> bytes:
    """A PNG whose rows are soft waves with a little noise, as photos are: it neither shrinks to nothing nor stays as it is."""
    noise = secrets.token_bytes(3 * width)
    rows = bytearray()
    for row in range(height):
        rows += b"\0" + bytes(
            (128 + (column // 3 + row) % 96 + noise[column] % 16) & 255 for column in range(3 * width)
        )
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = ((b"IHDR", head), (b"IDAT", zlib.compress(bytes(rows), 1)), (b"IEND", b""))
    chunks = (struct.pack(">I", len(d)) + n + d + struct.pack(">I", zlib.crc32(n + d)) for n, d in parts)
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def uploads_per_s(members: Sequence[Member], data: bytes) -> float:
    """All members at once, each `PHOTOS_EACH` photos one after the other."""

    def publish(member: Member) -> None:
        for _ in range(PHOTOS_EACH):
            member.upload(data)

    threads = [threading.Thread(target=publish, args=(member,)) for member in members]
    begun = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return len(members) * PHOTOS_EACH / (time.monotonic() - begun)


def wrk(site: str, targets: Sequence[Target], readers: int, seconds: int) -> Rate:
    with tempfile.TemporaryDirectory() as folder:
        listed, script = Path(folder) / "targets", Path(folder) / "script.lua"
        listed.write_text("".join(f"{target.path} {target.cookie}\n" for target in targets))
        script.write_text(SCRIPT % listed)
        command = ["wrk", "-t1", f"-c{readers}", f"-d{seconds}s", "--latency", "-s", str(script), site]
        said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    per_s, p99 = re.search(r"Requests/sec:\s+([\d.]+)", said), re.search(r"^\s+99%\s+(\S+)", said, re.MULTILINE)
    failed = re.search(r"Non-2xx or 3xx responses: (\d+)", said)
    if per_s is None or p99 is None:
        sys.exit(f"wrk said what is not understood:\n{said}")
    return Rate(float(per_s[1]), p99[1], int(failed[1]) if failed else 0)


def signed_thumbnails(members: Sequence[Member]) -> list[Target]:
    """The smallest size of every photo on each member's page, as the page has it."""
    found = []
    for member in members:
        for sources in re.findall(r'srcset="([^"]+)"', member.page()):
            smallest = sources.split(", ")[-1].split(" ")[0].replace("&amp;", "&")
            found.append(Target(smallest, member.cookie))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("site", help="where FotoGal is: http://127.0.0.1:8088")
    parser.add_argument("--readers", type=int, default=16)
    parser.add_argument("--seconds", type=int, default=5)
    options = parser.parse_args()
    site = options.site.rstrip("/")
    print(f"load before: {os.getloadavg()[0]:.1f}; {options.readers} readers, {options.seconds} s each", flush=True)
    members = [Member(site) for _ in range(options.readers)]
    data = photo(1200, 800)
    print(f"uploads of {len(data) / 1e6:.1f} MB: {uploads_per_s(members, data):.1f} a second", flush=True)
    signed = signed_thumbnails(members)
    asked = [Target(target.path.partition("?")[0], target.cookie) for target in signed]
    wrk(site, asked, options.readers, options.seconds)  # from here on nginx has them
    static = Target(STATIC, "none=none")
    rates = {
        "static file": wrk(site, [static], options.readers, options.seconds),
        "thumbnail, signed": wrk(site, signed, options.readers, options.seconds),
        "thumbnail, asked for": wrk(site, asked, options.readers, options.seconds),
        "timeline": wrk(
            site, [Target(TIMELINE, member.cookie) for member in members], options.readers, options.seconds
        ),
    }
    for name, rate in rates.items():
        share = rate.per_s / rates["static file"].per_s
        print(f"{name}: {rate.per_s:.0f} a second ({share:.0%}), p99 {rate.p99}, {rate.failed} failed")


if __name__ == "__main__":
    main()

"""ADD of an address must fetch it once, notice a change, and verify a checksum."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from tests.e2e.build.workshop import Workshop

from cais.errors import BuildError

pytestmark = pytest.mark.root


class Site:
    """One file on a web server, and the answers it gave."""

    def __init__(self) -> None:
        self.content = b"one"
        self.answers: list[int] = []
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                etag = hashlib.md5(site.content).hexdigest()
                code = 404 if "none" in self.path else 304 if self.headers.get("If-None-Match") == etag else 200
                site.answers.append(code)
                self.send_response(code)
                self.send_header("ETag", etag)
                self.send_header("Content-Length", str(len(site.content) if code == 200 else 0))
                self.end_headers()
                if code == 200:
                    self.wfile.write(site.content)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/dir/file.txt?x=1"


@pytest.fixture
def site() -> Iterator[Site]:
    one = Site()
    thread = threading.Thread(target=one.server.serve_forever)
    thread.start()
    yield one
    one.server.shutdown()
    one.server.server_close()
    thread.join()


def test_an_address_is_fetched_and_asked_again(shop: Workshop, site: Site) -> None:
    text = f"FROM busybox:1\nADD {site.url} /here/\nADD --chmod=644 --chown=ana {site.url} /named\n"
    image = shop.build(text)
    assert shop.files(image) == {
        "here": "0755 0:0 /",
        "here/file.txt": "0600 0:0 one",
        "named": "0644 1000:1001 one",
    }
    shop.build(text)
    assert shop.made() == []
    site.content = b"two"
    assert shop.files(shop.build(text))["here/file.txt"] == "0600 0:0 two"
    assert site.answers == [200, 304, 200]


def test_a_checksum_is_verified_and_saves_the_question(shop: Workshop, site: Site) -> None:
    digest = hashlib.sha256(b"one").hexdigest()
    text = f"FROM busybox:1\nADD --checksum=sha256:{digest} {site.url} /file\n"
    shop.build(text)
    shop.build(text, no_cache=True)
    assert site.answers == [200]
    with pytest.raises(BuildError, match="has digest sha256:") as caught:
        shop.build(text.replace(digest, "0" * 64))
    assert caught.value.span is not None


def test_what_cannot_be_fetched_is_said(shop: Workshop, site: Site) -> None:
    with pytest.raises(BuildError, match="the server answered 404"):
        shop.build(f"FROM busybox:1\nADD {site.url}none /\n")
    with pytest.raises(BuildError, match="Connection refused"):
        shop.build("FROM busybox:1\nADD http://127.0.0.1:1/x /\n")

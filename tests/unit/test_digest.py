import io

import pytest

from cais.digest import VerifiedReader, digest_bytes, digest_file, parse_digest, short_id
from cais.errors import InvalidImage


def test_digest_of_file_equals_digest_of_bytes() -> None:
    assert digest_file(io.BytesIO(b"cais")) == (digest_bytes(b"cais"), 4)


@pytest.mark.parametrize("text", ["", "sha256:abc", "md5:" + "0" * 32, "sha256:" + "G" * 64, "../etc/passwd"])
def test_malformed_digest_is_refused(text: str) -> None:
    with pytest.raises(InvalidImage, match="is not a sha256"):
        parse_digest(text)


def test_short_id_is_what_docker_prints() -> None:
    assert short_id("sha256:" + "0123456789abcdef" * 4) == "0123456789ab"


def drain(reader: VerifiedReader) -> bytes:
    whole = b""
    while chunk := reader.read(2):
        whole += chunk
    return whole


def test_verified_reader_gives_the_content() -> None:
    assert drain(VerifiedReader(io.BytesIO(b"layer"), digest_bytes(b"layer"), 5)) == b"layer"


@pytest.mark.parametrize(
    ("content", "size", "message"),
    [(b"layerX", 5, "longer than"), (b"lay", 5, "ends after 3"), (b"Layer", 5, "has digest")],
)
def test_verified_reader_refuses_other_content(content: bytes, size: int, message: str) -> None:
    with pytest.raises(InvalidImage, match=message):
        drain(VerifiedReader(io.BytesIO(content), digest_bytes(b"layer"), size))

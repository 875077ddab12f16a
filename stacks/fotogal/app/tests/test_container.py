from __future__ import annotations

import io
import zipfile

import pytest

from fotogal import container, imaging
from fotogal.container import Finding
from fotogal.model import ImageType
from fotogal.refusals import BadImage
from pictures import animation, encoded, halves, photo_with_secrets

FILES = {
    ImageType.PNG: encoded(halves(), "PNG"),
    ImageType.JPEG: encoded(halves(300, 200), "JPEG", progressive=True),
    ImageType.GIF: animation(4),
}


def a_zip() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("index.html", "<p>oi</p>")
    return out.getvalue()


@pytest.mark.parametrize("kind", list(ImageType))
def test_the_type_is_told_by_the_first_bytes(kind: ImageType) -> None:
    assert container.image_type(FILES[kind]) is kind
    assert Finding.ONE_IMAGE is container.look(FILES[kind], kind)


def test_what_a_camera_writes_hides_nothing() -> None:
    assert Finding.ONE_IMAGE is container.look(photo_with_secrets(), ImageType.JPEG)


@pytest.mark.parametrize("kind", list(ImageType))
@pytest.mark.parametrize("behind", [a_zip(), b"<script>alert(1)</script>", b"%PDF-1.4 ...", b"<?php system('id');"])
def test_a_second_file_behind_the_image(kind: ImageType, behind: bytes) -> None:
    assert Finding.HIDES_SOMETHING is container.look(FILES[kind] + behind, kind)
    with pytest.raises(BadImage, match="escondido"):
        imaging.read(FILES[kind] + behind)


@pytest.mark.parametrize("kind", list(ImageType))
def test_a_page_in_front_of_the_image(kind: ImageType) -> None:
    data = FILES[kind]
    assert Finding.HIDES_SOMETHING is container.look(data[:40] + b"<SCRIPT>" + data[40:], kind)


@pytest.mark.parametrize("kind", list(ImageType))
def test_padding_is_nothing(kind: ImageType) -> None:
    assert Finding.ONE_IMAGE is container.look(FILES[kind] + b"\x00\x00\r\n", kind)


@pytest.mark.parametrize(
    "trailer",
    [b"\x00\x00\x00\x18ftypmp42" + bytes(200), FILES[ImageType.JPEG], b"SEFT"],
    ids=["film", "second picture", "camera's own"],
)
def test_what_cameras_put_behind_a_jpeg_is_let_pass_and_removed(trailer: bytes) -> None:
    data = FILES[ImageType.JPEG] + trailer
    assert Finding.ONE_IMAGE is container.look(data, ImageType.JPEG)
    assert trailer not in imaging.read(data).files[0].data


@pytest.mark.parametrize("kind", [ImageType.PNG, ImageType.GIF])
def test_an_image_that_was_cut_off(kind: ImageType) -> None:
    data = FILES[kind]
    assert {container.look(data[:length], kind) for length in range(8, len(data))} == {Finding.CUT_OFF}


def test_a_jpeg_of_very_many_scans() -> None:
    """Each is a pass over all pixels: a small file could keep a core busy for minutes."""
    data = FILES[ImageType.JPEG]
    scan = data.rindex(b"\xff\xda")
    last_scan = data[scan:-2]
    assert container.look(data[:-2] + last_scan * 5 + data[-2:], ImageType.JPEG) is Finding.ONE_IMAGE
    many = data[:-2] + last_scan * container.MAX_SCANS + data[-2:]
    assert container.look(many, ImageType.JPEG) is Finding.TOO_MANY_PARTS
    with pytest.raises(BadImage, match="partes demais"):
        imaging.read(many)


def test_a_jpeg_of_very_many_segments() -> None:
    data = FILES[ImageType.JPEG]
    assert container.look(data[:2] + b"\xff\xfe\x00\x02" * 5000 + data[2:], ImageType.JPEG) is Finding.TOO_MANY_PARTS


def test_fill_bytes_and_restarts_are_no_markers() -> None:
    data = encoded(halves(200, 200), "JPEG", restart_marker_blocks=4)
    assert container.look(data.replace(b"\xff\xda", b"\xff\xff\xff\xda"), ImageType.JPEG) is Finding.ONE_IMAGE
    assert container.look(data + a_zip(), ImageType.JPEG) is Finding.HIDES_SOMETHING

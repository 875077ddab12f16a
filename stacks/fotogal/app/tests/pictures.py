"""Files as people, and others, upload them."""

from __future__ import annotations

import io
import struct
import zlib

from PIL import Image, ImageCms, ImageDraw


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def decoded(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


def halves(width: int = 40, height: int = 20, mode: str = "RGB") -> Image.Image:
    """Red on the left, blue on the right."""
    image = Image.new("RGB", (width, height), "blue")
    ImageDraw.Draw(image).rectangle((0, 0, width // 2 - 1, height), "red")
    return image.convert(mode)


def photo_with_secrets() -> bytes:
    """A JPEG on its side, as a telephone writes it: EXIF with the place of the shot, a comment, XMP."""
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees clockwise
    exif[0x010F] = "SEGREDO-FABRICANTE"
    exif.get_ifd(0x8825)[1] = "S"
    exif.get_ifd(0x8825)[2] = (23.0, 33.0, 1.0)
    return encoded(
        halves(),
        "JPEG",
        exif=exif,
        comment=b"SEGREDO-COMENTARIO",
        xmp=b"<x:xmpmeta>SEGREDO-XMP</x:xmpmeta>",
        quality=95,
    )


def animation(frames: int = 3, size: tuple[int, int] = (30, 20), **options: object) -> bytes:
    """A dot that moves to the right."""
    images = []
    for number in range(frames):
        image = Image.new("RGB", size, "white")
        ImageDraw.Draw(image).point((number % size[0], number // size[0] % size[1]), "black")
        images.append(image)
    return encoded(images[0], "GIF", save_all=True, append_images=images[1:], duration=[70] * frames, loop=0, **options)


def bomb(width: int, height: int) -> bytes:
    """A PNG of a few kilobytes whose header promises `width` by `height` pixels."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + _chunk(b"IHDR", header)
        + _chunk(b"IDAT", zlib.compress(bytes(1000)))
        + _chunk(b"IEND", b"")
    )


def of_another_kind() -> bytes:
    """A PNG in RGB whose colour profile is for Lab colours."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    return encoded(Image.new("RGB", (8, 8), (200, 10, 10)), "PNG", icc_profile=profile)


def exchanged_colours() -> bytes:
    """A PNG written in red, with a colour profile by which the first byte of a pixel is blue and the third is red."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    exchanged = profile.replace(b"rXYZ", b"????", 1).replace(b"bXYZ", b"rXYZ", 1).replace(b"????", b"bXYZ", 1)
    return encoded(Image.new("RGB", (8, 8), (200, 10, 10)), "PNG", icc_profile=exchanged)


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

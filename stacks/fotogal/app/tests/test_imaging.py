from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

import pictures
from fotogal import imaging
from fotogal.imaging import PHOTO_SIZES, PROFILE_SIZES, Variant
from fotogal.model import ImageType
from fotogal.refusals import BadImage, NotAnImage, TooLarge
from pictures import animation, bomb, decoded, encoded, halves, photo_with_secrets


APP = Path(__file__).parents[1]


class TestWhatSurvives:
    def test_nothing_of_the_metadata(self) -> None:
        for file in imaging.read(photo_with_secrets()).files:
            image = decoded(file.data)
            assert b"SEGREDO" not in file.data
            assert not image.getexif()
            assert not {"exif", "comment", "xmp", "icc_profile"} & image.info.keys()

    def test_the_orientation_is_in_the_pixels(self) -> None:
        picture = imaging.read(photo_with_secrets())
        assert (picture.width, picture.height) == (20, 40)
        image = decoded(picture.files[0].data)
        above, below = image.getpixel((10, 5)), image.getpixel((10, 35))
        assert above[0] > 200 > above[2]
        assert below[2] > 200 > below[0]

    def test_transparency_of_a_png(self) -> None:
        image = Image.new("RGBA", (700, 700), (255, 0, 0, 0))
        picture = imaging.read(encoded(image, "PNG"))
        assert [file.content_type for file in picture.files] == ["image/png", "image/webp", "image/webp"]
        assert all(decoded(file.data).convert("RGBA").getpixel((3, 3))[3] == 0 for file in picture.files)

    @pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "I;16", "CMYK", "RGB", "RGBA"])
    def test_every_way_to_write_pixels(self, mode: str) -> None:
        kind = "JPEG" if mode == "CMYK" else "PNG"
        image = Image.new(mode, (50, 40)) if mode == "I;16" else halves(50, 40).convert(mode)
        picture = imaging.read(encoded(image, kind))
        assert decoded(picture.files[0].data).size == (50, 40)

    def test_sixteen_bits_of_grey_keep_their_shade(self) -> None:
        picture = imaging.read(encoded(Image.new("I;16", (8, 8), 0x8000), "PNG"))
        assert decoded(picture.files[0].data).convert("L").getpixel((0, 0)) in range(126, 131)

    def test_a_colour_profile_of_another_kind_is_ignored(self) -> None:
        picture = imaging.read(pictures.of_another_kind())
        assert decoded(picture.files[0].data).convert("RGB").getpixel((0, 0)) == (200, 10, 10)

    def test_a_colour_profile_is_applied(self) -> None:
        picture = imaging.read(pictures.exchanged_colours())
        red, green, blue = decoded(picture.files[0].data).convert("RGB").getpixel((0, 0))
        assert blue > 180 > 60 > max(red, green)

    @pytest.mark.parametrize(
        ("mode", "times"), [("RGB", 2.2), ("RGBA", 3.2)]
    )  # to shrink transparency, Pillow copies it all
    def test_memory_stays_near_that_of_the_pixels(self, mode: str, times: float) -> None:
        """Of another process, whose peak (VmHWM, in kilobytes) is its own: getrusage counts that of the process it was forked from."""
        script = (
            "import re, sys; from fotogal import imaging; data = sys.stdin.buffer.read()\n"
            "peak = lambda: int(re.search(r'VmHWM:\\s+(\\d+)', open('/proc/self/status').read())[1]) // 1024\n"
            "before = peak(); imaging.read(data); print(peak() - before)"
        )
        data = encoded(Image.new(mode, (4000, 4000)), "PNG", compress_level=1)
        done = subprocess.run([sys.executable, "-c", script], cwd=APP, input=data, capture_output=True, check=True)
        assert 0.8 < int(done.stdout) * 1024 * 1024 / (4000 * 4000 * 4) < times


class TestSizes:
    def test_a_large_photo_has_all(self) -> None:
        picture = imaging.read(encoded(halves(3000, 1500), "JPEG"))
        assert [file.variant for file in picture.files] == [
            Variant("full.jpeg", 2048, 1024),
            Variant("large.jpeg", 1080, 540),
            Variant("medium.jpeg", 640, 320),
            Variant("small.jpeg", 320, 160),
        ]
        assert [decoded(file.data).size for file in picture.files] == [
            (2048, 1024),
            (1080, 540),
            (640, 320),
            (320, 160),
        ]

    def test_a_small_photo_is_not_blown_up(self) -> None:
        picture = imaging.read(encoded(halves(30, 10), "PNG"))
        assert [file.variant for file in picture.files] == [Variant("full.png", 30, 10)]

    def test_a_profile_photo_is_cut_to_a_square(self) -> None:
        picture = imaging.read(encoded(halves(900, 500), "JPEG"), PROFILE_SIZES)
        assert [decoded(file.data).size for file in picture.files] == [(320, 320), (96, 96)]

    def test_a_very_long_photo_keeps_a_pixel_of_width(self) -> None:
        picture = imaging.read(encoded(Image.new("RGB", (1, 5000)), "PNG"))
        assert {file.variant.width for file in picture.files} == {1}

    @pytest.mark.parametrize("image_type", list(ImageType))
    @pytest.mark.parametrize("sizes", [PHOTO_SIZES, PROFILE_SIZES])
    def test_the_row_tells_which_files_there_are(self, image_type: ImageType, sizes: tuple[imaging.Size, ...]) -> None:
        chance = random.Random(1)
        for edge in (50, 400, 1500):
            image = halves(edge, max(1, round(edge * chance.random())))
            picture = imaging.read(encoded(image, image_type.name), sizes)
            told = imaging.variants(picture.type, picture.width, picture.height, sizes)
            assert told == tuple(file.variant for file in picture.files)


class TestAnimations:
    def test_it_still_moves(self) -> None:
        picture = imaging.read(animation(5))
        image = decoded(picture.files[0].data)
        assert (image.n_frames, image.info["duration"], image.info["loop"]) == (5, 70, 0)
        for number in range(5):
            image.seek(number)
            assert image.convert("L").getpixel((number, 0)) < 30

    def test_its_small_sizes_stand_still(self) -> None:
        picture = imaging.read(animation(3, (700, 400)))
        assert [file.variant.name for file in picture.files] == ["full.gif", "medium.webp", "small.webp"]
        assert all(getattr(decoded(file.data), "n_frames", 1) == 1 for file in picture.files[1:])

    def test_a_transparent_one_stays_transparent(self) -> None:
        frames = [Image.new("RGBA", (20, 20), (0, 0, 0, 0)) for _ in range(3)]
        for number, frame in enumerate(frames):
            frame.putpixel((number, 0), (255, 0, 0, 255))
        data = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:], disposal=2)
        image = decoded(imaging.read(data).files[0].data)
        image.seek(2)
        assert [image.convert("RGBA").getpixel((x, 0))[3] for x in range(4)] == [0, 0, 255, 0]

    def test_many_large_frames_are_made_smaller(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(imaging, "MAX_ANIMATION_PIXELS_OUT", 4 * 100 * 50)
        picture = imaging.read(animation(4, (200, 100)))
        assert (picture.width, picture.height) == (100, 50)
        assert decoded(picture.files[0].data).n_frames == 4

    def test_one_without_an_end_is_refused(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(imaging, "MAX_FRAMES", 4)
        assert imaging.read(animation(4)).type is ImageType.GIF
        with pytest.raises(BadImage, match="no máximo 4 quadros"):
            imaging.read(animation(5))

    def test_of_a_profile_photo_the_first_frame_stays(self) -> None:
        picture = imaging.read(animation(3), PROFILE_SIZES)
        assert getattr(decoded(picture.files[0].data), "n_frames", 1) == 1


class TestRefusals:
    def test_more_than_16_megabytes(self) -> None:
        with pytest.raises(TooLarge, match="16 MB"):
            imaging.read(b"\xff\xd8\xff" + bytes(imaging.MAX_BYTES))

    @pytest.mark.parametrize(
        "data",
        [
            b"",
            b"ol\xc3\xa1",
            b"<svg xmlns='http://www.w3.org/2000/svg'/>",
            b"%PDF-1.7",
            b"BM" + bytes(60),
            encoded(halves(), "WEBP"),
            encoded(halves(), "TIFF"),
        ],
        ids=["nothing", "text", "svg", "pdf", "bmp", "webp", "tiff"],
    )
    def test_what_is_none_of_the_three_types(self, data: bytes) -> None:
        with pytest.raises(NotAnImage, match="PNG, JPEG ou GIF"):
            imaging.read(data)

    @pytest.mark.parametrize(
        ("width", "height"), [(30_000, 30_000), (1, 30_000), (9_000, 9_000), (2**31 - 1, 2**31 - 1)]
    )
    def test_a_decompression_bomb(self, width: int, height: int) -> None:
        with pytest.raises(BadImage, match=r"pixels demais|danificada"):
            imaging.read(bomb(width, height))

    @pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF"])
    def test_a_file_cut_off_anywhere_is_refused_or_whole(self, kind: str) -> None:
        whole = animation(3) if kind == "GIF" else encoded(halves(64, 64), kind)
        for length in range(0, len(whole) - 16, max(1, len(whole) // 40)):
            with pytest.raises(BadImage):
                imaging.read(whole[:length])

    @pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF"])
    def test_damage_never_ends_in_another_error(self, kind: str) -> None:
        whole = animation(3) if kind == "GIF" else encoded(halves(64, 64), kind)
        chance = random.Random(7)
        for _ in range(60):
            damaged = bytearray(whole)
            for _ in range(chance.randint(1, 6)):
                damaged[chance.randrange(len(damaged))] = chance.randrange(256)
            try:
                imaging.read(bytes(damaged))
            except BadImage:
                continue

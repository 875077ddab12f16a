"""From an uploaded file to a photo: decoded, checked and encoded anew in several sizes. Knows neither stores nor the web.

Nothing of the uploaded file survives but its pixels: no metadata (the place of the shot among it), no comments, nothing hidden behind or before the image.
What the metadata says of the picture's look, orientation and colours, is applied to the pixels first.

An upload is hostile until decoded. Its size in bytes, its pixels and its frames are looked at before memory is spent on them.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from PIL import Image, ImageCms, ImageOps

from fotogal import container
from fotogal.container import Finding
from fotogal.model import ImageType
from fotogal.refusals import BadImage, NotAnImage, TooLarge

MAX_BYTES = 16 * 1024 * 1024
# A JPEG is decoded at a fraction of its size when that is enough (`draft`), so it may be larger: 108 megapixel cameras exist.
MAX_PIXELS = {ImageType.JPEG: 120_000_000, ImageType.PNG: 40_000_000, ImageType.GIF: 40_000_000}
MAX_EDGE = 20_000
MAX_FRAMES = 300
# Of an animation, all frames together: what may come in (time to decode), and what goes out (memory while it is encoded).
MAX_ANIMATION_PIXELS_IN = 200_000_000
MAX_ANIMATION_PIXELS_OUT = 24_000_000

_TOO_LARGE = "A foto tem mais de 16 MB. Escolha uma menor."
_NOT_AN_IMAGE = "Este arquivo não é uma foto PNG, JPEG ou GIF."
_DAMAGED = "A foto está danificada ou incompleta. Envie o arquivo outra vez."
_TOO_MANY_PIXELS = "A foto tem pixels demais: {width} por {height}. Reduza o tamanho e tente de novo."
_TOO_LONG = "A animação é longa demais: no máximo {frames} quadros, e menos quadros se forem grandes."
_TOO_MANY_PARTS = "A foto é dividida em partes demais. Salve a imagem de novo e tente outra vez."
_HIDDEN = "O arquivo traz outro conteúdo escondido junto com a foto. Salve a imagem de novo e tente outra vez."

# What Pillow's decoders raise on damaged files, beside OSError.
_DECODER_ERRORS = (OSError, SyntaxError, ValueError, EOFError, IndexError, KeyError, OverflowError, TypeError)


@dataclass(frozen=True, slots=True)
class Size:
    """One of the sizes a photo is kept in: at most `edge` pixels along its longer side; `square` if it is cut to one."""

    name: str
    edge: int
    square: bool = False


FULL = "full"
PHOTO_SIZES = (Size(FULL, 2048), Size("large", 1080), Size("medium", 640), Size("small", 320))
PROFILE_SIZES = (Size(FULL, 320, square=True), Size("small", 96, square=True))


@dataclass(frozen=True, slots=True)
class Variant:
    """One size of one photo. `name` is the last part of its object's key, as `small.webp`."""

    name: str
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Encoded:
    variant: Variant
    data: bytes
    content_type: str


@dataclass(frozen=True, slots=True)
class Picture:
    """A photo ready to be stored. The first of `files` is the full size, of type `type`; its measures are `width` and `height`."""

    type: ImageType
    width: int
    height: int
    files: tuple[Encoded, ...]


def variants(
    image_type: ImageType, width: int, height: int, sizes: tuple[Size, ...] = PHOTO_SIZES
) -> tuple[Variant, ...]:
    """The sizes that a photo has whose full size is `width` by `height`, largest first. Pure: a photo's row is enough to know its files.

    A size that would not be smaller than the full one is left out. The full size is of the photo's own type; the small ones
    are JPEG for a JPEG, else WebP, which keeps transparency and is far smaller than PNG.
    """
    ending = "jpeg" if image_type is ImageType.JPEG else "webp"
    full = Variant(f"{FULL}.{image_type}", width, height)
    smaller = [size for size in sizes[1:] if size.edge < max(width, height)]
    return full, *(Variant(f"{size.name}.{ending}", *_fit(width, height, size.edge)) for size in smaller)


def read(data: bytes, sizes: tuple[Size, ...] = PHOTO_SIZES) -> Picture:
    """The photo in `data`. Raises TooLarge, NotAnImage, or BadImage for what is damaged, too big to decode, or more than an image."""
    if len(data) > MAX_BYTES:
        raise TooLarge(_TOO_LARGE)
    image_type = container.image_type(data)
    if image_type is None:
        raise NotAnImage(_NOT_AN_IMAGE)
    match container.look(data, image_type):
        case Finding.HIDES_SOMETHING:
            raise BadImage(_HIDDEN)
        case Finding.CUT_OFF:
            raise BadImage(_DAMAGED)
        case Finding.TOO_MANY_PARTS:
            raise BadImage(_TOO_MANY_PARTS)
    try:
        with Image.open(io.BytesIO(data), formats=[image_type.name]) as source:
            _check_measures(source, image_type)
            return _encode(source, image_type, sizes)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise BadImage("A foto tem pixels demais. Reduza o tamanho e tente de novo.") from error
    except _DECODER_ERRORS as error:
        raise BadImage(_DAMAGED) from error


def _check_measures(source: Image.Image, image_type: ImageType) -> None:
    """Only the header has been read at this point."""
    width, height = source.size
    if width * height > MAX_PIXELS[image_type] or max(width, height) > MAX_EDGE:
        raise BadImage(_TOO_MANY_PIXELS.format(width=width, height=height))


def _encode(source: Image.Image, image_type: ImageType, sizes: tuple[Size, ...]) -> Picture:
    is_photo = not sizes[0].square
    frames = _count_frames(source) if image_type is ImageType.GIF and is_photo else 1
    pixels = _upright(source, sizes[0])
    if frames > 1:
        animation, width, height = _animation(source, frames, sizes[0].edge)
        files = [Encoded(Variant(f"{FULL}.{image_type}", width, height), animation, "image/gif")]
    else:
        width, height = pixels.size
        files = [_still(pixels, Variant(f"{FULL}.{image_type}", width, height))]
    for variant in variants(image_type, width, height, sizes)[1:]:
        # Each size is made from the one above it: less to read, and no worse to look at.
        pixels = pixels.resize((variant.width, variant.height), Image.Resampling.LANCZOS, reducing_gap=2.0)
        files.append(_still(pixels, variant))
    return Picture(image_type, width, height, tuple(files))


def _upright(source: Image.Image, size: Size) -> Image.Image:
    """The first frame's pixels as they are meant to be seen, in RGB or RGBA, no larger than `size` and cut to its shape.

    Made small before anything else is done to them: each step on the full picture would take as much memory again.
    """
    edge = 2 * size.edge if size.square else size.edge
    source.draft("RGB", (edge, edge))
    source.load()
    profile = source.info.get("icc_profile")
    if source.format != "GIF":  # which knows no orientation, and whose frames are still to come
        ImageOps.exif_transpose(source, in_place=True)
    pixels = _full_colour(source)
    if size.square:
        pixels = ImageOps.fit(pixels, (min(size.edge, *pixels.size),) * 2, Image.Resampling.LANCZOS)
    elif max(pixels.size) > size.edge:
        pixels = pixels.resize(_fit(*pixels.size, size.edge), Image.Resampling.LANCZOS, reducing_gap=2.0)
    return _bare(_standard_colours(pixels, profile))


def _full_colour(image: Image.Image) -> Image.Image:
    """In RGBA if something is transparent, else in RGB; four inks stay four, because only their profile says what they are."""
    if image.mode.startswith("I"):  # 16 bits of grey: `convert` would cut them off above 255
        image = image.convert("I").point(lambda value: value / 256).convert("L")
    if image.has_transparency_data:
        return image if image.mode == "RGBA" else image.convert("RGBA")
    return image if image.mode in ("RGB", "CMYK") else image.convert("RGB")


def _standard_colours(image: Image.Image, profile: bytes | None) -> Image.Image:
    """In sRGB, the only colours a browser may assume once the profile is gone. A profile that is broken or of another kind of
    colours is ignored, as browsers do."""
    mode = "RGBA" if image.mode == "RGBA" else "RGB"
    if profile:
        with contextlib.suppress(ImageCms.PyCMSError, OSError, ValueError):
            meant = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            image = ImageCms.profileToProfile(image, meant, ImageCms.createProfile("sRGB"), outputMode=mode) or image
    return image if image.mode == mode else image.convert(mode)


def _bare(image: Image.Image) -> Image.Image:
    """The pixels alone: what Pillow remembers of the file (comments, EXIF, profiles) would be written out again."""
    clean = Image.new(image.mode, image.size)
    clean.paste(image)
    return clean


def _fit(width: int, height: int, edge: int) -> tuple[int, int]:
    """The measures scaled down so that the longer is `edge`."""
    if max(width, height) <= edge:
        return width, height
    if width >= height:
        return edge, max(1, round(height * edge / width))
    return max(1, round(width * edge / height)), edge


def _still(pixels: Image.Image, variant: Variant) -> Encoded:
    kind = variant.name.rpartition(".")[2]
    out = io.BytesIO()
    if kind == "jpeg":
        pixels.convert("RGB").save(out, "JPEG", quality=84, progressive=True, optimize=True)
    elif kind == "webp":
        pixels.save(out, "WEBP", quality=80, method=3)
    elif kind == "png":
        pixels.save(out, "PNG")
    else:
        pixels.save(out, "GIF")
    return Encoded(variant, out.getvalue(), f"image/{kind}")


def _count_frames(source: Image.Image) -> int:
    """The frames of an animation, looked at one by one so that counting ends where the limit is passed."""
    width, height = source.size
    most = min(MAX_FRAMES, max(1, MAX_ANIMATION_PIXELS_IN // (width * height)))
    count = 1
    try:
        while True:
            source.seek(count)
            count += 1
            if count > most:
                raise BadImage(_TOO_LONG.format(frames=MAX_FRAMES))
    except EOFError:  # how Pillow says that there is no further frame
        source.seek(0)
        return count


def _animation(source: Image.Image, count: int, edge: int) -> tuple[bytes, int, int]:
    """The animation encoded anew, scaled down until all its frames together stay within bounds; with its measures."""
    width, height = _fit(*source.size, edge)
    excess = width * height * count / MAX_ANIMATION_PIXELS_OUT
    if excess > 1:
        width, height = max(1, int(width / excess**0.5)), max(1, int(height / excess**0.5))
    frames, durations = [], []
    for number in range(count):
        source.seek(number)
        durations.append(max(20, int(source.info.get("duration", 100))))
        frames.append(_bare(source.convert("RGBA").resize((width, height), Image.Resampling.BICUBIC)))
    loop = source.info.get("loop")
    again = {} if loop is None else {"loop": loop}
    # Where nothing is transparent a frame is drawn over the one before, and only what differs is written.
    is_opaque = all(frame.getchannel("A").histogram()[255] == width * height for frame in frames)
    first, *others = _one_palette(frames) if is_opaque else frames
    out = io.BytesIO()
    first.save(
        out, "GIF", save_all=True, append_images=others, duration=durations, disposal=0 if is_opaque else 2, **again
    )
    return out.getvalue(), width, height


def _one_palette(frames: Sequence[Image.Image]) -> Iterator[Image.Image]:
    """Opaque frames with the 256 colours that suit them all, found in a few small ones: choosing them for each frame takes ten times as long."""
    some = [frame.convert("RGB").resize((96, 96)) for frame in frames[:: max(1, len(frames) // 12)]]
    sheet = Image.new("RGB", (96, 96 * len(some)))
    for number, frame in enumerate(some):
        sheet.paste(frame, (0, 96 * number))
    palette = sheet.quantize(256, Image.Quantize.MEDIANCUT)
    return (frame.convert("RGB").quantize(palette=palette, dither=Image.Dither.NONE) for frame in frames)

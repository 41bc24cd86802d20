"""A picture, small enough for a terminal; decoded by Pillow in a process of its own."""

from __future__ import annotations

import struct
import sys
from importlib.util import find_spec

from hybridchat.attaching import child
from hybridchat.domain.files import Preview, Sixels
from hybridchat.domain.text import clean_line
from hybridchat.errors import UsageError

IN_CELLS = (240, 160)  # pixels: a cell shows two, one over the other
MOST_PIXELS = 100_000_000  # of the picture itself
_COLOURS = 256  # of sixels
_MEMORY_BYTES = 2 << 30
_SIZE = struct.Struct(">HH")


def preview(data: bytes, name: str, most: tuple[int, int] = IN_CELLS) -> Preview:
    """Of at most so many pixels. Blocks. Raises UsageError where it cannot be drawn."""
    return Preview(*_drawn("rgb", data, name, most))


def sixels(data: bytes, name: str, most: tuple[int, int]) -> Sixels:
    """The same, for a terminal that takes these."""
    width, height, sequence = _drawn("sixels", data, name, most)
    return Sixels(width, height, sequence.decode("ascii"))


def _drawn(form: str, data: bytes, name: str, most: tuple[int, int]) -> tuple[int, int, bytes]:
    if find_spec("PIL") is None:
        raise UsageError("pictures are not drawn here", "pip install 'hybridchat[images]'")
    arguments = (form, *map(str, most))
    told = child.run("hybridchat.attaching.previews", arguments, data, clean_line(name, 60))
    return (*_SIZE.unpack_from(told), told[_SIZE.size :])


def _small(form: str, data: bytes, most: tuple[int, int]) -> bytes:
    """Raises ValueError or what Pillow raises."""
    import io

    from PIL import Image, ImageOps

    from hybridchat.attaching.sixel import encode

    Image.MAX_IMAGE_PIXELS = MOST_PIXELS
    with Image.open(io.BytesIO(data), formats=("PNG", "JPEG", "GIF", "WEBP")) as picture:
        picture.draft("RGB", most)
        picture.thumbnail(most)
        upright = ImageOps.exif_transpose(picture).convert("RGBA")
    upright.thumbnail(most)
    ground = Image.new("RGBA", upright.size, (128, 128, 128, 255))
    ground.alpha_composite(upright)
    opaque = ground.convert("RGB")
    if form == "rgb":
        return _SIZE.pack(*opaque.size) + opaque.tobytes()
    few = opaque.quantize(_COLOURS)
    return _SIZE.pack(*few.size) + encode(*few.size, few.tobytes(), bytes(few.getpalette() or ()))


def _main() -> None:
    """One line on standard error and exit code 1 where it cannot be drawn."""
    child.limit(_MEMORY_BYTES, int(child.MOST_S))
    try:
        form, width, height = sys.argv[1:]
        small = _small(form, sys.stdin.buffer.read(), (int(width), int(height)))
    except Exception as error:  # noqa: BLE001 - whatever a hostile picture makes the decoder raise
        sys.stderr.write(f"{type(error).__name__}\n")
        raise SystemExit(1) from None
    child.answer(small)


if __name__ == "__main__":
    _main()

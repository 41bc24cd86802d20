"""A picture, small enough for a terminal's cells; decoded by Pillow in a process of its own."""

from __future__ import annotations

import struct
import sys
from importlib.util import find_spec

from hybridchat.attaching import child
from hybridchat.domain.files import Preview
from hybridchat.domain.text import clean_line
from hybridchat.errors import UsageError

MOST_WIDTH, MOST_HEIGHT = 240, 160  # pixels: a cell shows two, one over the other
MOST_PIXELS = 100_000_000  # of the picture itself
_MEMORY_BYTES = 2 << 30
_SIZE = struct.Struct(">HH")


def preview(data: bytes, name: str) -> Preview:
    """Blocks. Raises UsageError where it cannot be drawn."""
    if find_spec("PIL") is None:
        raise UsageError("pictures are not drawn here", "pip install 'hybridchat[images]'")
    told = child.run("hybridchat.attaching.previews", (), data, clean_line(name, 60))
    width, height = _SIZE.unpack_from(told)
    return Preview(width, height, told[_SIZE.size :])


def _small(data: bytes) -> bytes:
    """Raises ValueError or what Pillow raises."""
    import io

    from PIL import Image, ImageOps

    Image.MAX_IMAGE_PIXELS = MOST_PIXELS
    with Image.open(io.BytesIO(data), formats=("PNG", "JPEG", "GIF", "WEBP")) as picture:
        picture.draft("RGB", (MOST_WIDTH, MOST_HEIGHT))
        picture.thumbnail((MOST_WIDTH, MOST_HEIGHT))
        upright = ImageOps.exif_transpose(picture).convert("RGBA")
    upright.thumbnail((MOST_WIDTH, MOST_HEIGHT))
    ground = Image.new("RGBA", upright.size, (128, 128, 128, 255))
    ground.alpha_composite(upright)
    return _SIZE.pack(*upright.size) + ground.convert("RGB").tobytes()


def _main() -> None:
    """One line on standard error and exit code 1 where it cannot be drawn."""
    child.limit(_MEMORY_BYTES, int(child.MOST_S))
    try:
        small = _small(sys.stdin.buffer.read())
    except Exception as error:  # noqa: BLE001 - whatever a hostile picture makes the decoder raise
        sys.stderr.write(f"{type(error).__name__}\n")
        raise SystemExit(1) from None
    child.answer(small)


if __name__ == "__main__":
    _main()

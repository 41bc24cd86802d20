"""The pages of a database or of its write-ahead log, as bytes: a long text runs on from one page to another.

See https://www.sqlite.org/fileformat2.html: a cell that does not fit ends with the number of its first overflow page,
and an overflow page begins with the number of the next one.
"""

from __future__ import annotations

import mmap
from collections import defaultdict
from collections.abc import Iterator

from msgspec import Struct

from hybridchat.ledger.files import MAGIC

_LOG_MAGICS = (b"\x37\x7f\x06\x82", b"\x37\x7f\x06\x83")
_LOG_HEADER_BYTES, _FRAME_HEADER_BYTES, _NUMBER_BYTES = 32, 24, 4

Content = bytes | mmap.mmap


class Layout(Struct, frozen=True):
    """Where the pages are: by number, each with the offsets of all versions that the file holds."""

    page_bytes: int
    offsets: dict[int, list[int]]

    def all_pages(self) -> Iterator[tuple[int, int]]:
        return ((number, offset) for number, offsets in self.offsets.items() for offset in offsets)


def layout_of(content: Content) -> Layout | None:
    """None for what is neither a database nor a log."""
    offsets: defaultdict[int, list[int]] = defaultdict(list)
    if content[: len(MAGIC)] == MAGIC:
        page_bytes = int.from_bytes(content[16:18], "big")
        page_bytes = 65536 if page_bytes == 1 else page_bytes
        if page_bytes < 512:
            return None
        for number in range(len(content) // page_bytes):
            offsets[number + 1].append(number * page_bytes)
        return Layout(page_bytes, offsets)
    if content[:4] in _LOG_MAGICS and (page_bytes := int.from_bytes(content[8:12], "big")) >= 512:
        frame_bytes = _FRAME_HEADER_BYTES + page_bytes
        for frame in range(_LOG_HEADER_BYTES, len(content) - frame_bytes + 1, frame_bytes):
            number = int.from_bytes(content[frame : frame + _NUMBER_BYTES], "big")
            offsets[number].append(frame + _FRAME_HEADER_BYTES)
        return Layout(page_bytes, offsets)
    return None


def is_split(content: Content, layout: Layout, text: bytes) -> bool:
    """Whether it begins on one page and ends on the one that this names as the next. The larger half is looked for."""
    return len(text) > 1 and (_ends_on_a_page(content, layout, text) or _begins_on_a_page(content, layout, text))


def _ends_on_a_page(content: Content, layout: Layout, text: bytes) -> bool:
    """Its larger part stands at the beginning of an overflow page."""
    least = len(text) - len(text) // 2
    cuts = {text[cut : cut + least]: cut for cut in range(1, len(text) // 2 + 1)}
    for number, offset in layout.all_pages():
        begin = offset + _NUMBER_BYTES
        cut = cuts.get(content[begin : begin + least])
        if cut is None or content[begin : begin + len(text) - cut] != text[cut:]:
            continue
        named = number.to_bytes(_NUMBER_BYTES, "big")
        if content.find(text[:cut] + named) >= 0:
            return True
        ends = (o + layout.page_bytes for _, o in layout.all_pages() if content[o : o + _NUMBER_BYTES] == named)
        if any(content[end - cut : end] == text[:cut] for end in ends):
            return True
    return False


def _begins_on_a_page(content: Content, layout: Layout, text: bytes) -> bool:
    """Its larger part is at the end of what is on a page; the next one begins with the rest."""
    least, at = len(text) - len(text) // 2, -1
    bounds = sorted(offset for _, offset in layout.all_pages())
    while (at := content.find(text[:least], at + 1)) >= 0:
        for cut in range(least, len(text)):
            if content[at : at + cut] != text[:cut]:
                break
            if any(
                _goes_on(content, layout, after, text[cut:])
                for after in _next_numbers(content, layout, bounds, at + cut)
            ):
                return True
    return False


def _next_numbers(content: Content, layout: Layout, bounds: list[int], end: int) -> Iterator[int]:
    """What a piece that ends there may name as the next page: after it, or where its own page begins."""
    from bisect import bisect_left

    yield int.from_bytes(content[end : end + _NUMBER_BYTES], "big")
    begin = bounds[max(bisect_left(bounds, end) - 1, 0)]
    if begin + layout.page_bytes == end:
        yield int.from_bytes(content[begin : begin + _NUMBER_BYTES], "big")


def _goes_on(content: Content, layout: Layout, number: int, rest: bytes) -> bool:
    begins = (offset + _NUMBER_BYTES for offset in layout.offsets.get(number, ()))
    return any(content[begin : begin + len(rest)] == rest for begin in begins)

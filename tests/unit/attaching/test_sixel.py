"""Sixels say each pixel, and no other."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hybridchat.attaching.sixel import encode
from tests.sixels import read

PALETTE = bytes([0, 0, 0, 255, 255, 255, 255, 0, 0, 0, 128, 255])
IN_PERCENT = [(0, 0, 0), (100, 100, 100), (100, 0, 0), (0, 50, 100)]


@given(st.data(), st.integers(1, 9), st.integers(1, 14))
def test_each_pixel_has_its_colour(data: st.DataObject, width: int, height: int) -> None:
    indexes = data.draw(
        st.binary(min_size=width * height, max_size=width * height).map(lambda b: bytes(x % 4 for x in b))
    )
    picture = read(encode(width, height, indexes, PALETTE).decode())
    assert (picture.width, picture.height) == (width, height)
    assert picture.pixels == {(x, y): IN_PERCENT[indexes[y * width + x]] for x in range(width) for y in range(height)}


@pytest.mark.parametrize("width", [3, 4, 255, 1000])
def test_what_is_repeated_is_said_once(width: int) -> None:
    sequence = encode(width, 6, bytes([1]) * width * 6, PALETTE).decode()
    assert len(read(sequence).pixels) == 6 * width
    assert len(sequence) < 50

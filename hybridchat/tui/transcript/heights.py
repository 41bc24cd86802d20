"""Heights of a column of things, and where each begins; changing one costs no more than what lies below it."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from itertools import accumulate


class Heights:
    """Lines per thing, from top to bottom."""

    __slots__ = ("_heights", "_tops")

    def __init__(self, heights: Iterable[int] = ()) -> None:
        self._heights = list(heights)
        self._tops = [0]  # tops[i] is valid up to and including the last one that was asked for

    def __len__(self) -> int:
        return len(self._heights)

    def __getitem__(self, index: int) -> int:
        return self._heights[index]

    def __setitem__(self, index: int, height: int) -> None:
        if self._heights[index] != height:
            self._heights[index] = height
            del self._tops[index + 1 :]

    def append(self, height: int) -> None:
        self._heights.append(height)

    def truncate(self, count: int) -> None:
        del self._heights[count:]
        del self._tops[count + 1 :]

    def top(self, index: int) -> int:
        """The first line of the thing at `index`; `top(len)` is the height of all."""
        known = len(self._tops) - 1
        if index > known:
            self._tops.extend(list(accumulate(self._heights[known:index], initial=self._tops[-1]))[1:])
        return self._tops[index]

    @property
    def total(self) -> int:
        return self.top(len(self._heights))

    def find(self, y: int) -> tuple[int, int]:
        """The thing that covers line `y`, and the line within it; beyond the ends the nearest one."""
        if not self._heights or y >= self.total:
            last = len(self._heights) - 1
            return last, max(0, self._heights[last] - 1) if self._heights else 0
        index = max(0, bisect_right(self._tops, max(0, y)) - 1)
        while index < len(self._heights) - 1 and self._heights[index] == 0:
            index += 1
        return index, max(0, y) - self._tops[index]

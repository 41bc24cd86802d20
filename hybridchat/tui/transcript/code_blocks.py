"""Blocks of code: where they stand, going from one to the next, numbers beside those on the screen."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import NamedTuple

from hybridchat.tui.transcript.blocks import CODE
from hybridchat.tui.transcript.code import CODE as CODE_FILL
from hybridchat.tui.transcript.document import Place
from hybridchat.tui.transcript.fences import CodeBlock, code_blocks
from hybridchat.tui.transcript.layout import Run
from hybridchat.tui.transcript.markdown import fenced
from hybridchat.tui.transcript.pointing import Pointing

_BLOCK: Run = ("██", ("pointer",))
_ALL_OF_IT = 1 << 30


class Standing(NamedTuple):
    """A block of code and its lines, both ends included."""

    block: CodeBlock
    first: Place
    last: Place


class CodeBlocks(Pointing):
    """A block is pointed at by its number in its message, so that it stays the same one whatever the layout."""

    _code: int | None = None
    _standing: Standing | None = None  # that block, where it stands as the lines are now
    _numbers: dict[Place, int] | None = None  # while they are shown, by the line that each stands beside

    # --- what there is

    def code_blocks(self, message_id: int | None = None) -> list[CodeBlock]:
        """The fenced code of one message or of all, in order."""
        chosen = [view.message for view in self.document.views if message_id in (None, view.message.id)]
        return [block for message in chosen for block in code_blocks(message)]

    def _standings(self, index: int) -> list[Standing]:
        """The blocks of one message where they stand now; of code inside lists and quotes, the lines are laid out."""
        found: list[Standing] = []
        message_id = self.document.views[index].message.id
        for number, part in enumerate(self.document.ready(index).parts):
            if part.kind != "text" or part.block is None:
                continue
            block, last = part.block, Place(index, number, _ALL_OF_IT)
            if block.kind != CODE:
                found += self._inside(index, number)
            elif block.is_first:
                code = CodeBlock(block.language, block.text, message_id)
                found.append(Standing(code, Place(index, number, part.gap), last))
            else:
                first = found[-1]
                code = first.block._replace(text=first.block.text + block.joint + block.text)
                found[-1] = Standing(code, first.first, last)
        return found

    def _inside(self, index: int, number: int) -> Iterator[Standing]:
        part = self.document.views[index].parts[number]
        assert part.block is not None
        codes = fenced(part.block.text)
        if not codes:
            return
        self.document.plain(index, number)
        assert part.laid is not None
        filled = groupby(enumerate(part.laid.lines, part.gap), key=lambda line: line[1].fill == CODE_FILL)
        lines = [[at for at, _ in run] for is_code, run in filled if is_code]
        for (language, text), run in zip(codes, lines, strict=False):
            block = CodeBlock(language, text, self.document.views[index].message.id)
            yield Standing(block, Place(index, number, run[0]), Place(index, number, run[-1]))

    # --- pointing at one

    @property
    def pointed_code(self) -> CodeBlock | None:
        return self._standing.block if self._standing else None

    def settle(self) -> None:
        self._standing = self._pointed_standing() if self.document.width else None
        super().settle()

    def _pointed_standing(self) -> Standing | None:
        message = self.pointed
        if self._code is None or message is None:
            return None
        standings = self._standings(self.document.index(message.id))
        return standings[self._code] if self._code < len(standings) else None

    def point_at(self, message_id: int | None) -> None:
        self._code = None
        super().point_at(message_id)

    def code_step(self, by: int) -> bool:
        """Points at the next block of code (1), or the one before (-1), from where one is; False: there is none."""
        top = self._standing.first if self._standing else self._where()
        if top is None:
            return False
        views = self.document.views
        order = range(top.view, len(views)) if by > 0 else range(top.view, -1, -1)
        for index in order:
            if not _has_fence(views[index].message.text):
                continue
            if _has_fence(views[index].hidden):
                self.unfold(index)
            standings = self._standings(index)
            ahead = [n for n, one in enumerate(standings) if (one.first > top if by > 0 else one.first < top)]
            if ahead:
                self._point_at_code(index, ahead[0 if by > 0 else -1], standings)
                return True
        return False

    def _where(self) -> Place | None:
        """Just before what the pointer is at, or before the top of the window; going back begins there too."""
        if self.pointed is not None and self.pointed.id in self.in_sight():
            return Place(self.document.index(self.pointed.id), 0, 0)
        return self._places[0]._replace(line=self._places[0].line - 1) if self._places else None

    def _point_at_code(self, index: int, number: int, standings: list[Standing]) -> None:
        self._pointed, self._code = self.document.views[index].message.id, number
        first, last = standings[number].first, standings[number].last
        bottom = self._places[-1] if self._places else first
        if first in self._places and (last < bottom or last[:2] < bottom[:2]):
            self.settle()
        else:
            self.show(self.document.up(first, 1))

    # --- numbers

    def number_code(self) -> list[CodeBlock]:
        """Shows numbers, from 1, at the blocks on the screen; returns these. Until `clear_numbers`, nothing moves."""
        self._is_following = False
        shown: list[Standing] = []
        self._numbers = {}
        for index in dict.fromkeys(place.view for place in self._places):
            for standing in self._standings(index):
                lines = [place for place in self._places if standing.first <= place <= standing.last]
                if lines:
                    shown.append(standing)
                    self._numbers[lines[0]] = len(shown)
        self.settle()
        return [standing.block for standing in shown]

    def clear_numbers(self) -> None:
        self._numbers = None
        self.settle()

    def sign(self, place: Place) -> Run | None:
        if self._numbers and place in self._numbers:
            return (f"{self._numbers[place]:<2}", ("hint",))
        if self._standing is not None and self._standing.first <= place <= self._standing.last:
            return _BLOCK
        return super().sign(place)


def _has_fence(text: str) -> bool:
    return "```" in text or "~~~" in text

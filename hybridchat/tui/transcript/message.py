"""One message as the transcript holds it: parts that are laid out one by one, and only when they are looked at."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from hybridchat.domain.chat import Message, MessageState, Role
from hybridchat.domain.links import Link
from hybridchat.domain.text import clean, clean_line, count_of
from hybridchat.tui.transcript.blocks import CODE, Block, Splitter
from hybridchat.tui.transcript.heights import Heights
from hybridchat.tui.transcript.layout import Laid, Line, Look, Page, Prose, Run
from hybridchat.tui.transcript.markdown import References, lay_out, links_in, read_references
from hybridchat.tui.words import seconds

WAITING = "…"
HEAD_LINES = 20
"""Of a folded message."""
FOLD_WIDTH = 100
"""Characters: longer lines count as several, so that folding does not depend on the screen."""
_LOOK = Look()
_NO_HEIGHTS = Heights()  # of all that are not ready

Describe = Callable[[Message], tuple[str, str]]
"""The header and footer of a message, as the app words them."""


class Part:
    """A block of the text, or a line of our own around it: header | attached | fold | thinking | text | more | status |
    footer."""

    __slots__ = ("block", "gap", "is_growing", "kind", "laid", "runs", "width")

    def __init__(self, kind: str, *, block: Block | None = None, runs: tuple[Run, ...] = (), gap: int = 0) -> None:
        self.kind = kind
        self.block = block  # None for a line of our own, which cannot be selected
        self.runs = runs
        self.gap = gap  # empty lines before it
        self.is_growing = False
        self.laid: Laid | None = None
        self.width = 0

    def estimate(self, width: int) -> int:
        """Its height in lines: exact if it is laid out, else a guess that costs next to nothing."""
        if self.laid is not None and self.width == width:
            return self.height
        return self.gap + (_guess(self.block.text, width) if self.block else 1)

    @property
    def height(self) -> int:
        """Lines, once it is laid out; what shows nothing has no gap either."""
        assert self.laid is not None
        return self.gap + len(self.laid.lines) if self.laid.lines else 0

    def lay(self, width: int, references: References, prose_cells: int) -> Laid:
        if self.laid is None or self.width != width:
            self.laid = self._lay(width, references, prose_cells)
            self.width = width
        return self.laid

    def _lay(self, width: int, references: References, prose_cells: int) -> Laid:
        if self.block is not None:
            return lay_out(self.block, width, references, prose_cells=prose_cells, is_growing=self.is_growing)
        page = Page(max(1, width), prose_cells)
        prose = Prose()
        for text, style in self.runs:
            prose.add(text, style)
        page.paragraph(prose)
        return Laid([Line(line.runs) for line in page.lines], "")  # nothing of it can be selected


class _Stream:
    """A text that grows: cleaned, and cut into blocks."""

    def __init__(self, text: str, *, is_markdown: bool, is_raw: bool) -> None:
        self.blocks: list[Block] = []
        self._splitter = Splitter(is_markdown=is_markdown, is_raw=is_raw)
        self._raw: list[str] = []
        self._held = ""  # a carriage return, until it is known whether it belongs to a line end
        self.feed(text)

    def feed(self, raw: str) -> None:
        self._raw.append(raw)
        raw = self._held + raw
        self._held = "\r" if raw.endswith("\r") else ""
        self._splitter.feed(clean(raw.removesuffix("\r").replace("\r\n", "\n")))
        self.blocks += self._splitter.take()

    @property
    def raw(self) -> str:
        """What came so far."""
        self._raw = ["".join(self._raw)]
        return self._raw[0]

    def growing(self) -> list[Block]:
        return self._splitter.growing()

    @property
    def definitions(self) -> tuple[str, ...]:
        """After `growing`: the link reference definitions so far."""
        return self._splitter.growing_definitions


class _Streams(NamedTuple):
    text: _Stream
    thinking: _Stream


class MessageView:
    """A message, its parts and their heights. Until `ready` is called it costs an estimate and nothing more."""

    __slots__ = (
        *("message", "look", "status", "is_unfolded", "parts", "heights", "width", "references"),
        *("_is_folded", "_describe", "_streams", "_placed", "_stable", "_definitions"),
    )

    def __init__(self, message: Message, describe: Describe, look: Look = _LOOK, *, is_unfolded: bool = False) -> None:
        self.message = message
        self.look = look
        self.status = ""
        self.is_unfolded = is_unfolded  # its thinking
        self._is_folded: bool | None = None  # the message itself, if the user said so
        self.parts: list[Part] = []
        self.heights = _NO_HEIGHTS
        self.width = 0
        self._describe = describe
        self._streams: _Streams | None = None
        self._placed = 0  # finished blocks of the text that are in `parts`
        self._stable = 0  # parts that will not change any more
        self._definitions: tuple[str, ...] = ()
        self.references: References = {}

    @property
    def is_open(self) -> bool:
        return self._streams is not None

    @property
    def _open(self) -> _Streams:
        assert self._streams is not None, "only a message that is ready has parts"
        return self._streams

    def estimate(self, width: int) -> int:
        """Lines of the whole message: a guess, unless it is ready."""
        if self.is_open and self.width == width:
            return self.heights.total
        text = self.message.text
        newlines = text.count("\n")  # once: all messages are asked
        lines = newlines + 1 + len(text) // max(1, width)
        return (min(lines, HEAD_LINES) if self._folds(newlines) else lines) + 3

    def ready(self, width: int) -> None:
        """Has its parts, and for each a height at this width, measured or guessed."""
        if not self.is_open:
            self._split()
            self.rebuild()
        if self.width != width:
            self.width = width
            self.heights = Heights(part.estimate(width) for part in self.parts)

    def close(self) -> None:
        """Back to an estimate, to save memory."""
        self._streams = None
        self.parts, self.heights, self.width = [], _NO_HEIGHTS, 0
        self._definitions, self.references = (), {}

    def _split(self) -> None:
        text, thinking = self.message.text, self.message.thinking
        if self.is_streaming and self._streams is not None:  # what has streamed is nowhere else
            text, thinking = (stream.raw for stream in self._streams)
        is_raw = self.look.is_raw
        shown = text[: _head(text)] if self.is_folded else text
        self._streams = _Streams(
            _Stream(shown, is_markdown=self.message.role is Role.ASSISTANT, is_raw=is_raw),
            _Stream(thinking, is_markdown=True, is_raw=is_raw),
        )

    # --- long messages

    @property
    def is_folded(self) -> bool:
        """Shows its first lines alone. What streams, and what was read while it streamed, stays as it is."""
        return self._folds(self.message.text.count("\n"))

    def _folds(self, newlines: int) -> bool:
        if self._is_folded is not None:
            return self._is_folded and not self.is_streaming
        most = self.look.fold_lines
        return bool(most) and newlines + len(self.message.text) // FOLD_WIDTH >= most and not self.is_streaming

    @property
    def hidden(self) -> str:
        """What a folded message does not show."""
        return self.message.text[_head(self.message.text) :] if self.is_folded else ""

    @property
    def can_fold(self) -> bool:
        return not self.is_streaming and _head(self.message.text) < len(self.message.text)

    def fold(self, is_folded: bool) -> None:
        self._is_folded = is_folded
        if self.is_open:
            self._split()
            self.rebuild()

    def measure(self, index: int) -> int:
        """Lays a part out; its height in lines."""
        part = self.parts[index]
        part.lay(self.width, self.references, self.look.prose_cells)
        self.heights[index] = part.height
        return part.height

    @property
    def may_link(self) -> bool:
        """False only where a look at the text tells that there is no link in it."""
        texts = (self.message.text, self.message.thinking)
        return self.is_streaming or any(mark in text for text in texts for mark in ("://", "](", "]:", "<"))

    def links(self) -> list[Link]:
        """Of the text, then of the thinking; the message is ready."""
        blocks = [block for stream in self._open for block in (*stream.blocks, *stream.growing())]
        return links_in(blocks, self.references)

    # --- changes

    def append(self, pieces: list[tuple[str, bool]]) -> None:
        """Takes more text, with whether it is thinking; the parts follow."""
        for text, is_thinking in pieces:
            (self._open.thinking if is_thinking else self._open.text).feed(text)
        if any(is_thinking for _, is_thinking in pieces) or not self._placed:
            self.rebuild()
        else:
            self.refresh()

    def wear(self, look: Look) -> None:
        """Another look: all is laid out anew."""
        is_cut_otherwise = (look.is_raw, look.fold_lines) != (self.look.is_raw, self.look.fold_lines)
        self.look = look
        if self.is_open:
            if is_cut_otherwise:
                self._split()
            for part in self.parts:
                part.laid = None
            self.width = 0
            self.rebuild()

    def unfold(self, is_unfolded: bool) -> None:
        self.is_unfolded = is_unfolded
        if self.is_open:
            self.rebuild()

    def replace(self, message: Message) -> None:
        """The message as it is now; while it streams, its text is what was appended."""
        if self.is_streaming and self._is_folded is None:
            self._is_folded = False  # it does not close while it is read
        self.message = message
        if not self.is_open:
            return
        text, thinking = self._open
        if not self.is_streaming and (text.raw, thinking.raw) != (message.text, message.thinking):
            self._split()
        self.rebuild()

    def rebuild(self) -> None:
        """All parts anew."""
        kept = {part.block: part for part in self.parts if part.block is not None}
        self.parts, self._placed = [], 0
        self.heights = Heights()
        header, _ = self._describe(self.message)
        self._put(Part("header", runs=((clean_line(header), ("who", self.tone)),), gap=self.look.gap_lines))
        for file in self.message.attachments:
            self._put(Part("attached", runs=((f"+ {file}", ("muted",)),)))
        self._put_thinking(kept)
        self._put_text(kept)

    def refresh(self) -> None:
        """After `append` of text: the new finished blocks, and those that still grow."""
        old = {part.block: part for part in self.parts[self._stable :] if part.block is not None}
        del self.parts[self._stable :]
        self.heights.truncate(self._stable)
        self._put_text(old)

    def _put_thinking(self, kept: dict[Block, Part]) -> None:
        thinking = self._open.thinking
        growing = thinking.growing()
        if not (thinking.blocks or growing):
            return
        mark = "▾" if self.is_unfolded else "▸"
        self._put(Part("fold", runs=((f"{mark} {self._thinking_label()}", ("thinking",)),)))
        if self.is_unfolded:
            for block in (*thinking.blocks, *growing):
                self._put(_reuse(kept, "thinking", block))

    def _put_text(self, kept: dict[Block, Part]) -> None:
        text, thinking = self._open
        for block in text.blocks[self._placed :]:
            self._put(self._text_part(kept, block))
        self._placed, self._stable = len(text.blocks), len(self.parts)
        growing = text.growing()
        for block in growing:
            self._put(self._text_part(kept, block, is_growing=self.is_streaming))
        self._refer((*thinking.definitions, *text.definitions))
        self._put_tail(is_empty=not (growing or self._placed))

    def _text_part(self, kept: dict[Block, Part], block: Block, *, is_growing: bool = False) -> Part:
        part = _reuse(kept, "text", block, is_growing=is_growing)
        part.gap = 1 if self.parts[-1].kind == "thinking" else block.gap
        return part

    def _put_tail(self, *, is_empty: bool) -> None:
        if self.is_streaming:
            if is_empty:
                self._put(Part("status", runs=((clean_line(self.status) or WAITING, ("muted",)),)))
            return
        if hidden := self.hidden:
            self._put(Part("more", runs=((f"▸ {_how_much(hidden)}", ("thinking",)),)))
        _, footer = self._describe(self.message)
        if footer:
            is_broken = self.message.state in (MessageState.FAILED, MessageState.INTERRUPTED)
            why, figures = _split_footer(clean_line(footer, 400)) if is_broken else ("", clean_line(footer, 400))
            self._put(Part("footer", runs=((why, ("note",)), (figures, ("muted",)))))

    def _put(self, part: Part) -> None:
        self.parts.append(part)
        self.heights.append(part.estimate(self.width) if self.width else 1)

    def _refer(self, definitions: tuple[str, ...]) -> None:
        if definitions == self._definitions:
            return
        self._definitions, self.references = definitions, read_references(definitions)
        for part in self.parts:
            if part.block is not None and "[" in part.block.text:
                part.laid = None

    @property
    def is_streaming(self) -> bool:
        return self.message.state is MessageState.STREAMING

    @property
    def tone(self) -> str:
        """Who speaks: the name of a colour."""
        if self.message.role is not Role.ASSISTANT:
            return "you"
        attempt = self.message.attempt
        return "reply" if attempt is None else "local" if attempt.zone.is_local else "managed"

    def _thinking_label(self) -> str:
        if self.message.thinking_ms is not None:
            return f"thought for {seconds(self.message.thinking_ms / 1000)}"
        has_text = bool(self._open.text.blocks or self._open.text.growing())
        return "thinking…" if self.is_streaming and not has_text else "thought"


def _reuse(kept: dict[Block, Part], kind: str, block: Block, *, is_growing: bool = False) -> Part:
    """The part that already shows this block, if its layout still holds; a growing block of code is highlighted
    provisionally and must be drawn again when it is finished."""
    part = kept.pop(block, None)
    if part is None or part.kind != kind or (part.is_growing != is_growing and block.kind == CODE):
        part = Part(kind, block=block, gap=block.gap)
    part.is_growing = is_growing
    return part


def _split_footer(footer: str) -> tuple[str, str]:
    """Why a reply broke, and the figures after it."""
    why, dot, figures = footer.partition(" · ")
    return why, dot + figures


def _head(text: str) -> int:
    """Where the first lines end that a folded message shows; the length of a text that is no longer than these."""
    end = -1
    for _ in range(HEAD_LINES):
        end = text.find("\n", end + 1)
        if end < 0:
            end = len(text)
            break
    return min(end, HEAD_LINES * FOLD_WIDTH)


def _how_much(hidden: str) -> str:
    lines = hidden.count("\n")
    return f"{count_of(lines, 'more line')}" if lines else f"{count_of(len(hidden), 'more character')}"


def _guess(text: str, width: int) -> int:
    return text.count("\n") + 1 + len(text) // max(1, width)

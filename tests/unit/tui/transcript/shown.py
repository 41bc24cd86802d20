"""What the tests of the transcript share: messages, and the lines that they come out as."""

from __future__ import annotations

from hypothesis import strategies as st

from hybridchat.domain.chat import Message, MessageState, Role
from hybridchat.tui.transcript.cells import shown
from hybridchat.tui.transcript.document import Document, Place
from hybridchat.tui.transcript.layout import fit


def message(text: str, id: int = 1, role: Role = Role.ASSISTANT, **more: object) -> Message:
    return Message(id, 1, None, role, text, "2026-01-01T00:00:00Z", **more)  # type: ignore[arg-type]


def user(text: str, id: int = 1) -> Message:
    return message(text, id, Role.USER)


def streaming(id: int = 1) -> Message:
    return message("", id, state=MessageState.STREAMING)


def describe(message: Message) -> tuple[str, str]:
    return message.role.value, "" if message.role is Role.USER else "footer"


def document(*messages: Message, width: int = 60) -> Document:
    it = Document(describe)
    it.resize(width)
    it.set(messages)
    return it


def every_place(it: Document) -> list[Place]:
    return list(it.rows(Place(0, 0, 0), 1 << 30))


def every_line(it: Document) -> list[str]:
    """All lines as the screen shows them, without trailing blanks."""
    return ["".join(shown(text) for text, _ in it.line(place).runs).rstrip() for place in every_place(it)]


def body(text: str, width: int = 60, role: Role = Role.ASSISTANT) -> list[str]:
    """One message's lines between its header and its footer."""
    lines = every_line(document(message(text, role=role), width=width))[2:]
    return lines[:-1] if role is Role.ASSISTANT else lines


def fitted(it: Document, width: int) -> list[list[tuple[str, tuple[str, ...]]]]:
    return [fit(it.line(place).runs, width, it.line(place).fill) for place in every_place(it)]


_FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466"
_FLAGS = "\U0001f1e9\U0001f1ea\U0001f1eb\U0001f1f7"
_PIECES = [
    *("word ", "a long-winded explanation of things ", "\n", "\n\n", "- ", "  - ", "* ", "1. ", "2) ", "# ", "### "),
    *("> ", "```python\n", "```\n", "``", "~~~", "`code`", "**", "*", "_", "~~", "[a]", "[a]: http://x.y\n", "    "),
    *("(http://x.y/z)", "| a | b |\n", "|---|:-:|\n", "---\n", "===\n", "\t", "<b>", "<!-- ", "&amp;", "&#x202e;"),
    *("&#27;", "\\[", "\\]", "$$", "$x_1$", "![i](u)", "你好世界", _FAMILY, _FLAGS, "e\u0301", "\u200d", "\ufe0f"),
    *("❤\ufe0f", "שלום", "مرحبا", "\x1b[31m", "\x9b2J", "\u202e", "\x00", "\r\n", "\r", "\U000e0041", "\\", "'''"),
    *("/*", "x" * 90, "def f(x):\n    return x\n"),
]

markdown_texts = st.lists(
    st.one_of(st.sampled_from(_PIECES), st.text(max_size=5), st.characters(codec=None)), max_size=40
).map("".join)

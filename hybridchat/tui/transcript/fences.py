"""Fenced code of a message, as the screen draws it and as `--plain` takes it out. Knows no Textual."""

from __future__ import annotations

from typing import NamedTuple

from hybridchat.domain.chat import Message, Role
from hybridchat.domain.text import clean
from hybridchat.tui.transcript.blocks import CODE, Splitter
from hybridchat.tui.transcript.markdown import fenced


class CodeBlock(NamedTuple):
    """Fenced code of a message, without the fence."""

    language: str
    text: str
    message_id: int


def code_blocks(message: Message) -> list[CodeBlock]:
    """In order."""
    splitter = Splitter(is_markdown=message.role is Role.ASSISTANT)
    splitter.feed(clean(message.text.replace("\r\n", "\n")))
    found: list[CodeBlock] = []
    for block in (*splitter.take(), *splitter.growing()):
        if block.kind != CODE:
            found += [CodeBlock(language, code, message.id) for language, code in fenced(block.text)]
        elif block.is_first:
            found.append(CodeBlock(block.language, block.text, message.id))
        else:
            found[-1] = found[-1]._replace(text=found[-1].text + block.joint + block.text)
    return found

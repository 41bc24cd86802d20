"""A conversation for people (markdown, html) and for programs (json). But for html, texts go out as they are: raw."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, TextIO

import msgspec

from hybridchat.domain.chat import Conversation, Message, MessageState
from hybridchat.export.html import write_html
from hybridchat.export.words import extent, heading

Writer = Callable[[Conversation, Sequence[Message], TextIO], None]

_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})(.*)")


def write_markdown(conversation: Conversation, messages: Sequence[Message], stream: TextIO) -> None:
    """A heading per message, with what is known about where the reply was computed."""
    stream.write("\n".join(_markdown(conversation, messages)) + "\n")


def _markdown(conversation: Conversation, messages: Sequence[Message]) -> Iterator[str]:
    yield f"# {conversation.title}"
    about = (conversation.created_at, str(conversation.privacy), extent(conversation, messages))
    yield f"\n{' · '.join(filter(None, about))}"
    if conversation.system:
        yield f"\n## System\n\n{close_fence(conversation.system)}"
    for message in messages:
        yield f"\n## {heading(message)}"
        if message.thinking:
            yield "\n" + "\n".join(f"> {line}".rstrip() for line in message.thinking.splitlines())
        if message.text:
            yield f"\n{close_fence(message.text)}"
        state = "" if message.state is MessageState.COMPLETE else message.state
        if ending := ": ".join(filter(None, (state, message.note))):
            yield f"\n*{ending}*"


def close_fence(text: str) -> str:
    """A reply that was cut inside a code block must not swallow what follows it."""
    fence = ""
    for line in text.splitlines():
        found = _FENCE.match(line)
        if found is None:
            continue
        mark, rest = found.groups()
        if not fence:
            fence = mark if mark[0] == "~" or "`" not in rest else ""
        elif mark.startswith(fence) and not rest.strip():
            fence = ""
    return f"{text}\n{fence}" if fence else text


def write_json(conversation: Conversation, messages: Sequence[Message], stream: TextIO) -> None:
    """One object: the conversation's fields and `messages`, root first, each with its last attempt or null."""
    document = {**msgspec.structs.asdict(conversation), "messages": messages}
    stream.write(msgspec.json.format(msgspec.json.encode(document), indent=2).decode() + "\n")


def _write_page(conversation: Conversation, messages: Sequence[Message], stream: TextIO) -> None:
    write_html([(conversation, messages)], [conversation.title], stream)


class Format(NamedTuple):
    suffix: str
    write: Writer


FORMATS: dict[str, Format] = {
    "markdown": Format(".md", write_markdown),
    "json": Format(".json", write_json),
    "html": Format(".html", _write_page),
}

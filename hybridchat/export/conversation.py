"""A conversation for people (markdown, html) and for programs (json). But for html, texts go out as they are: raw."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple, TextIO

import msgspec
from msgspec import Struct
from msgspec.structs import asdict

from hybridchat.domain.chat import Conversation, Message, MessageState
from hybridchat.domain.compare import Compared
from hybridchat.export.branches import Tree
from hybridchat.export.html import write_html
from hybridchat.export.words import extent, heading, leaves, place


class Along(Struct, frozen=True):
    """What goes along with the messages where the format has room for it: contents of attachments by their digest, as
    far as they do, and the conversation's comparisons with their votes."""

    contents: Mapping[str, bytes] = {}
    comparisons: Sequence[Compared] = ()


Writer = Callable[[Conversation, Sequence[Message], TextIO, Along], None]

_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})(.*)")


def write_markdown(conversation: Conversation, messages: Sequence[Message], stream: TextIO, along: Along) -> None:
    """A heading per message, with what is known about where the reply was computed; of attachments a line. Of several
    branches the one that is shown first, then each other from where it leaves."""
    stream.write("\n".join(_markdown(conversation, messages)) + "\n")


def _markdown(conversation: Conversation, messages: Sequence[Message]) -> Iterator[str]:
    tree = Tree(messages, conversation.active_leaf_id)
    count = len(tree.branches)
    yield f"# {conversation.title}"
    about = (conversation.created_at, str(conversation.privacy), extent(conversation, messages, count))
    yield f"\n{' · '.join(filter(None, about))}"
    if conversation.system:
        yield f"\n## System\n\n{close_fence(conversation.system)}"
    for number, branch in enumerate(tree.branches, 1):
        if number > 1:
            yield f"\n# Branch {number:,} of {count:,}, after {leaves(branch)}"
        for message in branch.messages:
            yield f"\n## {' · '.join(filter(None, (heading(message), place(tree, message))))}"
            yield from _said(message)


def _said(message: Message) -> Iterator[str]:
    if message.attachments:
        yield "\n" + "\n".join(f"- attached: {file}" for file in message.attachments)
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


def write_json(conversation: Conversation, messages: Sequence[Message], stream: TextIO, along: Along) -> None:
    """One object: the conversation's fields and `messages`, root first, each with its last attempt or null, and its
    attachments with their content in base64, or null where that is left out; then `comparisons` of these messages, each
    with its sides and its vote or null."""
    told = [_with_contents(message, along.contents) if message.attachments else message for message in messages]
    here = {message.id for message in messages}
    compared = [one for one in along.comparisons if not here.isdisjoint(side.message_id for side in one.sides)]
    document = {**asdict(conversation), "messages": told, "comparisons": compared}
    stream.write(msgspec.json.format(msgspec.json.encode(document), indent=2).decode() + "\n")


def _with_contents(message: Message, contents: Mapping[str, bytes]) -> dict[str, object]:
    files = [{**asdict(file), "data": contents.get(file.digest)} for file in message.attachments]
    return {**asdict(message), "attachments": files}


def _write_page(conversation: Conversation, messages: Sequence[Message], stream: TextIO, along: Along) -> None:
    write_html([(conversation, messages)], [conversation.title], stream)


class Format(NamedTuple):
    suffix: str
    write: Writer
    is_whole: bool = False  # has room for what goes along


FORMATS: dict[str, Format] = {
    "markdown": Format(".md", write_markdown),
    "json": Format(".json", write_json, is_whole=True),
    "html": Format(".html", _write_page),
}

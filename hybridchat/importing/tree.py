"""From another program's messages to a tree of ours: only what has words, each after its parent, however deep.

A run of messages of the model and its tools with nothing else between them is one reply.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from msgspec import Struct
from msgspec.structs import replace

from hybridchat.domain.chat import Role
from hybridchat.domain.imports import ImportedMessage
from hybridchat.domain.text import clean_line

MOST_JOINED = 200_000  # characters


class Node(Struct, frozen=True):
    """A message's place; `message` is None where there is nothing to keep. Its own `parent` is not looked at."""

    parent: str | None
    message: ImportedMessage | None = None


def grow(nodes: Mapping[str, Node], leaf: str | None) -> tuple[tuple[ImportedMessage, ...], str | None]:
    """The messages, each after its parent and siblings by time, and the origin of the active leaf: the node `leaf`, or
    the last one. A circle is cut open."""
    below: dict[str | None, list[str]] = {}
    for name, node in nodes.items():
        below.setdefault(node.parent if node.parent in nodes else None, []).append(name)
    grown: dict[str, ImportedMessage] = {}
    place: dict[str, str | None] = {}  # of each node: the name of what it became, or of what it follows
    for root in (*_oldest_first(nodes, below.get(None, [])), *nodes):  # the latter are in circles, or grown already
        waiting: list[tuple[str, str | None, bool]] = [(root, None, False)]
        while waiting:
            name, above, is_only = waiting.pop()
            if name in place:
                continue
            message = nodes[name].message
            if message is None:
                place[name] = above
            elif above is not None and is_only and _is_one_reply(grown[above], message):
                grown[above] = _joined(grown[above], message)
                place[name] = above
            else:
                grown[name] = replace(message, parent=grown[above].origin if above is not None else None)
                place[name] = name
            children = _oldest_first(nodes, below.get(name, []))
            is_only = len(children) == 1 and (is_only or message is not None)
            waiting.extend((child, place[name], is_only) for child in reversed(children))
    active = place.get(leaf) if leaf is not None else None
    active = active or next(reversed(grown), None)
    return tuple(grown.values()), grown[active].origin if active is not None else None


def _oldest_first(nodes: Mapping[str, Node], names: list[str]) -> list[str]:
    def time_of(name: str) -> str:
        message = nodes[name].message
        return message.created_at if message is not None else ""

    return sorted(names, key=time_of)


def _is_one_reply(before: ImportedMessage, message: ImportedMessage) -> bool:
    """Not without end: each time the whole reply is put together anew."""
    is_reply = before.role is Role.ASSISTANT and message.role is Role.ASSISTANT
    return is_reply and len(before.text) + len(before.thinking) < MOST_JOINED


def _joined(first: ImportedMessage, second: ImportedMessage) -> ImportedMessage:
    return replace(
        first,
        text=join(first.text, second.text),
        thinking=join(first.thinking, second.thinking),
        model=second.model or first.model,
    )


def join(*texts: str) -> str:
    """Paragraphs, without empty ones."""
    return "\n\n".join(text for text in texts if text.strip())


def fenced(text: str, language: str = "") -> str:
    """As a block of code, whatever is in it; "" for nothing."""
    if not text.strip():
        return ""
    fence = "`" * max(3, 1 + max(map(len, re.findall("`+", text)), default=0))
    info = language if language.isalnum() and language != "unknown" else ""
    return f"{fence}{info}\n{text.rstrip()}\n{fence}"


def of_tool(name: str, text: str, language: str = "") -> str:
    """What a tool was told, or said."""
    block = fenced(text, language)
    return f"*{clean_line(name, 60)}:*\n\n{block}" if name and block else block


def attached(names: Iterable[str]) -> str:
    """A line for each thing that went along with a message and is not here."""
    return "\n".join(f"[attached: {clean_line(name, 100) or 'a file'}]" for name in dict.fromkeys(names))

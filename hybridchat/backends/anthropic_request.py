"""What goes to Anthropic's Messages: blocks of content, marks for the prompt cache, thinking that is given back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from hybridchat.backends.attachments import cannot_go
from hybridchat.domain.attachments import Attachment
from hybridchat.domain.chat import ChatMessage, ChatRequest, Role

_Json = dict[str, Any]

_LEAST_BUDGET = 1024  # tokens, of a thinking budget


class Thought(Struct, omit_defaults=True):
    """One block of thinking that came: how much of the reply's thinking it is and its signature, or what was redacted
    instead. The API wants these blocks back unchanged and in their order."""

    characters: int = 0
    signature: str = ""
    redacted: str = ""


def signature_of(thoughts: Sequence[Thought]) -> str:
    """What `ChatMessage.signature` is over this protocol; the words themselves stay in `thinking`."""
    return msgspec.json.encode(thoughts).decode()


def request_body(request: ChatRequest, *, max_tokens: int, fields: Mapping[str, Any], may_sample: bool) -> bytes:
    """The JSON of a streaming request. `fields` ask for the effort.

    The cache is told to keep everything up to the system prompt, and up to the last message: later turns read it. For a
    question that nothing will follow it is not told: to write costs a quarter more than not to.
    Raises UsageError for an attachment that is neither image, PDF nor text.
    """
    given = request.parameters
    system: list[_Json] = [{"type": "text", "text": m.text} for m in request.messages if m.role is Role.SYSTEM]
    turns = [(message.role, list(_content(message))) for message in request.messages if message.role is not Role.SYSTEM]
    for blocks in (system, *(content for _, content in turns[-1:])):
        if blocks and request.will_go_on:
            blocks[-1]["cache_control"] = {"type": "ephemeral"}
    body: _Json = {
        "model": request.model,
        "max_tokens": max_tokens,
        "messages": [{"role": role, "content": content} for role, content in turns],
        "stream": True,
        **_with_a_budget_that_fits(fields, max_tokens),
    }
    options = {
        "system": system or None,
        "stop_sequences": given.stop or None,
        "temperature": given.temperature if may_sample else None,
        "top_p": given.top_p if may_sample else None,
    }
    body |= {name: value for name, value in options.items() if value is not None}
    return msgspec.json.encode(body)


def _content(message: ChatMessage) -> Iterator[_Json]:
    yield from _thinking(message)
    for attachment in message.attachments:
        yield _attached(attachment)
    if message.text:
        yield {"type": "text", "text": message.text}


def _thinking(message: ChatMessage) -> list[_Json]:
    """None where it is not what was signed: a changed block would have the whole request refused."""
    if not message.signature:
        return []
    try:
        thoughts = msgspec.json.decode(message.signature, type=list[Thought])
    except msgspec.DecodeError:
        return []
    blocks: list[_Json] = []
    at = 0
    for thought in thoughts:
        words = message.thinking[at : at + thought.characters]
        at += thought.characters
        if thought.redacted:
            blocks.append({"type": "redacted_thinking", "data": thought.redacted})
        elif thought.signature:
            blocks.append({"type": "thinking", "thinking": words, "signature": thought.signature})
    return blocks if at <= len(message.thinking) else []


def _attached(attachment: Attachment) -> _Json:
    media_type, data = attachment.media_type, attachment.data  # bytes become base64 in JSON
    if media_type.startswith("image/"):
        return {"type": "image", "source": {"type": "base64", "media_type": media_type, "data": data}}
    if media_type == "application/pdf":
        source: _Json = {"type": "base64", "media_type": media_type, "data": data}
    elif attachment.text is not None:
        source = {"type": "text", "media_type": "text/plain", "data": attachment.text}
    else:
        raise cannot_go(attachment, "images, PDF documents and text")
    return {"type": "document", "source": source, "title": attachment.name}


def _with_a_budget_that_fits(fields: Mapping[str, Any], max_tokens: int) -> Mapping[str, Any]:
    """Thinking and answer share `max_tokens`, and half of it is for the answer; with too little left, no thinking."""
    budget = fields.get("thinking", {}).get("budget_tokens")
    if budget is None or budget <= max_tokens // 2:
        return fields
    if max_tokens // 2 < _LEAST_BUDGET:
        return {name: value for name, value in fields.items() if name != "thinking"}
    return {**fields, "thinking": {**fields["thinking"], "budget_tokens": max_tokens // 2}}

"""What goes to Gemini: contents made of parts, and the signatures of thinking on the parts that they came with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from hybridchat.backends.attachments import cannot_go, titled_text
from hybridchat.backends.http_backend import percent_encoded
from hybridchat.domain.attachments import Attachment
from hybridchat.domain.chat import ChatMessage, ChatRequest, Role
from hybridchat.errors import UsageError

_ROLES = {Role.USER: "user", Role.ASSISTANT: "model"}
_INLINE = ("image/", "audio/", "video/", "application/pdf")

_Json = dict[str, Any]


class SignedPart(Struct, omit_defaults=True):
    """A part that came with a signature: where it lies in the reply's text, or in its thinking. The API wants such a
    part back by itself, joined with no other."""

    begin: int
    characters: int
    signature: str
    is_thinking: bool = False


def signature_of(parts: Sequence[SignedPart]) -> str:
    """What `ChatMessage.signature` is over this protocol; the words themselves stay in `text` and `thinking`."""
    return msgspec.json.encode(parts).decode()


def model_path(model: str) -> str:
    """models/NAME, or the name as it is where it says what it is (tunedModels/…). Raises UsageError for no name."""
    segments = (model if "/" in model else f"models/{model}").split("/")
    if {"", ".", ".."} & set(segments):
        raise UsageError(f"{model!a} is not the name of a model", "`hybridchat models` lists them")
    return "".join(f"/{percent_encoded(segment)}" for segment in segments)


def request_body(request: ChatRequest, *, fields: Mapping[str, Any], may_sample: bool) -> bytes:
    """The JSON of a request. `fields` ask for the effort. The API keeps its prompt cache by itself.

    Raises UsageError for an attachment that cannot go.
    """
    given = request.parameters
    options = {
        "temperature": given.temperature if may_sample else None,
        "topP": given.top_p if may_sample else None,
        "maxOutputTokens": given.max_tokens,
        "stopSequences": given.stop or None,
        "seed": given.seed,
    }
    config = {**fields, **{name: value for name, value in options.items() if value is not None}}
    body: _Json = {
        "contents": [
            {"role": _ROLES[message.role], "parts": list(_parts(message))}
            for message in request.messages
            if message.role is not Role.SYSTEM
        ],
    }
    if system := [{"text": message.text} for message in request.messages if message.role is Role.SYSTEM]:
        body["systemInstruction"] = {"parts": system}
    if config:
        body["generationConfig"] = config
    return msgspec.json.encode(body)


def _parts(message: ChatMessage) -> Iterator[_Json]:
    for attachment in message.attachments:
        yield _attached(attachment)
    signed = _signed(message)
    for part in signed:
        if part.is_thinking:
            words = message.thinking[part.begin : part.begin + part.characters]
            yield {"text": words, "thought": True, "thoughtSignature": part.signature}
    at = 0
    for part in signed:
        if part.is_thinking:
            continue
        if part.begin > at:
            yield {"text": message.text[at : part.begin]}
        at = part.begin + part.characters
        yield {"text": message.text[part.begin : at], "thoughtSignature": part.signature}
    if at < len(message.text):
        yield {"text": message.text[at:]}


def _signed(message: ChatMessage) -> list[SignedPart]:
    """None where it is not what was signed."""
    if not message.signature:
        return []
    try:
        parts = msgspec.json.decode(message.signature, type=list[SignedPart])
    except msgspec.DecodeError:
        return []
    fits = all(
        0 <= part.begin <= part.begin + part.characters <= len(message.thinking if part.is_thinking else message.text)
        for part in parts
    )
    return parts if fits else []


def _attached(attachment: Attachment) -> _Json:
    if attachment.media_type.startswith(_INLINE):  # bytes become base64 in JSON
        return {"inlineData": {"mimeType": attachment.media_type, "data": attachment.data}}
    if attachment.text is not None:
        return {"text": titled_text(attachment)}
    raise cannot_go(attachment, "images, sound, video, PDF documents and text")

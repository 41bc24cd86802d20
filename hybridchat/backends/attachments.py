"""What goes along with a message, as OpenAI's two APIs and those who speak them take it."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Iterator
from typing import Any

from msgspec import Struct

from hybridchat.domain.attachments import Attachment
from hybridchat.domain.chat import ChatMessage
from hybridchat.errors import UsageError

_Json = dict[str, Any]


class Parts(Struct, frozen=True):
    """How an API writes the parts of a message: of a text, of a picture's data URL, of a document's name and data URL
    (None: it takes no documents)."""

    text: Callable[[str], _Json]
    image: Callable[[str], _Json]
    document: Callable[[str, str], _Json] | None = None


def content(message: ChatMessage, parts: Parts) -> str | list[_Json]:
    """The plain text where nothing is attached. Raises UsageError for an attachment that the API does not take."""
    return list(_parts(message, parts)) if message.attachments else message.text


def _parts(message: ChatMessage, parts: Parts) -> Iterator[_Json]:
    for attachment in message.attachments:
        yield _attached(attachment, parts)
    if message.text:
        yield parts.text(message.text)


def _attached(attachment: Attachment, parts: Parts) -> _Json:
    if attachment.media_type.startswith("image/"):
        return parts.image(_data_url(attachment))
    if attachment.media_type == "application/pdf" and parts.document is not None:
        return parts.document(attachment.name, _data_url(attachment))
    if attachment.text is not None:
        return parts.text(titled_text(attachment))
    raise cannot_go(attachment, "images, PDF documents and text" if parts.document else "images and text")


def titled_text(attachment: Attachment) -> str:
    """A text as words of the message, for APIs that have no documents of that kind."""
    return f"{attachment.name}:\n\n{attachment.text}"


def cannot_go(attachment: Attachment, what_can: str) -> UsageError:
    return UsageError(f"{attachment.name}: {attachment.media_type} cannot go to this API", f"{what_can} can")


def _data_url(attachment: Attachment) -> str:
    return f"data:{attachment.media_type};base64,{b64encode(attachment.data).decode()}"

"""The user's words for conversations: short, lower case, one blank between words."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress

from hybridchat.domain.text import clean_line
from hybridchat.errors import UsageError

LONGEST = 40  # characters
_NOT_IN_TAGS = '",'  # they part tags from each other


def tag_of(text: str) -> str:
    """As it is stored and searched. Raises UsageError for what cannot be a tag."""
    tag = clean_line(text, 1000).casefold()
    if not tag or len(tag) > LONGEST or set(tag) & set(_NOT_IN_TAGS):
        raise UsageError(
            f"{clean_line(text, LONGEST)!r} is no tag", f"a tag has 1 to {LONGEST} characters, no quote and no comma"
        )
    return tag


def tags_among(texts: Iterable[object]) -> tuple[str, ...]:
    """Of what another program calls tags; what cannot be one here is left out."""
    tags = []
    for text in texts:
        with suppress(UsageError):
            tags += [tag_of(text)] if isinstance(text, str) else []
    return merged(tags)


def tags_of(text: str) -> tuple[str, ...]:
    """Of a line with commas between them. Raises as `tag_of`."""
    return merged(tag_of(part) for part in text.split(",") if part.strip())


def merged(tags: Iterable[str]) -> tuple[str, ...]:
    """Each once, in order of the alphabet."""
    return tuple(sorted(set(tags)))

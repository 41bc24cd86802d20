"""A file named after @ in the composer: what is typed of it, and which names it may mean."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

_MENTION = re.compile(r"""(?<!\S)@(?:"([^"]*)|([^\s"]*))$""")  # in the middle of a word, as in an address, it is none
_OUTSIDE = re.compile(r"[/~]|\.\.?(?:/|$)|[A-Za-z]:[\\/]")
_LONGEST_PATH = 4_096
MOST_RANKED = 200


class Mention(NamedTuple):
    """`begin` is the column of the @ in its line."""

    begin: int
    typed: str

    @property
    def is_path(self) -> bool:
        """Typed from its root on, or from here: then it is looked for in that one folder, whatever is ignored."""
        return _OUTSIDE.match(self.typed) is not None

    @property
    def base(self) -> str:
        """What is typed before the last name; "" or with a / at its end."""
        return "".join(self.typed.rpartition("/")[:2]) if self.is_path else ""

    @property
    def query(self) -> str:
        return self.typed[len(self.base) :]

    @property
    def folder(self) -> Path:
        from hybridchat.session.files import path_of  # not on the way to the first screen

        return path_of(self.base or ".")

    @property
    def wants_hidden(self) -> bool:
        return any(part.startswith(".") and part not in (".", "..") for part in self.typed.split("/"))


def mention_in(line: str) -> Mention | None:
    """What stands before the cursor in its line."""
    found = _MENTION.search(line)
    return None if found is None else Mention(found.start(), found[1] if found[1] is not None else found[2])


def as_mark(name: str) -> str:
    """How a text names what goes along with it."""
    return f'@"{name}"' if re.search(r"\s", name) else f"@{name}"


def ranked(names: Sequence[str], query: str) -> list[tuple[str, tuple[int, ...]]]:
    """Those that have the query's letters in that order, best first, and which letters those are. Blocks."""
    if not query:
        return [(name, ()) for name in names[:MOST_RANKED]]
    from textual.fuzzy import FuzzySearch

    wanted = re.compile(".*?".join(map(re.escape, query.casefold())))
    found = [name for name in names if wanted.search(name.casefold())]
    begins, folded = re.compile(rf"(?:^|/){re.escape(query.casefold())}"), query.casefold()
    found.sort(key=lambda name: (not begins.search(name.casefold()), folded not in name.casefold(), len(name)))
    search = FuzzySearch()
    scored = [(name, *search.match(query, name)) for name in found[:MOST_RANKED]]
    scored.sort(key=lambda one: (not begins.search(one[0].casefold()), -one[1]))
    return [(name, tuple(hits)) for name, _, hits in scored]


def dropped_path(pasted: str) -> Path | None:
    """The file whose path a terminal pastes when it is dropped there; None for any other text."""
    text = pasted.strip()
    if not text or "\n" in text or len(text) > _LONGEST_PATH:
        return None
    if text.startswith("file://"):
        place = text.removeprefix("file://").removeprefix("localhost")
        return Path(_decoded(place)) if place.startswith("/") else None
    if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"":
        text = text[1:-1]
    elif "\\ " in text:
        text = re.sub(r"\\(.)", r"\1", text)
    if not re.match(r"/|~/|[A-Za-z]:[\\/]", text):
        return None
    from hybridchat.session.files import path_of

    path = path_of(text)
    return path if path.is_absolute() else None


def _decoded(path: str) -> str:
    """Of a URL: %20 is a space."""
    octets = re.sub(rb"%([0-9A-Fa-f]{2})", lambda code: bytes([int(code[1], 16)]), path.encode(errors="replace"))
    return octets.decode(errors="replace")

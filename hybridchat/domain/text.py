"""Untrusted text: whatever a model, a server, a file or a title says, made inert for the terminal.

Cleaning is one `str.translate`: stateless per character, so it cannot be split across chunks. Raw text stays in the ledger.
"""

from __future__ import annotations


def clean(raw: str) -> str:
    """Inert text for screen, clipboard, title, notification, terminal: C0 except newline and tab → control pictures,
    DEL, C1 and bidi controls → visible marks, tags, VS17–256 and zero-width except ZWJ/ZWNJ dropped, surrogates → U+FFFD."""
    raise NotImplementedError


def clean_line(raw: str, limit: int = 200) -> str:
    """`clean`, white space folded to single blanks, cut with … after `limit` characters."""
    raise NotImplementedError


def title_of(raw: str, limit: int = 60) -> str:
    """A conversation's title: the first line with words, cleaned and cut at a word."""
    raise NotImplementedError

"""Words for the full-text index: what is written without blanks between words is taken character by character.

A search for some characters in a row is then one for a phrase, and finds them in the middle of a run too.
"""

from __future__ import annotations

import re
import sqlite3
from functools import cache

SEPARATOR = "\u200b"  # no width, and no part of a word for the index


@cache  # it takes a millisecond, which a start has not
def _unspaced() -> re.Pattern[str]:
    """Thai and Lao, Burmese, Khmer, kana, Han; numbers and Latin between them stay words."""
    return re.compile(
        "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff"
        "\uf900-\ufaff\uff66-\uff9f\U00020000-\U0003ffff]"
    )


def separated(text: str) -> str:
    """The text with a separator around each such character."""
    return text if text.isascii() else _unspaced().sub(rf"{SEPARATOR}\g<0>{SEPARATOR}", text)


def joined(text: str) -> str:
    return text.replace(SEPARATOR, "")


def teach(connection: sqlite3.Connection) -> None:
    """The index's triggers and views call `separated`; a blob, because damaged characters must not stop them."""
    connection.create_function(
        "separated", 1, lambda raw: separated(raw.decode("utf-8", "replace")), deterministic=True
    )

"""The user's words for conversations."""

from __future__ import annotations

import pytest

from hybridchat.domain.tags import tag_of, tags_of
from hybridchat.errors import UsageError


def test_a_tag_is_one_clean_lower_line() -> None:
    assert tag_of("  To\n READ\x1b ") == "to read␛"
    assert tags_of("work, Work , a,") == ("a", "work")
    assert tags_of("") == ()


@pytest.mark.parametrize("text", ["", "  ", "x" * 41, 'a"b', "a,b"])
def test_what_is_no_tag(text: str) -> None:
    with pytest.raises(UsageError, match="is no tag"):
        tag_of(text)

"""Actions are found by words: their own, and those that people would try."""

from __future__ import annotations

import pytest

from hybridchat.tui.actions import ACTIONS
from hybridchat.tui.matching import OTHER_WORDS, rank

IN_PALETTE = [action for action in ACTIONS if action.in_palette]


def found(query: str) -> list[str]:
    """Ids, the best first."""
    ranked = [(rank(query, action), action.id) for action in IN_PALETTE]
    return [name for score, name in sorted(ranked, key=lambda one: -one[0]) if score]


def test_each_is_found_first_by_its_title_in_any_order() -> None:
    for action in IN_PALETTE:
        words = action.title.rstrip("…").split()
        assert found(" ".join(words))[0] == action.id
        assert action.id in found(" ".join(reversed(words)))[:3], action.title


def test_each_is_found_by_each_name_after_a_slash() -> None:
    assert [
        (a.id, name)
        for a in IN_PALETTE
        for name in a.names
        if name != "?" and a.id not in found(name.replace("-", " "))[:5]
    ] == []


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("remove conversation", "delete_chat"),
        ("how do I delete a chat", "delete_chat"),
        ("delte", "delete_chat"),
        ("incognito", "new_off_record"),
        ("second opinion", "escalate"),
        ("switch model", "route"),
        ("colors", "theme"),
        ("dark", "theme"),
        ("preferences", "settings"),
        ("shortcuts", "help"),
        ("exit", "quit"),
        ("api token", "set_key"),
        ("clipboard answer", "copy_reply"),
        ("restore conversation", "undo_delete"),
        ("spending limit", "budget"),
        ("cancel", "stop"),
        ("download", "export_chat"),
        ("migrate", "import_chats"),
        ("favourite", "star_chat"),
        ("label", "tag_chat"),
        ("history", "chats"),
        ("grep", "search"),
        ("offline", "privacy"),
        ("sidebar", "toggle_panel"),
        ("regenerate", "answer_again"),
        ("temperature", "tune"),
        ("upload image", "attach"),
        ("template", "prompts"),
        ("nc", "new_chat"),
        ("browser", "links"),
    ],
)
def test_likely_words_lead_there(query: str, wanted: str) -> None:
    assert wanted in found(query)[:4]


def test_nonsense_finds_nothing() -> None:
    assert found("xyzzy") == found("delete xyzzy") == []


def test_other_words_are_of_actions_that_there_are() -> None:
    assert OTHER_WORDS.keys() - {action.id for action in ACTIONS} == set()

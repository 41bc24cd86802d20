"""The one table of actions: complete, without clashes, and short enough for its places."""

from __future__ import annotations

import re
from collections import Counter

from textual._ansi_sequences import ANSI_SEQUENCES_KEYS

from hybridchat.tui.actions import ACTIONS, GROUPS, key_name, short_key
from hybridchat.tui.app import HybridChatApp
from hybridchat.tui.keymap import bindings
from hybridchat.tui.keymap_files import keys_markdown
from hybridchat.tui.screens.chat import ChatScreen
from hybridchat.tui.slashes import Call, call_in
from hybridchat.tui.transcript.widget import Transcript
from hybridchat.tui.widgets.composer import Composer

OWNERS = {"composer": Composer, "chat": ChatScreen, "transcript": Transcript, "app": HybridChatApp}


def test_every_action_can_be_done_where_it_says() -> None:
    missing = [action.id for action in ACTIONS if not hasattr(OWNERS[action.where], f"action_{action.id}")]
    assert missing == []


def test_no_id_and_no_key_twice() -> None:
    twice = [n for n, count in Counter(a.id for a in ACTIONS).items() if count > 1]
    assert twice == []
    places = [{"transcript", "chat", "app"}, {"composer", "chat", "app"}]  # that hear a key one after the other
    for where in places:
        keys = Counter(key for a in ACTIONS if a.where in where for key in a.keys)
        assert [key for key, count in keys.items() if count > 1] == []


def test_what_the_palette_has_has_a_key() -> None:
    """But for leaving the composer, which F7 and Tab do; a keymap may give it one."""
    assert [action.id for action in ACTIONS if action.in_palette and not action.keys] == ["leave"]


def test_what_the_palette_has_is_a_slash_command_by_names_of_its_own() -> None:
    assert [action.id for action in ACTIONS if bool(action.names) is not action.in_palette] == []
    names = [name for action in ACTIONS for name in action.names]
    assert len(names) == len(set(names))
    assert [
        name for name in names if call_in(f"/{name}") != Call(name) or call_in(f"/{name} x") != Call(name, "x")
    ] == []


def test_a_terminal_can_send_every_key() -> None:
    """Alt is an escape before the character; some of these pairs are other keys."""
    taken = {"\x1b" + key.removeprefix("alt+") for a in ACTIONS for key in a.keys if re.fullmatch("alt\\+.", key)}
    assert taken & ANSI_SEQUENCES_KEYS.keys() == set()


def test_every_action_has_a_binding_with_its_id() -> None:
    bound = {binding.id for where in OWNERS for binding in bindings(where) if not isinstance(binding, tuple)}
    assert bound == {action.id for action in ACTIONS if action.keys}


def test_the_footer_fits_eighty_columns() -> None:
    words = [f"{short_key(a.keys[0])} {a.footer}" for a in ACTIONS if a.footer]
    assert len("  ".join(words)) <= 76


def test_a_line_of_help_fits_eighty_columns() -> None:
    long = [
        a.id for a in ACTIONS if len(a.title) > 28 or len(a.help) > 48 or len(", ".join(map(key_name, a.keys[:2]))) > 19
    ]
    assert long == []


def test_keys_as_people_read_them() -> None:
    assert key_name("ctrl+shift+n") == "Ctrl+Shift+N"
    assert key_name("escape") == "Esc"
    assert key_name("ctrl+underscore") == "Ctrl+_"
    assert key_name("question_mark") == "?"
    assert key_name("pageup") == "PgUp"
    assert short_key("ctrl+n") == "^N"


def test_the_page_of_keys_names_every_action() -> None:
    page = keys_markdown()
    assert all(f"| {action.title} |" in page and f"| `{action.id}` |" in page for action in ACTIONS)
    assert all(f"## {group}" in page for group in GROUPS)

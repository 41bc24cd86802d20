"""Keymaps: the user's over the shipped one over the table; a mistake costs its own line."""

from __future__ import annotations

from pathlib import Path

import pytest

from hybridchat.tui.actions import ACTIONS
from hybridchat.tui.keymap import DEFAULT, Keymap
from hybridchat.tui.keymap_files import SHIPPED, keys_markdown, load_keymap, normal_key

NAMES = [file.stem for file in SHIPPED.glob("*.toml")]


def load(tmp_path: Path, text: str, shipped: str = "default") -> tuple[Keymap, list[str]]:
    file = tmp_path / "keymap.toml"
    file.write_text(text, encoding="utf-8")
    keymap, problems = load_keymap(shipped, file)
    return keymap, [str(problem).removeprefix(str(tmp_path)).removeprefix("/") for problem in problems]


@pytest.mark.parametrize("name", NAMES)
def test_a_shipped_keymap_has_no_mistakes(name: str) -> None:
    keymap, problems = load_keymap(name, None)
    assert problems == []
    assert keymap.keys.keys() == DEFAULT.keys.keys()
    assert all(keymap.of(action) for action in ("help", "quit", "commands", "stop", "send", "write"))


def test_without_a_file_the_tables_own(tmp_path: Path) -> None:
    assert load_keymap("default", tmp_path / "keymap.toml") == (DEFAULT, [])


def test_keys_of_ones_own(tmp_path: Path) -> None:
    text = 'new_chat = "Alt+Shift+N"\nchats = ["ctrl+o", "f11"]\ndelete_chat = []\n'
    keymap, problems = load(tmp_path, text)
    assert problems == []
    assert keymap.of("new_chat") == ("alt+shift+n",)
    assert keymap.names("chats") == "Ctrl+O, F11"
    assert keymap.names("chats", 8) == "Ctrl+O"
    assert keymap.of("delete_chat") == ()
    assert keymap.of("send") == ("enter",)


def test_they_go_before_the_shipped_ones(tmp_path: Path) -> None:
    keymap, problems = load(tmp_path, 'write = "insert"\n', "vim")
    assert problems == []
    assert keymap.of("write") == ("insert",)
    assert keymap.of("scroll_down") == ("j", "down")


def test_an_action_without_a_key_is_named_by_its_title(tmp_path: Path) -> None:
    keymap, _ = load(tmp_path, "chats = []")
    assert keymap.name("chats") == "“Open a chat”"
    assert keymap.short("chats") == ""


@pytest.mark.parametrize(
    ("text", "complaints"),
    [
        ("\nnew = = 1", ["keymap.toml:2: not valid TOML: invalid value"]),
        (
            'new_chats = "f11"',
            ['keymap.toml:1: new_chats: there is no such action — did you mean "new_chat"? docs/keys.md lists them'],
        ),
        ('zzz = "f11"', ["keymap.toml:1: zzz: there is no such action — docs/keys.md lists them"]),
        (
            "\nchats = 3",
            ['keymap.toml:2: chats: is neither a key nor a list of keys — such as "ctrl+n", ["f2", "alt+r"] or []'],
        ),
        (
            'chats = "ctlr+o"',
            ['keymap.toml:1: chats: "ctlr+o" is no key — such as "ctrl+n", "alt+up", "f5" or "?"'],
        ),
        ('send = "s"', ['keymap.toml:1: send: "s" is typed there — a key with Ctrl or Alt']),
        (
            'chats = "ctrl+n"',
            ["keymap.toml:1: chats: Ctrl+N is taken from new_chat — give that another key, or new_chat = []"],
        ),
        (
            'chats = "f11"\n\nroute = "f11"',
            ["keymap.toml:3: route: F11 is the key of chats already — another key"],
        ),
        ('caret = "i"', ["keymap.toml:1: caret: i is taken from write — give that another key, or write = []"]),
    ],
)
def test_mistakes_are_one_line_each(tmp_path: Path, text: str, complaints: list[str]) -> None:
    _, problems = load(tmp_path, text)
    assert problems == complaints


def test_a_mistake_costs_its_own_line_alone(tmp_path: Path) -> None:
    text = 'foo = "f11"\nchats = ["oops", "f11"]\nroute = 1\nnew_chat = "alt+shift+n"\nprivacy = "nokey"\n'
    keymap, problems = load(tmp_path, text)
    assert len(problems) == 4
    assert keymap.of("chats") == ("f11",)
    assert keymap.of("route") == DEFAULT.of("route")
    assert keymap.of("privacy") == DEFAULT.of("privacy")
    assert keymap.of("new_chat") == ("alt+shift+n",)


def test_whoever_lost_a_key_keeps_the_others(tmp_path: Path) -> None:
    keymap, problems = load(tmp_path, 'read = "f10"\n')
    assert len(problems) == 1
    assert keymap.of("commands") == ("ctrl+p",)


def test_a_key_freed_in_the_same_file_is_no_clash(tmp_path: Path) -> None:
    keymap, problems = load(tmp_path, 'chats = "ctrl+n"\nnew_chat = "ctrl+o"\n')
    assert problems == []
    assert (keymap.of("chats"), keymap.of("new_chat")) == (("ctrl+n",), ("ctrl+o",))


def test_the_composer_and_the_transcript_may_share_a_key(tmp_path: Path) -> None:
    assert load(tmp_path, 'recall = "ctrl+a"\n')[1] == []


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "keymap.toml").write_bytes(b"\xff")
    keymap, (problem,) = load_keymap("default", tmp_path / "keymap.toml")
    assert "keymap.toml: cannot be read" in str(problem)
    assert keymap == DEFAULT


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("Ctrl+N", "ctrl+n"),
        ("shift+ctrl+n", "ctrl+shift+n"),
        ("shift+n", "N"),
        ("?", "question_mark"),
        ("ctrl+_", "ctrl+underscore"),
        ("ctrl++", "ctrl+plus"),
        ("+", "plus"),
        ("Esc", "escape"),
        ("alt+PgUp", "alt+pageup"),
        ("F12", "f12"),
        ("space", "space"),
        ("ö", "ö"),
        ("", None),
        ("ctrl+", None),
        ("+n", None),
        ("ctrl", None),
        ("strg+n", None),
        ("ctrl+nn", None),
        ("\n", None),
    ],
)
def test_keys_as_people_write_them(text: str, key: str | None) -> None:
    assert normal_key(text) == key


def test_the_tables_keys_are_written_as_a_file_would_have_them() -> None:
    assert [key for action in ACTIONS for key in action.keys if normal_key(key) != key] == []


def test_the_pages_example_has_no_mistakes(tmp_path: Path) -> None:
    assert load(tmp_path, keys_markdown().split("```toml\n")[1].split("```")[0])[1] == []

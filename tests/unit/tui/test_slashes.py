"""What is typed after a slash: a command, or words."""

from __future__ import annotations

import pytest

from hybridchat.tui.slashes import BY_NAME, Call, as_typed, call_in, no_such, route_in, words_of


@pytest.mark.parametrize(
    ("text", "call"),
    [
        ("/", Call("")),
        ("/new", Call("new")),
        ("/New ", Call("new")),
        ("/rename A new title", Call("rename", "A new title")),
        ("/open off-1", Call("open", "off-1")),
        ("/?", Call("?")),
        ("/nope", Call("nope")),
        ("/new\n", Call("new")),
    ],
)
def test_calls(text: str, call: Call) -> None:
    assert call_in(text) == call


@pytest.mark.parametrize(
    "text",
    [
        *("", " /new", "new", "//", "//new", "// a comment", "/usr/bin is what?", "/usr/", "/ new", "/etc.conf"),
        *("/3 of it", "/*comment*/", "/new\nand more", "/new/\n"),
    ],
)
def test_words(text: str) -> None:
    assert call_in(text) is None


@pytest.mark.parametrize(
    "words", ["/", "/new", "//", "//new", "/usr/bin is what?", "hello", "// a\n// b", "/new\nmore"]
)
def test_words_that_are_put_back_are_sent_as_they_were(words: str) -> None:
    typed = as_typed(words)
    assert call_in(typed) is None
    assert words_of(typed) == words


@pytest.mark.parametrize(
    ("name", "near"), [("priv", "/privacy"), ("privcay", "/privacy"), ("renmae", "/rename"), ("zzz", "")]
)
def test_an_unknown_one_is_told_with_the_nearest(name: str, near: str) -> None:
    said = str(no_such(name, BY_NAME))
    assert f"there is no command /{name}" in said and "begin with //" in said
    assert ("did you mean" in said) is bool(near) and near in said


@pytest.mark.parametrize(("argument", "route"), [("lab", ("lab", None)), ("openai  gpt 5 ", ("openai", "gpt 5"))])
def test_a_route_is_a_place_and_perhaps_a_model(argument: str, route: tuple[str, str | None]) -> None:
    assert route_in(argument) == route

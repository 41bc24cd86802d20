"""The links of a message are those that it shows, whatever Markdown made of them."""

from __future__ import annotations

import pytest
from hypothesis import given

from hybridchat.domain.chat import Message, Role
from hybridchat.tui.transcript.layout import leads_to
from tests.unit.tui.transcript.shown import document, every_place, markdown_texts, message


def links(of: Message) -> list[tuple[str, str]]:
    return [(link.text, link.url) for link in document(of).ready(0).links()]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("[the **docs**](https://a.example/b)", [("the docs", "https://a.example/b")]),
        ("[a][r]\n\nmore\n\n[r]: https://a.example", [("a", "https://a.example")]),
        (
            "<https://a.example> <jane@a.example>",
            [("https://a.example", "https://a.example"), ("jane@a.example", "mailto:jane@a.example")],
        ),
        ("![a cat](https://a.example/cat.png)", [("[image: a cat]", "https://a.example/cat.png")]),
        (
            "[![cat](https://i.example)](https://a.example)",
            [("[image: cat]", "https://i.example"), ("", "https://a.example")],
        ),
        ("| h |\n|---|\n| [x](https://a.example) |", [("x", "https://a.example")]),
        ("- item\n\n  > [x](https://a.example)", [("x", "https://a.example")]),
        (
            "(see https://a.example/b_(c), or https://b.example.)",
            [("https://a.example/b_(c)",) * 2, ("https://b.example",) * 2],
        ),
        ("https://аррӏе.example/ä", [("https://аррӏе.example/ä", "https://xn--80ak6aa92e.example/%C3%A4")]),
        ("[x](javascript:alert(1)) [x](file:///etc/passwd) [x](data:text/html,x)", []),
        ("`https://a.example` and\n\n```\nhttps://a.example\n```", []),
        ("[x](<https://a.example/\x1b]0;owned\x07>)", [("x", "https://a.example/%E2%90%9B%5D0;owned%E2%90%87")]),
        ("no link: at all, a.example", []),
    ],
)
def test_links(text: str, found: list[tuple[str, str]]) -> None:
    assert links(message(text)) == found


def test_links_of_thinking_come_last_and_those_of_users_are_text() -> None:
    both = message("[a](https://a.example)", thinking="[b](https://b.example)")
    assert [url for _, url in links(both)] == ["https://a.example", "https://b.example"]
    assert links(message("[a](https://a.example)", role=Role.USER)) == []


@given(markdown_texts)
def test_what_can_be_clicked_is_in_the_list(text: str) -> None:
    it = document(message(text))
    shown = {leads_to(style) for place in every_place(it) for _, style in it.line(place).runs} - {""}
    assert shown <= {link.url for link in it.ready(0).links()}

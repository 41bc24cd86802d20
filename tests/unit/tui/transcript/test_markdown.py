"""What Markdown looks like, and what it copies as."""

from __future__ import annotations

import pytest

from hybridchat.domain.chat import Role
from hybridchat.tui.transcript.blocks import Splitter
from hybridchat.tui.transcript.layout import Style
from hybridchat.tui.transcript.markdown import lay_out, read_references
from hybridchat.tui.transcript.selection import Selection, Spot, extract
from hybridchat.tui.transcript.tables import column_widths
from tests.unit.tui.transcript.shown import body, document, every_line, message


def styles_of(text: str, word: str) -> Style:
    """The styles of the run that holds a word."""
    splitter = Splitter()
    splitter.feed(text)
    blocks = [*splitter.take(), *splitter.growing()]
    references = read_references(splitter.growing_definitions)
    lines = [line for block in blocks for line in lay_out(block, 80, references, prose_cells=80).lines]
    runs = [run for line in lines for run in line.runs]
    return next(style for part, style in runs if word in part)


def copied(text: str, width: int = 30, role: Role = Role.ASSISTANT) -> str:
    it = document(message(text, role=role), width=width)
    last = it.last()
    return extract(it, Selection(Spot(0, 0, 0), Spot(last.view, last.part, 1 << 30)))


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("# Head\nunder", ["Head", "under"]),
        ("- a\n- b\n  1. c\n  2. d\n     - e", ["• a", "• b", "  1. c", "  2. d", "     ▪ e"]),
        ("- [ ] open\n- [x] done", ["• [ ] open", "• [x] done"]),
        ("> a\n> > b", ["▎ a", "▎", "▎ ▎ b"]),
        ("- a\n\n  b", ["• a", "", "  b"]),
        ("-\n- a", ["•", "• a"]),
        ("[text](http://x.y)", ["text (http://x.y)"]),
        ("<http://x.y>", ["http://x.y"]),
        ("[http://x.y](http://x.y)", ["http://x.y"]),
        ("[a][1]\n\n[1]: http://x.y", ["a (http://x.y)"]),
        ("![A cat](c.png)", ["[image: A cat] (c.png)"]),
        ("a <b>c</b>", ["a <b>c</b>"]),
        ("<div>\n*x*\n</div>", ["<div>", "*x*", "</div>"]),
        (r"$a_1 * b_2 * c$ and \(x_1 * y_1 * z\)", [r"$a_1 * b_2 * c$ and \(x_1 * y_1 * z\)"]),
        (r"- so \begin{cases}*a* \\ *b*\end{cases}", [r"• so \begin{cases}*a* \\ *b*\end{cases}"]),
        (r"- \begin{x} *a*", [r"• \begin{x} a"]),
        ("costs $5 or *$6*", ["costs $5 or $6"]),
        ("&lt;b&gt; &amp;", ["<b> &"]),
        ("one\ntwo  \nthree", ["one", "two", "three"]),
        ("```py\nx = 1\n```", [" py", " x = 1"]),
        ("```\nx\n```", [" x"]),
        ("1. a\n   ```sh\n   ls\n   ```\n2. b", ["1. a", "    sh", "    ls", "2. b"]),
        ("a\n\n---\n\nb", ["a", "", "─" * 60, "", "b"]),
        ("[a]: http://x.y\n\nb", ["", "b"]),
    ],
)
def test_looks(text: str, lines: list[str]) -> None:
    assert body(text) == lines


@pytest.mark.parametrize(
    ("text", "word", "style"),
    [
        ("a **b** c", "b", ("strong",)),
        ("a *b* c", "b", ("em",)),
        ("a ~~b~~ c", "b", ("strike",)),
        ("a ***b*** c", "b", ("em", "strong")),
        ("a `b` c", "b", ("inline-code",)),
        ("[b](http://x.y)", "b", ("link", "to:http://x.y")),
        ("[b](http://x.y)", "x.y", ("address", "to:http://x.y")),
        ("see http://x.y/z.", "x.y/z", ("link", "to:http://x.y/z")),
        ("## b", "b", ("heading", "h2")),
        ("| h |\n|---|\n| b |", "h", ("strong",)),
        ("```py\nreturn 1\n```", "return", ("code", "keyword")),
        ("```py\n# why\n```", "why", ("code", "comment")),
        ("```nonsense\nb\n```", "b", ("code",)),
    ],
)
def test_styles(text: str, word: str, style: Style) -> None:
    assert styles_of(text, word) == style


@pytest.mark.parametrize(
    "text",
    [
        "a **long** paragraph that wraps over several lines of the screen",
        "- one item that wraps over a few lines\n  - sub\n- two",
        "1. one\n2. two",
        "> quoted text that wraps over a few lines",
        "```py\n\tif x:\n\t\treturn 'a long line that has to be wrapped'\n```",
        "- [x] done",
        "a\n\nb",
        "| a | b |\n|---|---|\n| 1 | a cell that wraps |",
    ],
)
def test_copies_without_markup_or_wrapping(text: str) -> None:
    plain = text.replace("**", "").removeprefix("```py\n").removesuffix("\n```")
    assert copied(text) == plain


def test_what_a_person_typed_is_shown_and_copied_as_typed() -> None:
    text = "# no *head*\n    indented\n- x"
    assert body(text, role=Role.USER) == text.split("\n")
    assert copied(text, role=Role.USER) == text


def test_a_table_fits_by_wrapping_its_widest_columns() -> None:
    text = "| Name | What it is for |\n|---|--:|\n| a | a rather long explanation that cannot fit |\n"
    lines = body(text, width=30)
    assert lines == [
        "Name │          What it is for",
        "─────┼────────────────────────",
        "a    │           a rather long",
        "     │ explanation that cannot",
        "     │                     fit",
    ]


def test_a_table_that_cannot_fit_becomes_a_list_of_records() -> None:
    columns = "".join(f"| c{i} " for i in range(6)) + "|"
    lines = body(f"{columns}\n{'|---' * 6}|\n{columns}\n{columns}", width=20)
    assert lines[:3] == ["c0: c0", "c1: c1", "c2: c2"]
    assert lines[6] == ""


@pytest.mark.parametrize(
    ("natural", "room", "widths"),
    [([3, 4], 20, [3, 4]), ([30, 4], 20, [16, 4]), ([30, 30, 2], 20, [9, 9, 2]), ([9, 9], 4, [2, 2])],
)
def test_column_widths(natural: list[int], room: int, widths: list[int]) -> None:
    assert column_widths(natural, room) == widths


def test_long_code_lines_are_wrapped_and_marked() -> None:
    lines = body("```\n" + "x" * 30 + "\n```", width=20)
    assert lines == [" " + "x" * 18, "↪" + "x" * 12]
    assert body("```\n日本語 # x\ty\n```", width=10) == [" 日本語 #", "↪ x  y"]


def test_nesting_that_is_too_deep_is_shown_as_written() -> None:
    text = ">" * 300 + " deep"
    assert "".join(body(text)) == text.replace(" ", "")


def test_prose_keeps_a_readable_measure_and_code_uses_all_there_is() -> None:
    assert max(map(len, body("word " * 100, width=180))) <= 100
    assert max(map(len, body("```\n" + "x" * 300 + "\n```", width=180))) > 170


def test_link_definitions_hold_for_what_came_before_them() -> None:
    it = document(message("[a]\n\nlater\n\n[a]: http://x.y"))
    assert "a (http://x.y)" in every_line(it)


def test_markup_of_the_terminal_libraries_is_literal() -> None:
    text = "[@click=app.quit]x[/] [/foo] [ [bold]b[/bold]"
    assert body(text) == [text]

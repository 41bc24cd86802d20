"""Where a text is cut."""

from __future__ import annotations

import pytest

from hybridchat.tui.transcript.blocks import CODE, ITEM, LIMIT, MARKDOWN, MOST_CODE_LINES, VERBATIM, Block, Splitter


def blocks(text: str, *, is_markdown: bool = True) -> list[Block]:
    splitter = Splitter(is_markdown=is_markdown)
    splitter.feed(text)
    return [*splitter.take(), *splitter.growing()]


def kinds_and_texts(text: str) -> list[tuple[str, str]]:
    return [(block.kind, block.text) for block in blocks(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("one\ntwo\n\nthree", [(MARKDOWN, "one\ntwo"), (MARKDOWN, "three")]),
        ("# head\ntext", [(MARKDOWN, "# head"), (MARKDOWN, "text")]),
        ("#hashtag\ntext", [(MARKDOWN, "#hashtag\ntext")]),
        ("under\n===\ntext", [(MARKDOWN, "under\n===\ntext")]),
        ("intro\n- a\n- b", [(MARKDOWN, "intro"), (ITEM, "- a"), (ITEM, "- b")]),
        ("- a\n\n  more\n\n- b", [(ITEM, "- a\n\n  more"), (ITEM, "- b")]),
        ("- a\n  - b\n  - c\nlazy", [(ITEM, "- a\n  - b\n  - c\nlazy")]),
        ("- a\n\ntext", [(ITEM, "- a"), (MARKDOWN, "text")]),
        ("1. a\n   ```\n   x\n   ```\n2. b", [(ITEM, "1. a\n   ```\n   x\n   ```"), (ITEM, "2. b")]),
        ("text\n2. no list", [(MARKDOWN, "text\n2. no list")]),
        ("- - -", [(MARKDOWN, "- - -")]),
        ("- a\n---\nb", [(ITEM, "- a"), (MARKDOWN, "---\nb")]),
        ("text\n```py\nx\n\ny\n```\ntext", [(MARKDOWN, "text"), (CODE, "x\n\ny"), (MARKDOWN, "text")]),
        ("~~~\n```\n~~~~", [(CODE, "```")]),
        ("````\n```\n````", [(CODE, "```")]),
        ("```\nnever closed", [(CODE, "never closed")]),
        ("```\n```", [(CODE, "")]),
        ("```inline``` code", [(MARKDOWN, "```inline``` code")]),
        ("    a\n\n    b\nc", [(MARKDOWN, "    a\n\n    b"), (MARKDOWN, "c")]),
        ("> a\n> ```\n> b\n\nc", [(MARKDOWN, "> a\n> ```\n> b"), (MARKDOWN, "c")]),
        ("so\n\\[\na\n- b\n\\]\nend", [(MARKDOWN, "so"), (VERBATIM, "\\[\na\n- b\n\\]"), (MARKDOWN, "end")]),
        (
            "\\begin{align*}\na \\\\\n- b\n\\end{align*}\n- end",
            [(VERBATIM, "\\begin{align*}\na \\\\\n- b\n\\end{align*}"), (ITEM, "- end")],
        ),
        ("$$x$$ is\n- a", [(MARKDOWN, "$$x$$ is"), (ITEM, "- a")]),
        ("", []),
        ("\n\n \n", []),
    ],
)
def test_cuts(text: str, expected: list[tuple[str, str]]) -> None:
    assert kinds_and_texts(text) == expected


def test_gaps_follow_the_source_in_lists_and_separate_the_rest() -> None:
    text = "# head\ntext\n- a\n- b\n\n- c\n```\nx\n```\n- d\ntail\n\n\n\nend"
    assert [block.gap for block in blocks(text)] == [0, 0, 0, 0, 1, 1, 1, 1]


def test_items_are_counted_from_the_lists_first() -> None:
    numbers = [(block.text, block.number) for block in blocks("3. a\n3. b\n\n9. c\n1) d\n- e\n1. f")]
    assert numbers == [("3. a", 3), ("3. b", 4), ("9. c", 5), ("1) d", 1), ("- e", None), ("1. f", 1)]


def test_a_fence_knows_its_language() -> None:
    assert [block.language for block in blocks("```c++ title=x\na\n```\n~~~js {1}\nb\n~~~")] == ["c++", "js"]


def test_finished_blocks_are_given_once_and_never_change() -> None:
    splitter = Splitter()
    splitter.feed("one\n\ntwo")
    assert [block.text for block in splitter.take()] == ["one"]
    assert [block.text for block in splitter.growing()] == ["two"]
    splitter.feed(" more\n\n")
    assert [block.text for block in splitter.take()] == ["two more"]
    assert splitter.growing() == []


def test_a_line_that_is_too_long_is_cut_between_words() -> None:
    parts = blocks("word " * LIMIT)
    assert all(block.kind == VERBATIM and len(block.text) <= LIMIT for block in parts)
    assert all(block.text.endswith(" ") and block.joint == "" for block in parts[1:-1])
    assert "".join(block.text for block in parts) == "word " * LIMIT


def test_a_word_that_is_too_long_is_cut_between_clusters() -> None:
    family = "👨\u200d👩\u200d👧"
    parts = blocks("x" + family * LIMIT)
    assert all(block.text.endswith(family) for block in parts)


def test_long_code_is_cut_where_a_statement_begins() -> None:
    function = "def f():\n    return 1\n"
    parts = blocks("```py\n" + f"{function}\n" * 60 + "```")
    assert len(parts) > 2
    assert [block.is_first for block in parts] == [True] + [False] * (len(parts) - 1)
    assert all(block.text.startswith("def f") for block in parts)
    assert "\n".join(block.text for block in parts) == (f"{function}\n" * 60).removesuffix("\n")


def test_long_code_is_not_cut_within_a_string_unless_it_must_be() -> None:
    parts = blocks('```py\nx = """\n' + "\nword\n" * 80 + '"""\n```')
    assert len(parts) == 1
    parts = blocks('```py\nx = """\n' + "\nword\n" * 800)
    assert all(len(block.text.split("\n")) <= MOST_CODE_LINES for block in parts)


def test_what_a_person_types_is_not_markdown_but_for_its_fences() -> None:
    text = "# no head\n- no *list*\n\n\nspace\n```\ncode\n```"
    parts = blocks(text, is_markdown=False)
    assert [(block.kind, block.text, block.gap) for block in parts] == [
        (VERBATIM, "# no head\n- no *list*", 0),
        (VERBATIM, "space", 2),
        (CODE, "code", 1),
    ]


def test_link_definitions_are_met_once_their_line_has_ended() -> None:
    splitter = Splitter()
    splitter.feed("[a]: http://x")
    splitter.growing()
    assert (splitter.definitions, splitter.growing_definitions) == ((), ("[a]: http://x",))
    splitter.feed(".y\n")
    splitter.growing()
    assert splitter.definitions == splitter.growing_definitions == ("[a]: http://x.y",)

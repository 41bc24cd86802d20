"""All branches of a conversation in one file: in order, each message once, and on the page linked."""

from __future__ import annotations

import io
import re

from msgspec.structs import replace

from hybridchat.domain.chat import Message, Role
from hybridchat.export.branches import Tree
from hybridchat.export.conversation import FORMATS, Along
from tests.unit.export.test_conversation import CONVERSATION, TIME

#  1 ─ 2 ─ 3 ─ 6
#  │   │   └─ 7 (shown)
#  │   └─ 8 ─ 9
#  │      └─ 10
#  └─ 4
#  5 (another beginning)
PARENTS = {1: None, 2: 1, 3: 2, 4: 1, 5: None, 6: 3, 7: 3, 8: 2, 9: 8, 10: 8}
MESSAGES = [
    Message(n, 7, parent, Role.USER if n % 2 else Role.ASSISTANT, f"words {n}", TIME) for n, parent in PARENTS.items()
]
CHAT = replace(CONVERSATION, active_leaf_id=7, message_count=len(MESSAGES), system="")


def ids(tree: Tree) -> list[list[int]]:
    return [[message.id for message in branch.messages] for branch in tree.branches]


def written(form: str, messages: list[Message]) -> str:
    stream = io.StringIO()
    FORMATS[form].write(CHAT, messages, stream, Along())
    return stream.getvalue()


def test_the_shown_branch_comes_first_and_each_other_once_from_where_it_leaves() -> None:
    tree = Tree(MESSAGES, 7)
    assert ids(tree) == [[1, 2, 3, 7], [4], [8, 10], [9], [6], [5]]
    assert [branch.after and branch.after.id for branch in tree.branches] == [None, 1, 2, 8, 3, None]


def test_without_a_leaf_that_is_here_the_newest_of_each_place_is_first() -> None:
    assert ids(Tree(MESSAGES, None))[0] == [5]
    assert ids(Tree([], 7)) == []


def test_one_branch_is_written_as_it_is_without_the_others() -> None:
    path = [message for message in MESSAGES if message.id in (1, 2, 3, 7)]
    for form in ("markdown", "html"):
        page = written(form, path)
        assert "one branch: 4 of 10 messages" in page
        assert "Branch " not in page and 'id="c1m' not in page and "others" not in page


def test_markdown_has_them_one_behind_the_other() -> None:
    text = written("markdown", MESSAGES)
    assert re.findall(r"words (\d+)\n", text.replace("”", "")) == [
        *"1237",
        "1",
        "4",
        "2",
        "8",
        "10",
        "8",
        "9",
        "3",
        "6",
        "5",
    ]
    assert "· 6 branches" in text
    assert "# Branch 2 of 6, after “words 1”\n\n## Assistant · 2 of 2\n\nwords 4" in text
    assert "# Branch 6 of 6, after the beginning" in text


def test_the_page_links_what_stands_beside_and_where_a_branch_leaves() -> None:
    page = written("html", MESSAGES)
    names, targets = re.findall(r'id="(c1m\d+)"', page), re.findall(r'href="#(c1m\d+)"', page)
    assert len(names) == len(set(names)) == len(MESSAGES)
    assert set(targets) <= set(names)
    assert 'Branch 3 of 6, after <a href="#c1m2">“words 2”</a>' in page
    assert '<p class="beside">2 of 2 here; the others: <a href="#c1m3">1</a></p>' in page
    assert page.index("words 7</p>") < page.index("Branch 2 of 6") < page.index("words 4</p>")


def test_words_that_a_branch_leaves_at_are_text() -> None:
    evil = [replace(message, text="<script>alert(1)</script>") for message in MESSAGES]
    assert "<script" not in written("html", evil)


def test_a_deep_tree_of_many_branches_is_no_obstacle() -> None:
    deep = [Message(n, 7, n - 1 or None, Role.USER, "x", TIME) for n in range(1, 3001)]
    sides = [Message(n + 3000, 7, n, Role.USER, "y", TIME) for n in range(1, 3001)]
    assert len(Tree([*deep, *sides], 3000).branches) == 3000

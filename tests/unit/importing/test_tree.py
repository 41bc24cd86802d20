"""From nodes in any order to a tree: every message after its parent, whatever the nodes say."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hybridchat.domain.chat import Role
from hybridchat.domain.imports import ImportedMessage
from hybridchat.importing.tree import Node, fenced, grow


def message(name: str, role: Role = Role.USER, at: str = "") -> ImportedMessage:
    return ImportedMessage(origin=name, parent=None, role=role, text=name, created_at=at)


NAMES = st.sampled_from([str(number) for number in range(8)])


@given(
    st.dictionaries(NAMES, st.tuples(st.none() | NAMES, st.sampled_from([None, Role.USER, Role.ASSISTANT]))),
    st.none() | NAMES,
)
def test_whatever_the_nodes_say(places: dict[str, tuple[str | None, Role | None]], leaf: str | None) -> None:
    nodes = {name: Node(parent, message(name, role) if role else None) for name, (parent, role) in places.items()}
    messages, active = grow(nodes, leaf)
    before: set[str] = set()
    for one in messages:
        assert one.parent is None or one.parent in before
        before.add(one.origin)
    said = sorted(word for one in messages for word in one.text.split())
    assert said == sorted(name for name, (_, role) in places.items() if role)
    assert (active in before) if before else active is None


def test_a_tree_may_be_deep() -> None:
    nodes = {str(n): Node(str(n - 1) if n else None, message(str(n))) for n in range(5_000)}
    messages, active = grow(nodes, "4999")
    assert (len(messages), active, messages[-1].parent) == (5_000, "4999", "4998")


def test_a_run_of_the_models_messages_is_one_reply_unless_it_branches() -> None:
    reply = Role.ASSISTANT
    nodes = {
        "u": Node(None, message("u")),
        "a": Node("u", message("a", reply)),
        "empty": Node("a"),
        "b": Node("empty", message("b", reply)),
        "c": Node("b", message("c", reply, "1")),
        "d": Node("b", message("d", reply, "2")),
    }
    messages, active = grow(nodes, "b")
    assert [(one.origin, one.parent, one.text) for one in messages] == [
        ("u", None, "u"),
        ("a", "u", "a\n\nb"),
        ("c", "a", "c"),
        ("d", "a", "d"),
    ]
    assert active == "a"


def test_a_fence_holds_whatever_is_in_it() -> None:
    assert fenced("a ```` b", "py").startswith("`````py\n")
    assert fenced("x", 'py" onload="') == "```\nx\n```"
    assert fenced(" \n") == ""

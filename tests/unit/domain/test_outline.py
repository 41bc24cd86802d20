"""How a conversation's tree is drawn."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hybridchat.domain.chat import Role
from hybridchat.domain.outline import DEEPEST, Node, branch_count, rows


def node(number: int, parent: int | None) -> Node:
    return Node(number, parent, Role.USER, f"message {number}", "2026-11-21T08:30:00.000Z")


def drawn(parents: dict[int, int | None], shown: set[int]) -> list[str]:
    nodes = [node(number, parent) for number, parent in parents.items()]
    return [f"{row.lines}{row.node.id}{'*' if row.is_shown else ''}" for row in rows(nodes, shown)]


def test_what_is_shown_is_one_straight_line() -> None:
    parents = {1: None, 2: 1, 3: 2, 4: 3, 5: 1, 6: 3, 7: 5}
    assert drawn(parents, {1, 2, 3, 4}) == ["1*", "├─5", "│ 7", "2*", "3*", "├─6", "4*"]
    assert drawn(parents, {1, 5, 7}) == ["1*", "├─2", "│ 3", "│ ├─4", "│ 6", "5*", "7*"]


def test_first_messages_are_beside_each_other_and_the_places_are_counted() -> None:
    nodes = [node(1, None), node(2, 1), node(3, None), node(4, None)]
    found = [(row.node.id, row.lines, row.place, row.beside) for row in rows(nodes, {3})]
    assert found == [(1, "├─", 1, 3), (2, "│ ", 1, 1), (4, "├─", 3, 3), (3, "", 2, 3)]


def test_a_deep_one_is_drawn_without_end_to_the_right() -> None:
    """Each message has a reply beside the one that goes on, and that one as well."""
    parents: dict[int, int | None] = {1: None}
    for number in range(2, 9000, 2):
        parents |= {number: number - 1, number + 1: number - 1}
    found = drawn(parents, {1})
    assert len(found) == len(parents)
    assert max(len(line) for line in found) <= 2 * DEEPEST + len("8999*")


@given(st.lists(st.integers(0, 40), max_size=40), st.sets(st.integers(1, 41)))
def test_every_message_is_drawn_once_below_what_it_follows(choices: list[int], shown: set[int]) -> None:
    parents = {number: (choice % number or None) for number, choice in enumerate(choices, 1)}
    found = [row.node.id for row in rows([node(*one) for one in parents.items()], shown)]
    assert sorted(found) == sorted(parents)
    assert all(parent is None or found.index(parent) < found.index(number) for number, parent in parents.items())


def test_ends_are_counted() -> None:
    assert branch_count([node(1, None), node(2, 1), node(3, 1), node(4, 3)]) == 2
    assert branch_count([]) == 0

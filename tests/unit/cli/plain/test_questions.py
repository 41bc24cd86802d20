"""What must be asked before words leave: numbered choices in words, of which the first does nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from hybridchat.cli.plain.asking import choose
from hybridchat.ledger.store import open_ledger
from tests.faults.cli import backend, configure
from tests.unit.cli.plain.conftest import CTRL_C, Converse, Script, Sides, add_to_config

SECRET = "my card is 4111 1111 1111 1111"


@pytest.mark.parametrize(
    ("typed", "chosen"),
    [("", "stay"), ("1", "stay"), (CTRL_C, "stay"), (None, "stay"), ("2", "go"), (" 2 ", "go"), ("3", "stay")],
)
async def test_whatever_is_not_a_number_of_a_choice_is_safe(typed: object, chosen: str) -> None:
    choices = (("stay", "Stay"), ("go", "Go"))
    assert await choose(Script(typed), "What?", choices) == chosen
    assert await choose(Script(typed, is_interactive=False), "What?", choices) == "stay"


async def test_a_secret_does_not_leave_unasked_and_the_words_are_kept(converse_by: Converse, sides: Sides) -> None:
    said = await converse_by(Script("/route cloud", SECRET, "", "", "2"))
    assert "1. Send nothing" in said.err
    assert "Your words are kept" in said.err
    (sent,) = sides.asked(sides.cloud)
    assert sent.startswith("my card is ") and "4111" not in sent


async def test_in_a_pipe_a_secret_is_refused(converse_by: Converse, sides: Sides) -> None:
    from hybridchat.errors import Refused

    with pytest.raises(Refused, match="cloud would get"):
        await converse_by(Script("/route cloud", SECRET, is_interactive=False))
    assert sides.asked(sides.cloud) == []


async def test_a_message_that_would_go_elsewhere_than_was_said_is_asked(
    converse_by: Converse, sides: Sides, home: Path
) -> None:
    add_to_config(home, '[[route.rule]]\ncontains = ["prove"]\nreasoning = "high"')
    said = await converse_by(Script("prove it", "1"))
    assert "This would not go where the line above said. Enter sends to cloud" in said.err
    assert (sides.asked(sides.lab), sides.asked(sides.cloud)) == ([], [])
    await converse_by(Script("prove it", "2"))
    assert sides.asked(sides.cloud) == ["prove it"]


@pytest.mark.parametrize("command", ["/other", "/again cloud"])
async def test_leaving_the_device_is_chosen_by_a_number_that_says_what_goes_along(
    converse_by: Converse, sides: Sides, command: str
) -> None:
    said = await converse_by(Script("one", command, "", command, "2"))
    assert said.err.count("no earlier turn goes along. It may cost ") == 2
    assert "1. No" in said.err and "2. Ask it" in said.err
    assert sides.asked(sides.cloud) == ["one"]


async def test_vouching_is_asked_and_no_is_the_first(converse_by: Converse, sides: Sides, home: Path) -> None:
    configure(home, backend(sides.lab.url))
    said = await converse_by(Script("hello", "", "", "2"), local_only=True)
    assert said.err.count("Do you know that lab computes on this machine?") == 2
    assert "1. No" in said.err
    assert sides.asked(sides.lab) == ["hello"]


async def test_over_budget_the_limit_can_be_raised(converse_by: Converse, sides: Sides, home: Path) -> None:
    add_to_config(home, "[budget]\nday = 0.0000001")
    said = await converse_by(Script("/route cloud", "hello", "", "", "3", "5", ""))
    assert "Raise the day budget" in said.err
    assert sides.asked(sides.cloud) == ["hello"]


async def test_a_pin_is_loosened_in_a_fork_that_takes_nothing_along(
    converse_by: Converse, sides: Sides, home: Path
) -> None:
    said = await converse_by(
        Script("/privacy local-only", "pinned words", "/privacy open", "2", "/route cloud", "hello")
    )
    assert "1. Stay here" in said.err
    messages = sides.cloud.sent("/v1/chat/completions")[-1].json()["messages"]
    assert [message["content"] for message in messages] == ["hello"]
    ledger = open_ledger(home / "hybridchat.db")
    assert [str(one.privacy) for one in ledger.conversations(10).result()] == ["open", "local_only"]
    ledger.close()


async def test_pinned_here_nothing_leaves_whatever_is_chosen(converse_by: Converse, sides: Sides) -> None:
    said = await converse_by(Script("/route cloud", "hello", "2", "/privacy open"), local_only=True)
    assert sides.asked(sides.cloud) == []
    assert "this run is local only" in said.err

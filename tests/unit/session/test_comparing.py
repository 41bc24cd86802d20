"""One question to several backends: side by side, each a turn of its own, judged by the user."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest
from msgspec.structs import replace

from hybridchat.config import BudgetConfig, Config
from hybridchat.domain.address import parse_base_url
from hybridchat.domain.budget import OverBudget
from hybridchat.domain.chat import Message, MessageState, Outcome, Privacy, Purpose, Zone
from hybridchat.domain.compare import Compared, Judgement, Side
from hybridchat.domain.events import Failed, Finished, Text
from hybridchat.domain.pricing import PricePerMillion
from hybridchat.errors import ErrorKind, Refused, UsageError
from hybridchat.session.compare_plan import Terms
from hybridchat.session.events import ComparisonBegan, ComparisonEnded, Delta, TurnEnded
from hybridchat.session.state import Chat
from hybridchat.session.ways import Undecided
from tests.unit.session.conftest import Build, World, spec, until

LAB, CLOUD = spec("lab", Zone.DEVICE), spec("cloud", Zone.MANAGED, model="big")
NEXT = spec("next", Zone.DEVICE, address=parse_base_url("http://127.0.0.1:10"))
BOTH = (Side("lab"), Side("cloud"))


async def answered(world: World, chat: Chat, compared: Compared) -> list[Message]:
    await world.session.wait(chat)
    found = await world.session.comparing.answers(chat, compared)
    return [answer.reply for answer in found if answer.reply is not None]


def words(world: World, name: str, *texts: str) -> None:
    world.backends[name].script = (*map(Text, texts), Finished("stop"))


async def test_both_answer_the_same_words_and_stand_beside_each_other(build: Build) -> None:
    world = await build(LAB, CLOUD)
    words(world, "cloud", "cloudy")
    chat = world.session.new()
    compared = await world.session.comparing.start(chat, BOTH, "why?")
    replies = await answered(world, chat, compared)

    assert [(r.text, r.state) for r in replies] == [("Hello", "complete"), ("cloudy", "complete")]
    assert len({r.parent_id for r in replies}) == 1
    assert [r.attempt.purpose for r in replies if r.attempt] == [Purpose.COMPARE] * 2
    assert [m.text for m in chat.messages] == ["why?", "Hello"]
    asked = [[m.text for m in world.backends[name].requests[0].messages] for name in ("lab", "cloud")]
    assert asked == [["why?"], ["why?"]]
    began, ended = world.told(ComparisonBegan)[0], world.told(TurnEnded)
    assert [reply.id for reply in began.replies] == [reply.id for reply in replies]
    assert {event.reply.id for event in ended} == {reply.id for reply in replies}
    assert world.told(ComparisonEnded)[0].comparison_id == compared.id
    (kept,) = await world.session.comparing.of_chat(chat)
    assert replace(kept, origin="") == compared, "its name in other ledgers is the ledger's to know"
    assert not chat.is_streaming


async def test_they_stream_at_the_same_time(build: Build) -> None:
    world = await build(LAB, CLOUD)
    gates = {"lab": asyncio.Event(), "cloud": asyncio.Event()}
    for name, gate in gates.items():
        world.backends[name].script = (Text("a"), gate, Text("b"), Finished("stop"))
    chat = world.session.new()
    compared = await world.session.comparing.start(chat, BOTH, "go")
    await until(lambda: len(world.told(Delta)) == 2)
    so_far = await world.session.comparing.answers(chat, compared)
    assert [answer.reply.text for answer in so_far if answer.reply] == ["a", "a"]
    gates["cloud"].set()
    await until(lambda: world.told(TurnEnded))
    assert chat.is_streaming
    gates["lab"].set()
    assert [r.text for r in await answered(world, chat, compared)] == ["ab", "ab"]


async def test_one_that_fails_or_is_stopped_ends_no_other(build: Build, at_once: None) -> None:
    third = spec("third", Zone.MANAGED, model="x")
    world = await build(LAB, CLOUD, third)
    world.backends["lab"].script = (Failed(ErrorKind.SERVER, "broken"),)
    world.backends["third"].script = (Text("so far"), asyncio.Event())
    go_on = asyncio.Event()
    world.backends["cloud"].script = (go_on, Text("cloudy"), Finished("stop"))
    chat = world.session.new()
    compared = await world.session.comparing.start(chat, (*BOTH, Side("third")), "go")
    await until(lambda: world.told(Delta))
    stopped = compared.sides[2].message_id
    assert stopped is not None
    world.session.comparing.stop_one(chat, stopped)
    await until(lambda: len(world.told(TurnEnded)) == 2)
    go_on.set()
    replies = await answered(world, chat, compared)
    assert [(r.state, r.text) for r in replies] == [("failed", ""), ("complete", "cloudy"), ("stopped", "so far")]


async def test_all_stop_at_once(build: Build) -> None:
    world = await build(LAB, CLOUD)
    for name in ("lab", "cloud"):
        world.backends[name].script = (Text("a"), asyncio.Event())
    chat = world.session.new()
    compared = await world.session.comparing.start(chat, BOTH, "go")
    await until(lambda: len(world.told(Delta)) == 2)
    await world.session.stop(chat)
    assert [(r.state, r.text) for r in await answered(world, chat, compared)] == [("stopped", "a")] * 2


async def test_the_last_question_gets_further_answers_and_one_that_failed_is_asked_again(build: Build) -> None:
    world = await build(LAB, CLOUD)
    words(world, "cloud", "cloudy")
    chat = world.session.new(route="lab")
    await world.session.send(chat, "one")
    before = await world.session.wait(chat)
    world.backends["lab"].script = (Failed(ErrorKind.BAD_REQUEST, "broken"),)
    compared = await world.session.comparing.start(chat, BOTH)
    first = await answered(world, chat, compared)
    assert [r.text for r in await world.session.siblings(first[0].id)] == ["Hello", "", "cloudy"]
    assert chat.leaf_id == first[0].id != before.id

    words(world, "lab", "now")
    changed = await world.session.comparing.again(chat, compared, [0])
    second = await answered(world, chat, changed)
    assert [(r.id, r.text) for r in second] == [(first[0].id, "now"), (first[1].id, "cloudy")]
    assert second[0].attempt is not None and second[0].attempt.attempt_no == 2
    assert len(world.backends["cloud"].requests) == 1, "who has answered is not asked, nor paid, again"
    third = await answered(world, chat, await world.session.comparing.again(chat, changed, [0]))
    assert third[0].id != first[0].id and chat.leaf_id == third[0].id
    (kept,) = await world.session.comparing.of_chat(chat)
    assert kept.sides[0].message_id == third[0].id


async def test_what_is_pinned_goes_to_nobody_else(build: Build) -> None:
    world = await build(LAB, CLOUD)
    chat = world.session.new(privacy=Privacy.LOCAL_ONLY)
    with pytest.raises(Refused):
        await world.session.comparing.start(chat, BOTH, "secret")
    assert world.backends["lab"].requests == world.backends["cloud"].requests == []
    assert chat.id is None and not chat.is_streaming


async def test_a_pin_set_meanwhile_ends_what_it_forbids_alone(build: Build) -> None:
    world = await build(LAB, CLOUD)
    go_on = asyncio.Event()
    world.backends["cloud"].script = (Text("a"), asyncio.Event())
    world.backends["lab"].script = (Text("a"), go_on, Finished("stop"))
    chat = world.session.new()
    compared = await world.session.comparing.start(chat, BOTH, "go")
    await until(lambda: len(world.told(Delta)) == 2)
    await world.session.set_privacy(chat, Privacy.LOCAL_ONLY)
    go_on.set()
    replies = await answered(world, chat, compared)
    assert [r.state for r in replies] == ["complete", "stopped"]
    assert "pinned while it streamed" in replies[1].note


async def test_secrets_ask_before_anything_leaves_and_are_masked_for_rented_sides_alone(build: Build) -> None:
    world = await build(LAB, CLOUD)
    chat = world.session.new()
    text = "mail ann@example.com"
    with pytest.raises(Undecided) as caught:
        await world.session.comparing.start(chat, BOTH, text)
    assert world.backends["lab"].requests == []
    disclosure = caught.value.plan.ways[0].disclosure
    await world.session.comparing.start(chat, BOTH, text, Terms(disclosure=disclosure))
    await world.session.wait(chat)
    assert world.backends["lab"].requests[0].messages[0].text == text
    assert "ann@example.com" not in world.backends["cloud"].requests[0].messages[0].text


PRICES = {"big": PricePerMillion(input=Decimal(0), output=Decimal(1_000_000))}


async def test_the_budget_holds_for_the_sum_or_nothing_is_sent(build: Build) -> None:
    rich, other = (spec(name, Zone.MANAGED, model="big", prices=PRICES) for name in ("rich", "other"))
    config = Config(budget=BudgetConfig(month=Decimal(150), max_reply_tokens=100, lower_max_tokens=True))
    world = await build(rich, other, config=config)
    chat = world.session.new()
    with pytest.raises(OverBudget):
        await world.session.comparing.start(chat, (Side("rich"), Side("other")), "go")
    assert world.backends["rich"].requests == world.backends["other"].requests == []
    assert await world.session.conversations() == []


@pytest.mark.parametrize("off_record", [False, True])
async def test_what_was_held_for_one_side_is_free_again_when_the_other_cannot_be_paid(
    build: Build, off_record: bool
) -> None:
    rich, other = (spec(name, Zone.MANAGED, model="big", prices=PRICES) for name in ("rich", "other"))
    config = Config(budget=BudgetConfig(month=Decimal(150), max_reply_tokens=100))
    world = await build(rich, other, config=config)
    chat = world.session.new(off_record=off_record)
    with pytest.raises(OverBudget):
        await world.session.comparing.start(chat, (Side("rich"), Side("other")), "go")
    (standing,) = await world.session.budgets.standings(chat.id)
    assert standing.reserved_usd == standing.settled_usd == 0
    await world.session.send(chat, "go", route="rich")
    assert (await world.session.wait(chat)).state is MessageState.COMPLETE


async def test_sides_on_one_server_follow_each_other_unless_told_otherwise(build: Build) -> None:
    world = await build(LAB, CLOUD, NEXT)
    sides = (Side("lab", "tiny"), Side("lab", "small"), Side("cloud"))
    chat = world.session.new()
    plan = world.session.comparing.plan(chat, sides, "go")
    assert plan.sharing == ("lab",) and [c.backend for c in plan.leaving] == ["cloud"]
    compared = await world.session.comparing.start(chat, sides, "go")
    replies = await answered(world, chat, compared)
    assert [r.state for r in replies] == ["complete"] * 3
    assert world.backends["lab"].most == 1
    assert [side.was_shared for side in compared.sides] == [False] * 3
    assert [request.model for request in world.backends["lab"].requests] == ["tiny", "small"]

    gate = asyncio.Event()
    world.backends["lab"].script = (gate, Text("a"), Finished("stop"))
    together = await world.session.comparing.start(chat, sides, "go", Terms(one_by_one=False))
    await until(lambda: world.backends["lab"].running == 2)
    gate.set()
    await answered(world, chat, together)
    assert world.backends["lab"].most == 2
    assert [side.was_shared for side in together.sides] == [True, True, False]
    both_here = await world.session.comparing.start(chat, (Side("lab"), Side("next")), "go")
    await answered(world, chat, both_here)
    assert [side.was_shared for side in both_here.sides] == [True, True], "one machine computes both"


async def test_who_waits_is_not_asked_when_all_is_stopped(build: Build) -> None:
    world = await build(LAB)
    world.backends["lab"].script = (Text("a"), asyncio.Event())
    chat = world.session.new()
    compared = await world.session.comparing.start(chat, (Side("lab", "tiny"), Side("lab", "small")), "go")
    await until(lambda: world.told(Delta))
    before = await world.session.comparing.answers(chat, compared)
    assert before[1].reply is not None and before[1].reply.note == "not asked yet"
    await world.session.stop(chat)
    replies = await answered(world, chat, compared)
    assert [(r.state, r.note) for r in replies] == [("stopped", ""), ("stopped", "stopped before it was asked")]
    assert len(world.backends["lab"].requests) == 1


async def test_votes_are_blind_until_the_names_are_seen(build: Build) -> None:
    world = await build(LAB, CLOUD)
    chat, comparing = world.session.new(), world.session.comparing
    compared = await comparing.start(chat, BOTH, "go", Terms(is_blind=True))
    assert {side.backend for side in compared.sides} == {"lab", "cloud"}
    await world.session.wait(chat)
    assert all(event.is_hidden for event in world.told(TurnEnded))
    voted = await comparing.vote(compared, Judgement.BETTER, 1)
    assert voted.vote is not None and voted.vote.was_blind and not voted.is_hidden
    changed = await comparing.vote(voted, Judgement.TIE)
    assert changed.vote is not None and not changed.vote.was_blind
    (kept,) = await comparing.of_chat(chat)
    assert replace(kept, origin="") == changed
    without = await comparing.take_back_vote(changed)
    assert (await comparing.of_chat(chat))[0].vote is without.vote is None


async def test_the_conversation_goes_on_from_the_answer_that_was_chosen(build: Build) -> None:
    world = await build(LAB, CLOUD)
    words(world, "cloud", "cloudy")
    chat = world.session.new(route="lab")
    compared = await world.session.comparing.start(chat, BOTH, "go")
    replies = await answered(world, chat, compared)
    await world.session.show_sibling(chat, replies[1].id)
    await world.session.send(chat, "and then?")
    await world.session.wait(chat)
    assert [m.text for m in world.backends["lab"].requests[-1].messages] == ["go", "cloudy", "and then?"]
    assert (await world.session.comparing.remembered()) == (Side("lab", "tiny"), Side("cloud", "big"))


async def test_what_waits_behind_a_comparison_waits_for_the_user(build: Build) -> None:
    world = await build(LAB, CLOUD)
    go_on = asyncio.Event()
    world.backends["cloud"].script = (go_on, Finished("stop"))
    chat = world.session.new()
    await world.session.comparing.start(chat, BOTH, "go")
    await world.session.send(chat, "next")
    with pytest.raises(UsageError, match="a reply is running"):
        await world.session.comparing.start(chat, BOTH, "another")
    go_on.set()
    await until(lambda: world.told(ComparisonEnded))
    assert [draft.text for draft in chat.queue] == ["next"] and not chat.is_streaming


@pytest.mark.parametrize("sides", [(Side("lab"),), (Side("lab"),) * 5, (Side("lab"), Side("nobody"))])
async def test_two_to_four_known_sides(build: Build, sides: tuple[Side, ...]) -> None:
    world = await build(LAB)
    for text in ("go", ""):
        with pytest.raises(UsageError):
            await world.session.comparing.start(world.session.new(), sides, text)
    with pytest.raises(UsageError, match="no question"):
        await world.session.comparing.start(world.session.new(), (Side("lab"), Side("lab")), "")


async def test_closing_keeps_what_came_of_every_side(build: Build) -> None:
    world = await build(LAB, CLOUD)
    for name in ("lab", "cloud"):
        world.backends[name].script = (Text("so far"), asyncio.Event())
    chat = world.session.new()
    await world.session.comparing.start(chat, (*BOTH, Side("lab", "other")), "go")
    await until(lambda: len(world.told(Delta)) == 2)
    await world.session.close()
    found = [(event.reply.state, event.reply.text) for event in world.told(TurnEnded)]
    assert sorted(found) == [("interrupted", ""), ("interrupted", "so far"), ("interrupted", "so far")]
    outcomes = [event.reply.attempt.outcome for event in world.told(TurnEnded) if event.reply.attempt]
    assert outcomes == [Outcome.INTERRUPTED] * 2

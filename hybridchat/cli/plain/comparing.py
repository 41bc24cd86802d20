"""Side by side in lines: the answers follow each other with their labels, and a vote is a word."""

from __future__ import annotations

from msgspec.structs import replace

from hybridchat.cli import output
from hybridchat.cli.plain.asking import choose, confirm
from hybridchat.cli.plain.talk import Talk
from hybridchat.domain.chat import Role
from hybridchat.domain.compare import FEWEST, Compared, Judgement, Side, parse_side
from hybridchat.domain.text import clean_line
from hybridchat.errors import UsageError
from hybridchat.session.compare_plan import Terms
from hybridchat.session.comparing import Answer
from hybridchat.session.state import NOTHING
from hybridchat.session.ways import Undecided
from hybridchat.tui.compare_words import plan_words, side_name, vote_words

_WORDS = {"tie": Judgement.TIE, "bad": Judgement.BOTH_BAD}


async def compare(talk: Talk, argument: str) -> None:
    """`/compare lab openai/gpt-5`, and `blind` behind them where nothing shall tell. What was not sent yet, or
    the last question."""
    await talk.require_vote()
    names = argument.split()
    is_blind = names[-1:] == ["blind"]
    sides = [parse_side(name) for name in names[: len(names) - is_blind]]
    sides = sides or list(await talk.session.comparing.remembered())
    if len(sides) < FEWEST:
        raise UsageError("name two to four backends", "/compare lab openai/gpt-5")
    compared = await _ask(talk, sides, Terms(is_blind=is_blind, along=talk.along))
    if compared is None:
        return
    talk.unsent, talk.along = "", NOTHING
    talk.teller.is_silent = True
    try:
        await talk.session.wait(talk.chat)
    finally:
        talk.teller.is_silent = False
    await talk.session.books.settle()
    for answer in await talk.session.comparing.answers(talk.chat, compared):
        _show(talk, compared, answer)
    talk.remember()
    unveil = " /vote names shows them without a vote." if is_blind else ""
    output.note(
        f"/vote 1 to {len(sides)}, tie or bad. The chat goes on with a winner; /vote none takes it back.{unveil}"
    )


async def _ask(talk: Talk, sides: list[Side], terms: Terms) -> Compared | None:
    """None where the user would rather not."""
    comparing = talk.session.comparing
    for target in comparing.plan(talk.chat, sides, talk.unsent, terms).unpriced:
        await talk.session.look_up_price(target)
    plan = comparing.plan(talk.chat, sides, talk.unsent, terms)
    for line in plan_words(plan, one_by_one=terms.one_by_one):
        output.note(line)
    asks = plan.leaving and plan.refused is None and talk.reader.is_interactive
    if asks and not await confirm(talk.reader, f"Ask all {len(sides)} of them?", "Ask them"):
        return None
    try:
        return await comparing.start(talk.chat, sides, talk.unsent, terms)
    except Undecided as error:
        if not talk.reader.is_interactive:
            raise
        ways = [(way, str(way)) for way in error.plan.ways if way.disclosure is not None]
        why = clean_line("; ".join(error.plan.decision.reasons), 300)
        way = await choose(talk.reader, f"{why}. What shall be done?", [(None, "Send nothing"), *ways])
        if way is None:
            return None
        return await comparing.start(
            talk.chat, sides, talk.unsent, replace(terms, disclosure=way.disclosure, agreed=way.agreed)
        )


def _show(talk: Talk, compared: Compared, answer: Answer) -> None:
    """Of a blind one nothing but its words."""
    name = side_name(answer.side, answer.reply, is_hidden=compared.is_hidden)
    output.line(f"{answer.side.position + 1}. {name}:")
    if answer.reply is not None:
        output.line(answer.reply.text)
        output.note(str(answer.reply.state) if compared.is_hidden else talk.teller.status(answer.reply))


async def vote(talk: Talk, argument: str) -> None:
    """`/vote 1`, `/vote tie`, `/vote bad`, `/vote none`, `/vote names`: of the last question's comparison."""
    questions = [message.id for message in talk.chat.messages if message.role is Role.USER]
    found = [one for one in await talk.session.comparing.of_chat(talk.chat) if one.question_id in questions[-1:]]
    if not found:
        raise UsageError("the last question has no comparison", "/compare asks several at once")
    compared = found[-1]
    word = argument.strip().casefold()
    if word == "none":
        await talk.session.comparing.take_back_vote(compared)
        output.note("The vote is taken back.")
        return
    number = int(word) if word.isdecimal() and len(word) == 1 else 0
    if word == "names":
        await talk.session.comparing.show_names(compared)
        await _name_sides(talk, compared)
        return
    if word not in _WORDS and not 1 <= number <= len(compared.sides):
        raise UsageError(
            f"{clean_line(argument, 20)!r} is no vote", f"1 to {len(compared.sides)}, tie, bad, none or names"
        )
    judgement = _WORDS.get(word, Judgement.BETTER)
    winner = number - 1 if judgement is Judgement.BETTER else None
    voted = await talk.session.comparing.vote(compared, judgement, winner)
    output.note(vote_words(voted))
    await _name_sides(talk, voted)
    chosen = None if winner is None else voted.sides[winner].message_id
    if chosen is not None:
        await talk.session.show_sibling(talk.chat, chosen)


async def _name_sides(talk: Talk, compared: Compared) -> None:
    for answer in await talk.session.comparing.answers(talk.chat, compared):
        output.note(f"{answer.side.position + 1}. {side_name(answer.side, answer.reply, is_hidden=False)}")

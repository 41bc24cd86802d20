"""The slash commands of a line conversation. Where one is an action of the screen, its words are that action's."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import NamedTuple

from hybridchat.cli import output
from hybridchat.cli.plain import places, reading
from hybridchat.cli.plain.asking import confirm
from hybridchat.cli.plain.talk import Talk
from hybridchat.domain.text import clean_line
from hybridchat.errors import UsageError
from hybridchat.session.state import count_turns
from hybridchat.tui.actions import ACTIONS
from hybridchat.tui.words import candidate_words, cost_words, turns_along

_ACTIONS = {action.id: action for action in ACTIONS}


class Leave(Exception):
    """The user wants to go."""


class Command(NamedTuple):
    """`/name usage`; `words` say what it does, unless it is `action` of the screen's table."""

    name: str
    run: Callable[[Talk, str], Awaitable[None]]
    usage: str = ""
    action: str = ""
    words: str = ""

    def __str__(self) -> str:
        call = f"/{self.name} {self.usage}".rstrip()
        if not self.action:
            return f"{call}: {self.words}"
        action = _ACTIONS[self.action]
        return f"{call}: {action.title.rstrip('…')}. {action.help}"


async def do(talk: Talk, line: str) -> None:
    """Runs `/name argument`. Raises UsageError for a command that there is not, Leave, and what the command raises."""
    name, _, argument = line.removeprefix("/").partition(" ")
    name = ALIASES.get(name.casefold(), name.casefold())
    if name not in COMMANDS:
        begun = [known for known in COMMANDS if known.startswith(name)] if name else []
        meant = f"did you mean /{begun[0]}? " if begun else ""
        known = f"{meant}/help lists all; to send it as words, begin with //"
        raise UsageError(f"there is no command /{clean_line(name, 40)}", known)
    await COMMANDS[name].run(talk, argument.strip())


# --- the last question


async def again(talk: Talk, argument: str) -> None:
    await talk.answer(talk.session.answer_again(talk.chat))


async def other(talk: Talk, argument: str) -> None:
    """To the other side; what leaves is said and asked before."""
    plan = talk.session.other_side(talk.chat)
    if plan.decision.target is not None and plan.is_price_awaited:
        await talk.session.look_up_price(plan.decision.target)
        plan = talk.session.other_side(talk.chat)
    target = plan.decision.target
    if target is None and (plan.ways or plan.forbidden) and talk.reader.is_interactive:
        way = await talk.choose_way(plan, "; ".join(plan.decision.reasons))
        if way is not None:
            await talk.answer_by(way, plan)
        return
    if target is not None and not target.is_local and talk.reader.is_interactive:
        backend, model, zone = candidate_words(target)
        turns = count_turns(talk.chat.messages) - 1 - plan.left_out_turns
        cost = f"It may cost {cost_words(plan.cost)}" if plan.cost else "Price unknown"
        detail = f"Your last question goes to it ({zone}); {turns_along(turns)}. {cost}. Both answers stay."
        if not await confirm(talk.reader, f"Ask {model} on {backend} too? {detail}", "Ask it"):
            return
    await talk.answer(talk.session.escalate(talk.chat))


async def ways(talk: Talk, argument: str) -> None:
    talk.teller.ways = talk.session.ways_on(talk.chat)
    if not talk.teller.ways:
        raise UsageError("the last question has its answer", "/other asks the other side too")
    await talk.finish()


async def stop(talk: Talk, argument: str) -> None:
    """While a reply runs nothing is read: this is for those who look for it."""
    output.note("No reply is running. Ctrl+C stops one.")


# --- conversations


async def new(talk: Talk, argument: str) -> None:
    talk.show_chat(talk.session.new())


async def off_record(talk: Talk, argument: str) -> None:
    talk.show_chat(talk.session.new(off_record=True))
    output.note("Off the record: in memory only, gone when you leave.")


async def open_chat(talk: Talk, argument: str) -> None:
    talk.show_chat(await talk.session.open(reading.chat_number(argument)))
    talk.show_last_turn()


async def rename(talk: Talk, argument: str) -> None:
    if talk.chat.id is None:
        raise UsageError("this chat is empty", "send the first message, then it has a title")
    if not argument:
        raise UsageError("no title was given", "/rename TITLE")
    await talk.session.rename(talk.chat.id, argument)
    output.note("Renamed.")


async def delete(talk: Talk, argument: str) -> None:
    if talk.chat.id is None:
        raise UsageError("this chat is empty", "there is nothing to delete")
    await talk.session.delete(talk.chat.id)
    await new(talk, "")
    output.note("Chat deleted. /undo brings it back, until you leave.")


async def undo(talk: Talk, argument: str) -> None:
    restored = await talk.session.undo_delete()
    if restored is None:
        raise UsageError("there is no deletion to undo")
    talk.show_chat(await talk.session.open(restored))
    talk.show_last_turn()


# --- the program


async def thinking(talk: Talk, argument: str) -> None:
    talk.teller.show_thinking = not talk.teller.show_thinking
    output.note("Thinking is shown." if talk.teller.show_thinking else "Thinking is hidden.")


async def show_help(talk: Talk, argument: str) -> None:
    for command in COMMANDS.values():
        output.line(str(command))
    for line in TYPING:
        output.line(line)


async def leave(talk: Talk, argument: str) -> None:
    raise Leave


TYPING = (
    'Enter sends. A line that ends in \\ goes on in the next one; so does all between two lines of """.',
    "A line that begins with // is sent with one / less.",
    "Ctrl+C stops a reply; what came stays. At the prompt, Ctrl+C twice or Ctrl+D leaves.",
)

COMMANDS: dict[str, Command] = {
    command.name: command
    for command in (
        Command("again", again, words="The last question again. Both answers stay"),
        Command("other", other, action="escalate"),
        Command("answers", reading.answers, "[N]", words="The answers to the last question, or go on from one of them"),
        Command("ways", ways, action="ways"),
        Command("stop", stop, action="stop"),
        Command("new", new, action="new_chat"),
        Command("off-record", off_record, action="new_off_record"),
        Command("list", reading.list_chats, words="All conversations, newest first, with their numbers"),
        Command("find", reading.find, "WORDS", words="Messages and titles with these words, and filters as in search"),
        Command("open", open_chat, "N", words="Go on with the conversation of that number"),
        Command("show", reading.show, words="This conversation from its beginning"),
        Command("export", reading.export, "FILE", words="This conversation to a new file: .md, .json or .html"),
        Command("rename", rename, "TITLE", "rename_chat"),
        Command("delete", delete, action="delete_chat"),
        Command("undo", undo, action="undo_delete"),
        Command("route", places.route, "[TO [MODEL]]", "route"),
        Command("model", places.model, "[NAME]", words="The model of this chat's route, or those that there are"),
        Command("privacy", places.privacy, "[LEVEL]", "privacy"),
        Command("standing", places.standing, action="standing"),
        Command("effort", places.effort, "[LEVEL]", "effort"),
        Command("reasoning", places.reasoning, action="reasoning"),
        Command("workload", places.workload, "[KIND]", "workload"),
        Command("budget", places.budget, action="budget"),
        Command("stats", reading.stats, words="Local and managed side by side, as measured"),
        Command("thinking", thinking, action="toggle_thinking"),
        Command("help", show_help, words="All commands"),
        Command("quit", leave, action="quit"),
    )
}
ALIASES = {"panel": "stats", "search": "find", "exit": "quit", "escalate": "other", "?": "help", "chats": "list"}

"""The slash commands of a line conversation. Where one is an action of the screen, its words are that action's."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import NamedTuple

from hybridchat.cli import output
from hybridchat.cli.plain import (
    adding,
    attaching,
    branching,
    comparing,
    keeping,
    places,
    prompting,
    reading,
    taking,
    tuning,
)
from hybridchat.cli.plain.talk import Talk
from hybridchat.domain.text import clean_line
from hybridchat.errors import UsageError
from hybridchat.tui import slashes
from hybridchat.tui.actions import ACTIONS
from hybridchat.tui.slashes import Call, no_such
from hybridchat.tui.words import chat_number


class Leave(Exception):
    """The user wants to go."""


class Command(NamedTuple):
    """`/name argument`, also by its aliases; `words` say what it does."""

    names: tuple[str, ...]
    run: Callable[[Talk, str], Awaitable[None]]
    argument: str
    words: str

    def __str__(self) -> str:
        return f"/{self.names[0]} {self.argument}".rstrip() + f": {self.words}"


async def do(talk: Talk, call: Call) -> None:
    """Raises UsageError for a command that there is not, Leave, and what the command raises."""
    if command := BY_NAME.get(call.name):
        await command.run(talk, call.argument)
    elif action := slashes.BY_NAME.get(call.name):
        remedy = _ELSEWHERE.get(action.id, "hybridchat without --plain")
        raise UsageError(f"/{call.name} ({action.title.rstrip('…')}) needs the screen", remedy)
    else:
        raise no_such(call.name, BY_NAME)


# --- the last question


async def other(talk: Talk, argument: str) -> None:
    """To the other side; what leaves is said and asked before."""
    await talk.require_vote()
    plan = await talk.priced(lambda: talk.session.other_side(talk.chat))
    if plan.decision.target is None and (plan.ways or plan.forbidden) and talk.reader.is_interactive:
        way = await talk.choose_way(plan, "; ".join(plan.decision.reasons))
        if way is not None:
            await talk.answer_by(way, plan)
        return
    if await talk.may_ask(plan):
        await talk.answer(talk.session.escalate(talk.chat))


async def ways(talk: Talk, argument: str) -> None:
    await talk.require_vote()
    talk.teller.ways = talk.session.ways_on(talk.chat)
    if not talk.teller.ways:
        raise UsageError("the last question has its answer", "/again asks once more, /other the other side")
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
    """Without a number, which there are."""
    if not argument:
        await reading.list_chats(talk)
        return
    talk.show_chat(await talk.session.open(chat_number(argument)))
    await talk.show_last_turn()


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
    await talk.show_last_turn()


# --- the program


async def thinking(talk: Talk, argument: str) -> None:
    talk.teller.show_thinking = not talk.teller.show_thinking
    output.note("Thinking is shown." if talk.teller.show_thinking else "Thinking is hidden.")


async def show_help(talk: Talk, argument: str) -> None:
    """All, or those that the words are about."""
    words = argument.casefold().split()
    told = [line for line in (*map(str, COMMANDS), *TYPING) if all(word in line.casefold() for word in words)]
    for line in told or [f"Nothing here is about {clean_line(argument, 40)}. /help lists all."]:
        output.line(line)


async def leave(talk: Talk, argument: str) -> None:
    raise Leave


TYPING = (
    'Enter sends. A line that ends in \\ goes on in the next one; so does all between two lines of """.',
    "A line that begins with // is sent with one / less.",
    "Ctrl+C stops a reply; what came stays. At the prompt, Ctrl+C twice or Ctrl+D leaves.",
)

_RUN: dict[str, Callable[[Talk, str], Awaitable[None]]] = {  # by action of the screen
    "escalate": other,
    "compare": comparing.compare,
    "ways": ways,
    "answer_again": branching.again,
    "edit_message": branching.edit,
    "tree": branching.tree,
    "fork_here": branching.fork,
    "delete_branch": branching.delete_branch,
    "stop": stop,
    "new_chat": new,
    "new_off_record": off_record,
    "chats": open_chat,
    "search": reading.search,
    "find": reading.find,
    "save_code": taking.save_code,
    "pipe_code": taking.pipe_code,
    "quote": taking.quote,
    "export_chat": reading.export,
    "details": reading.details,
    "rename_chat": rename,
    "delete_chat": delete,
    "undo_delete": undo,
    "route": places.route,
    "privacy": places.privacy,
    "standing": places.standing,
    "effort": places.effort,
    "prompts": prompting.prompt,
    "save_prompt": prompting.save_prompt,
    "tune": tuning.tune,
    "preset": tuning.preset,
    "save_preset": tuning.save_preset,
    "reasoning": places.reasoning,
    "workload": places.workload,
    "budget": places.budget,
    "attach": attaching.attach,
    "attachments": attaching.attachments,
    "star_chat": keeping.star,
    "tag_chat": keeping.tags,
    "archive_chat": keeping.archive,
    "import_chats": keeping.bring_in,
    "set_key": keeping.key,
    "add_backend": adding.add_backend,
    "toggle_panel": reading.stats,
    "toggle_thinking": thinking,
    "help": show_help,
    "quit": leave,
}
_ELSEWHERE = {  # by action: the command line's own way
    "settings": "`hybridchat doctor` says where config.toml is",
    "copy_reply": "`hybridchat show NUMBER` prints it, to pipe on",
    "copy_code": "/save-code writes it to a file, /pipe-code gives it to a command",
}
OWN = (  # where the screen has another way
    Command(("answers",), reading.answers, "[N]", "The answers to the last question, or go on from one of them"),
    Command(
        ("vote",), comparing.vote, "[N]", "Which answer of a comparison is better: a number, tie, bad, none or names"
    ),
    Command(("show",), reading.show, "", "This conversation from its beginning"),
    Command(("model",), places.model, "[NAME]", "The model of this chat's route, or those that there are"),
)
COMMANDS: tuple[Command, ...] = (
    *OWN,
    *(Command(a.names, _RUN[a.id], a.argument, f"{a.title.rstrip('…')}. {a.help}") for a in ACTIONS if a.id in _RUN),
)
BY_NAME = {name: command for command in COMMANDS for name in command.names}

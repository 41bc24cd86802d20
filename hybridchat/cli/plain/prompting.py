"""Prompts of the library in a line conversation: chosen, filled in line by line, and then the user's to send."""

from __future__ import annotations

from hybridchat.cli import output
from hybridchat.cli.plain.asking import choose, type_in
from hybridchat.cli.plain.talk import Talk
from hybridchat.config.prompts import PromptFile, Variable, fill
from hybridchat.domain.chat import Role
from hybridchat.domain.text import clean, clean_line
from hybridchat.errors import UsageError


async def prompt(talk: Talk, argument: str) -> None:
    """By its name, or chosen by a number. Nothing is sent by it."""
    library = talk.session.prompts
    chosen: PromptFile | None
    if argument:
        chosen = await library.find(argument)
    else:
        shelf = await library.list()
        for problem in shelf.problems:
            output.error(str(problem))
        if not shelf.prompts:
            raise UsageError("there is no prompt", f"Markdown files in {library.folder} are prompts")
        rows = [(one, clean_line(f"{one.name}: {one.description or one.title}", 120)) for one in shelf.prompts]
        chosen = await choose(talk.reader, "Which prompt?", [(None, "None"), *rows])
    if chosen is None:
        return
    values = {name: await _ask(talk, name, variable) for name, variable in chosen.variables.items()}
    text = clean(fill(chosen, {name: value for name, value in values.items() if value is not None}))
    if talk.unsent:
        text = f"{talk.unsent}\n{text}"
    for notice in await talk.session.use_prompt(talk.chat, chosen):
        output.note(notice)
    talk.unsent = text
    for line in text.splitlines():
        output.line(line)
    output.note("Nothing is sent yet: an empty line sends this.")


async def save_prompt(talk: Talk, argument: str) -> None:
    """What was not sent yet, or the newest message of the user's."""
    own = (message.text for message in reversed(talk.chat.messages) if message.role is Role.USER)
    text = talk.unsent.strip() or next(own, "").strip()
    if not text:
        raise UsageError("there is no message to save yet", "send one first")
    name = argument or await type_in(talk.reader, "Name of the prompt:") or ""
    file = await talk.session.prompts.save(name, text)
    output.note(f"Saved as {file}.")


async def _ask(talk: Talk, name: str, variable: Variable) -> str | None:
    """None: not said, so that its default stands."""
    about = f" ({clean_line(variable.description, 80)})" if variable.description else ""
    if variable.choices:
        usual = sorted(variable.choices, key=lambda choice: choice != variable.default)  # Enter takes the first one
        rows = [(choice, clean_line(choice, 80)) for choice in usual]
        return await choose(talk.reader, f"{name}{about}", rows)
    stands = f", Enter for {clean_line(variable.default, 40)!r}" if variable.default else ""
    typed = await type_in(talk.reader, f"{name}{about}{stands}:")
    return typed if typed or variable.default is None else None

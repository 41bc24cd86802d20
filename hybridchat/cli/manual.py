"""The manual page, from the tables of commands and of keys; in the macros of man(7)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from inspect import cleandoc

import click

from hybridchat import __version__
from hybridchat.cli.app import COMMANDS, PROGRAM, root
from hybridchat.cli.reference import EXIT_CODES
from hybridchat.tui.actions import GROUPS, key_name

NAME = "chat with your own models and rented ones in the terminal"
ABOUT = """Every conversation goes to a local model or to a managed one, by a rule that can be read; a line over the
message always says where Enter would send it, and why. Each reply leaves its latency and its cost in a ledger."""
ENVIRONMENT = {
    "HYBRIDCHAT_HOME": "A folder for everything: the config, the ledger, themes and logs.",
    "NO_COLOR": "Nothing is drawn in a colour: bold, underline and reverse show what is marked.",
    "TERM": "Where it is dumb, only --plain and the commands work.",
    "OPENAI_API_KEY, ANTHROPIC_API_KEY, …": "Keys of providers, where the config says so or their own host is asked.",
    "VISUAL, EDITOR": "The editor that a draft is opened in.",
    "OLLAMA_HOST": "An Ollama's address, which the first run offers.",
}
FILES = {
    "config.toml": "The config: backends, routes, budgets, the look. docs/config.md has every key.",
    "keymap.toml": "Keys of one's own, beside the config.",
    "themes/": "Themes of one's own, beside the config.",
    "prompts/": "The library of prompts, beside the config: a Markdown file each.",
    "hybridchat.db": "The ledger: conversations, attempts, what left the machine. An open SQLite schema.",
    "logs/": "What --debug wrote, and where a fault of the program is noted; never any words.",
}
PLACES = (
    "They lie under HYBRIDCHAT_HOME, else in the platform's folders for configs and data: `hybridchat doctor` says."
)


def manual_page() -> str:
    """docs/hybridchat.1 as it must be."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    context = click.Context(root, info_name=PROGRAM)
    yield f'.TH {PROGRAM.upper()} 1 "" "{PROGRAM} {__version__}" "User Commands"'
    yield from (".SH NAME", rf"{PROGRAM} \- {NAME}", ".SH SYNOPSIS")
    yield from (*_usage(root, context), ".SH DESCRIPTION", *_help(f"{ABOUT}\n\n{cleandoc(root.help or '')}"))
    yield from (".SH OPTIONS", *_options(root, context), ".SH COMMANDS")
    for name in (name for names in COMMANDS.values() for name in names):
        if command := root.get_command(context, name):
            yield from _command(command, click.Context(command, info_name=name, parent=context))
    yield from _keys()
    yield from _table("EXIT STATUS", EXIT_CODES)
    yield from _table("ENVIRONMENT", ENVIRONMENT)
    yield from _table("FILES", FILES, PLACES)


def _command(command: click.Command, context: click.Context) -> Iterator[str]:
    """Its page, then those of the commands below it."""
    yield f".SS {_escaped(context.command_path.removeprefix(f'{PROGRAM} '))}"
    yield from (*_usage(command, context), ".PP", *_help(command.help or ""), *_options(command, context))
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            if inner := command.get_command(context, name):
                yield from _command(inner, click.Context(inner, info_name=name, parent=context))


def _usage(command: click.Command, context: click.Context) -> Iterator[str]:
    yield f".B {_escaped(context.command_path)}"
    yield _line(" ".join(command.collect_usage_pieces(context)))


def _help(text: str) -> Iterator[str]:
    r"""Paragraphs; what stands behind \b keeps its lines."""
    for number, paragraph in enumerate(cleandoc(text).split("\n\n")):
        _, as_it_is, example = paragraph.partition("\b\n")
        if number:
            yield ".PP"
        if as_it_is:
            yield from (".nf", *map(_line, example.splitlines()), ".fi")
        else:
            yield from map(_line, paragraph.splitlines())


def _options(command: click.Command, context: click.Context) -> Iterator[str]:
    records = (parameter.get_help_record(context) for parameter in command.get_params(context))
    said = (record for record in records if record is not None)
    yield from _entries((name, words) for name, words in said if words and name != "--help")


def _keys() -> Iterator[str]:
    yield ".SH KEYS"
    yield from _help("Those of the chat, unless a keymap says otherwise. The command palette has all that can be done.")
    for group, actions in GROUPS.items():
        yield f".SS {_escaped(group)}"
        named = (
            (", ".join(map(key_name, action.keys)), f"{action.title.rstrip('…')}. {action.help}.") for action in actions
        )
        yield from _entries((keys, words) for keys, words in named if keys)


def _table(title: str, entries: Mapping[str, str], head: str = "") -> Iterator[str]:
    yield f".SH {title}"
    if head:
        yield from _help(head)
    yield from _entries(entries.items())


def _entries(entries: Iterable[tuple[str, str]]) -> Iterator[str]:
    for term, words in entries:
        yield from (".TP", f".B {_escaped(term)}", _line(words))


def _line(text: str) -> str:
    """One of text, whatever it begins with."""
    return _escaped(text) if text[:1] not in (".", "'") else rf"\&{_escaped(text)}"


def _escaped(text: str) -> str:
    return text.replace("\\", r"\e").replace("-", r"\-").replace('"', r"\(dq")

"""The reference page of all commands, from their own help."""

from __future__ import annotations

from collections.abc import Iterator

import click

from hybridchat.cli.app import COMMANDS, PROGRAM, root

EXIT_CODES = {
    "0": "done; also when the reader of a pipe has gone",
    "1": "failed at the backend, or none is healthy",
    "2": "wrong usage or configuration",
    "3": "refused by policy or budget",
    "130": "interrupted; what came is kept (other signals: 128 + number)",
}
HEAD = """# Commands

Data goes to standard output, talk to standard error. Every failure is one line that says what to do.

| exit code | meaning |
|---|---|
"""


def commands_markdown() -> str:
    """docs/commands.md as it must be."""
    context = click.Context(root, info_name=PROGRAM, terminal_width=100, max_content_width=100)
    parts = [
        HEAD,
        *(f"| {code} | {meaning} |\n" for code, meaning in EXIT_CODES.items()),
        _block(PROGRAM, root, context),
    ]
    for section, names in COMMANDS.items():
        parts.append(f"\n## {section}\n")
        for name in names:
            if command := root.get_command(context, name):
                parts += _pages(name, command, context)
    return "".join(parts)


def _pages(name: str, command: click.Command, parent: click.Context) -> Iterator[str]:
    context = click.Context(command, info_name=name, parent=parent, terminal_width=100, max_content_width=100)
    yield _block(context.command_path, command, context)
    if isinstance(command, click.Group):
        for below in command.list_commands(context):
            if inner := command.get_command(context, below):
                yield from _pages(below, inner, context)


def _block(title: str, command: click.Command, context: click.Context) -> str:
    return f"\n### {title}\n\n```\n{command.get_help(context)}\n```\n"

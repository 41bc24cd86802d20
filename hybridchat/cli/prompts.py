"""`hybridchat prompts`: the library of prompts on the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from hybridchat.cli import output
from hybridchat.cli.groups import DefaultGroup
from hybridchat.cli.known import PROMPT
from hybridchat.cli.prompt import Words
from hybridchat.errors import UsageError

if TYPE_CHECKING:
    from hybridchat.config.prompts import PromptFile
    from hybridchat.session.prompts import Prompts

EXAMPLES = {
    "review": """+++
title = "Review code"
description = "what is wrong, and the least that mends it"

[variables.language]
default = "Python"

[variables.code]
description = "the code, or a diff"
multiline = true
+++
Review this {{language}}. Name what is wrong, why, and the least change that mends it; nothing else.

```
{{code}}
```
""",
    "rewrite": """+++
title = "Rewrite a text"
description = "for other readers, without losing a fact"

[variables.readers]
default = "people who are new to it"

[variables.length]
choices = ["as long as it is", "half as long", "one paragraph"]
default = "as long as it is"

[variables.text]
multiline = true
+++
Rewrite this text for {{readers}}, {{length}}. Keep every fact and every name; add none.

{{text}}
""",
}
var_option = click.option(
    "--var", "variables", type=Words(), multiple=True, metavar="NAME=VALUE", help="A variable's value; repeatable."
)
name_argument = click.argument("name", type=PROMPT)


@click.group("prompts", cls=DefaultGroup, default="list")
def command() -> None:
    """List the prompts of your library (the default), show one, or fill its variables in.

    Each is a Markdown file in the folder `prompts` beside the config, or the one that [prompts] names.

    \b
    hybridchat prompts
    hybridchat prompts fill review --var language=Go --var "code=$(git diff)"
    hybridchat ask --prompt review --var "code=$(git diff)"
    """


@command.command("list")
@output.json_option
def list_(as_json: bool) -> None:
    """List all prompts; what cannot be read is told on standard error.

    \b
    hybridchat prompts list --json
    """
    library = _library()
    shelf = library.read()
    for problem in shelf.problems:
        output.note(str(problem))
    if as_json:
        output.json([as_object(prompt) for prompt in shelf.prompts])
        return
    if not shelf.prompts:
        output.note(f"there is no prompt in {library.folder} — `hybridchat prompts init` writes two examples")
    rows = [(one.name, one.title, ", ".join(one.variables), one.description) for one in shelf.prompts]
    output.table(("name", "title", "variables", "description"), rows)


@command.command("show")
@name_argument
@output.json_option
def show(name: str, as_json: bool) -> None:
    """Print a prompt as it is, with its variables' names.

    \b
    hybridchat prompts show review
    """
    prompt = _library().found(name)
    if as_json:
        output.json(as_object(prompt))
    else:
        output.line(prompt.body)


@command.command("fill")
@name_argument
@var_option
def fill_(name: str, variables: tuple[str, ...]) -> None:
    """Print a prompt with its variables filled in. Nothing is sent.

    \b
    hybridchat prompts fill review --var language=Go --var "code=$(cat main.go)"
    """
    from hybridchat.config.prompts import fill

    output.line(fill(_library().found(name), values_of(variables)))


@command.command("init")
def init() -> None:
    """Write two examples into the folder, if they are not there.

    \b
    hybridchat prompts init
    """
    library = _library()
    for name, text in EXAMPLES.items():
        try:
            output.line(str(library.write(name, text)))
        except UsageError as error:
            output.note(error.message)


def values_of(variables: tuple[str, ...]) -> dict[str, str]:
    """Of NAME=VALUE. Raises UsageError."""
    values = {}
    for said in variables:
        name, equals, value = said.partition("=")
        if not equals:
            raise UsageError(f"--var {said!r} has no =", "such as --var language=Go")
        values[name.strip()] = value
    return values


def as_object(prompt: PromptFile) -> dict[str, Any]:
    return {
        "name": prompt.name,
        "title": prompt.title,
        "description": prompt.description,
        "file": str(prompt.file),
        "preset": prompt.preset,
        "workload": prompt.workload,
        "variables": prompt.variables,
        "text": prompt.body,
    }


def _library() -> Prompts:
    from hybridchat.cli.store import load_wiring

    return load_wiring().open_prompts()

"""The flags of a question that go to the model with it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from hybridchat.cli.finite import Counted, FiniteRange
from hybridchat.cli.prompt import Words
from hybridchat.domain.chat import Effort, Parameters

_Command = Callable[..., Any]
_FLAGS = (
    click.option(
        "--effort",
        type=click.Choice([effort.value for effort in Effort]),
        help="How much the model may think, for this question.",
    ),
    click.option("--temperature", type=FiniteRange(0, 2), metavar="T", help="How freely it picks its words, 0 to 2."),
    click.option("--top-p", type=FiniteRange(0, 1, min_open=True), metavar="P", help="From the likeliest words alone."),
    click.option("--max-tokens", type=Counted(), metavar="N", help="End the reply after N tokens."),
    click.option("--num-ctx", type=Counted(), metavar="N", help="Load the model with a context of N tokens (Ollama)."),
    click.option("--seed", type=int, metavar="N", help="Pick the same words again, where the server can."),
    click.option("--stop", type=Words(), multiple=True, metavar="TEXT", help="End the reply before TEXT; repeatable."),
)


def sampling_options(command: _Command) -> _Command:
    """Adds the flags; `parameters_of` makes one value of what they were given."""
    for flag in reversed(_FLAGS):
        command = flag(command)
    return command


def parameters_of(arguments: dict[str, Any]) -> Parameters:
    """Takes the flags out of the command's arguments. What a model does not take is left out, or refused by it."""
    effort = arguments.pop("effort")
    names = ("temperature", "top_p", "max_tokens", "num_ctx", "seed", "stop")
    return Parameters(effort=Effort(effort) if effort else None, **{name: arguments.pop(name) for name in names})

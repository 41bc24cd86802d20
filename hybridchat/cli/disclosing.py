"""What becomes of secrets and personal data that a managed backend would get: two flags that exclude each other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from hybridchat.domain.chat import Disclosure
from hybridchat.errors import UsageError

Command = TypeVar("Command", bound=Callable[..., Any])


def disclosure_options(command: Command) -> Command:
    """`--mask` and `--send-as-is`; `disclosure_of` takes them from the command's arguments."""
    mask = "Send placeholders for secrets and personal data; the reply has them put back. Names are not found."
    as_is = "Send secrets and personal data to a managed backend as they are, with those masked in earlier turns."
    command = click.option("--send-as-is", is_flag=True, help=as_is)(command)
    return click.option("--mask", is_flag=True, help=mask)(command)


def disclosure_of(arguments: dict[str, object]) -> Disclosure | None:
    """Takes the flags out of the arguments; None: neither was given. Raises UsageError for both at once."""
    mask, send_as_is = arguments.pop("mask"), arguments.pop("send_as_is")
    if mask and send_as_is:
        raise UsageError("--mask and --send-as-is exclude each other", "give one of them")
    return Disclosure.MASKED if mask else Disclosure.AS_IS if send_as_is else None

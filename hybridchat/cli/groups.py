"""Command groups."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem


class DefaultGroup(click.Group):
    """A group whose default command may be left out: `keys --json` means `keys list --json`."""

    def __init__(self, *arguments: object, default: str, **attributes: object) -> None:
        super().__init__(*arguments, **attributes)  # type: ignore[arg-type]  # click's own to check
        self.default = default

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem[str]]:
        """Its commands, and what the default one takes."""
        found = super().shell_complete(ctx, incomplete)
        default = self.commands[self.default]
        known = {item.value for item in found}
        return found + [item for item in default.shell_complete(ctx, incomplete) if item.value not in known]

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if ctx.resilient_parsing and not args:  # a shell asks what may stand here
            return super().parse_args(ctx, args)
        names_one = args and (not args[0].startswith("-") or args[0] in ctx.help_option_names)
        return super().parse_args(ctx, args if names_one else [self.default, *args])

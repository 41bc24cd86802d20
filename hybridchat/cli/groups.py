"""Command groups."""

from __future__ import annotations

import click


class DefaultGroup(click.Group):
    """A group whose default command may be left out: `keys --json` means `keys list --json`."""

    def __init__(self, *arguments: object, default: str, **attributes: object) -> None:
        super().__init__(*arguments, **attributes)  # type: ignore[arg-type]  # click's own to check
        self.default = default

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        names_one = args and (not args[0].startswith("-") or args[0] in ctx.help_option_names)
        return super().parse_args(ctx, args if names_one else [self.default, *args])

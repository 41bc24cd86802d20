"""The root command, which loads only the file of the chosen command, and the boundary where errors become one line."""

from __future__ import annotations

import importlib
import keyword
import os
import sys
from collections.abc import Sequence
from itertools import takewhile
from typing import TYPE_CHECKING

import click

from hybridchat import __version__
from hybridchat.cli import output
from hybridchat.errors import EXIT_FAILED, EXIT_INTERRUPTED, EXIT_OK, EXIT_USAGE, HybridchatError

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

PROGRAM = "hybridchat"

# Section → commands; `hybridchat.cli.NAME` holds the click command `command`; a keyword of Python has a `_` there.
COMMANDS: dict[str, tuple[str, ...]] = {
    "Talk": ("ask", "escalate", "compare", "prompts", "presets", "demo"),
    "Conversations": ("list", "search", "show", "rename", "mark", "fork", "delete", "import", "backup", "restore"),
    "Models and engines": ("models", "local", "backends", "keys", "doctor"),
    "Privacy": ("audit",),
    "Numbers": ("stats", "budget", "export", "advise"),
    "Program": ("completion",),
}


class LazyGroup(click.Group):
    """Imports a command's file when that command, or the help, is wanted."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [name for names in COMMANDS.values() for name in names]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.list_commands(ctx):
            return None
        module = f"{cmd_name}_" if keyword.iskeyword(cmd_name) else cmd_name
        command: click.Command = importlib.import_module(f"hybridchat.cli.{module}").command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.exceptions.NoSuchCommand as error:
            raise click.exceptions.NoSuchCommand(
                error.command_name, possibilities=self.list_commands(ctx), ctx=ctx
            ) from None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for section, names in COMMANDS.items():
            with formatter.section(section):
                commands = [(name, self.get_command(ctx, name)) for name in names]
                formatter.write_dl([(name, c.get_short_help_str(100)) for name, c in commands if c])


def _themes(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem[str]]:
    from hybridchat.cli.known import THEME

    return THEME.shell_complete(ctx, param, incomplete)


def _presets(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem[str]]:
    from hybridchat.cli.known import PRESET

    return PRESET.shell_complete(ctx, param, incomplete)


@click.group(PROGRAM, cls=LazyGroup, invoke_without_command=True)
@click.option("-c", "--continue-last", is_flag=True, help="Reopen the last conversation.")
@click.option("--local-only", is_flag=True, help="Nothing of this run leaves this device; before any command.")
@click.option("--plain", is_flag=True, help="Lines and words instead of a screen: for screen readers, logs and pipes.")
@click.option(
    "--theme",
    metavar="NAME",
    shell_complete=_themes,
    help="Colours for this run; `hybridchat doctor` lists the names.",
)
@click.option("--preset", metavar="NAME", shell_complete=_presets, help="Begin by this preset of the config.")
@click.option("--debug", is_flag=True, help="Write content-free events to logs/debug.log; show tracebacks.")
@click.version_option(__version__, message="%(prog)s %(version)s")
@click.pass_context
def root(
    ctx: click.Context,
    continue_last: bool,
    local_only: bool,
    plain: bool,
    theme: str | None,
    preset: str | None,
    debug: bool,
) -> None:
    """Chat with your own models and rented ones. Without a command it opens the chat.

    \b
    hybridchat                          open the chat
    hybridchat --local-only             with no way off this device
    hybridchat --plain                  the same without a screen, line by line
    git diff | hybridchat ask "review this"
    hybridchat COMMAND --help           every command has an example
    """
    ctx.obj = debug
    if plain and theme:
        raise click.UsageError("--theme is the screen's, and --plain has none", ctx)
    if ctx.invoked_subcommand is None and plain:
        from hybridchat.cli.plain import opening

        opening.open_plain(continue_last=continue_last, preset=preset)
    elif ctx.invoked_subcommand is None:
        from hybridchat.cli import chat

        chat.open_chat(continue_last=continue_last, theme=theme, preset=preset)
    elif continue_last or theme or plain or preset:
        raise click.UsageError("-c, --plain, --theme and --preset are the chat's; a command's options follow it", ctx)


def run(arguments: Sequence[str]) -> int:
    """Runs one command line. Returns the exit code; every failure has been told in one line on stderr by then."""
    output.prepare_streams()
    if "_HYBRIDCHAT_COMPLETE" in os.environ:
        from hybridchat.cli.completing import complete

        return complete(root, PROGRAM, os.environ["_HYBRIDCHAT_COMPLETE"])
    try:
        with root.make_context(PROGRAM, list(arguments)) as ctx:
            root.invoke(ctx)
        sys.stdout.flush()
    except click.exceptions.Exit as exit_request:
        return exit_request.exit_code
    except click.UsageError as error:
        where = error.ctx.command_path if error.ctx else PROGRAM
        output.error(f"{error.format_message().rstrip('.')} — see `{where} --help`")
        return EXIT_USAGE
    except HybridchatError as error:
        output.error(str(error))
        return error.exit_code
    except (KeyboardInterrupt, click.Abort):
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        output.discard_stdout()
        return EXIT_OK
    except OSError as error:
        output.discard_stdout()
        output.error(
            f"{error.strerror or error}{f': {error.filename}' if error.filename else ''} — nothing more is done"
        )
        return EXIT_FAILED
    except Exception as error:  # the last boundary: a defect of ours ends in one line too
        if "--debug" in takewhile(lambda argument: argument.startswith("-"), arguments):
            raise
        output.error(
            f"unexpected {type(error).__name__}: {error} — run it again with `hybridchat --debug …` for the details"
        )
        return EXIT_FAILED
    return EXIT_OK

"""`hybridchat completion`: the script that makes a shell complete our command line."""

from __future__ import annotations

import click

from hybridchat.cli import output

INSTALL = {
    "bash": "hybridchat completion bash > ~/.local/share/bash-completion/completions/hybridchat",
    "zsh": 'hybridchat completion zsh > "${fpath[1]}/_hybridchat"',
    "fish": "hybridchat completion fish > ~/.config/fish/completions/hybridchat.fish",
}


@click.command("completion")
@click.argument("shell", type=click.Choice([*INSTALL]))
def command(shell: str) -> None:
    """Print a script that completes commands, options, backends, models, conversations and themes.

    Names come from the config and the ledger: completing asks no server. The script says how to install it; to try it
    in the shell that runs:

    \b
    eval "$(hybridchat completion bash)"
    hybridchat completion fish | source
    """
    from hybridchat.cli.app import PROGRAM, root
    from hybridchat.cli.completing import completion_of

    completion = completion_of(shell, root, PROGRAM)
    assert completion is not None
    tag, compdef, script = completion.source().rpartition("#compdef hybridchat\n")  # zsh wants it in the first line
    output.write(f"{tag}{compdef}# to keep it: {INSTALL[shell]}\n{script}")

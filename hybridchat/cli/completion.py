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
    """Print a script that completes commands, options, and the names of all that is yours.

    Those of backends, models, presets, prompts, conversations, tags and themes come from the disk: completing asks no
    server. The script says how to install it; to try it in the shell that runs:

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

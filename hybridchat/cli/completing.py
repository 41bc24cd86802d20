"""A shell's completion, by click's protocol: the shell asks this program, which answers from what is on the disk."""

from __future__ import annotations

import os
import sys

import click
from click.shell_completion import (
    BashComplete,
    CompletionItem,
    FishComplete,
    ShellComplete,
    get_completion_class,
    split_arg_string,
)

VARIABLE = "_HYBRIDCHAT_COMPLETE"

_BASH = """\
%(complete_func)s() {
    local kind value
    COMPREPLY=()
    while IFS=, read -r kind value; do
        case $kind in
            dir) compopt -o dirnames ;;
            file) compopt -o default ;;
            plain) COMPREPLY+=("$value") ;;
        esac
    done < <(COMPLETE_LINE="${COMP_LINE:0:COMP_POINT}" COMPLETE_BREAKS="$COMP_WORDBREAKS" \\
        %(complete_var)s=bash_complete "$1" 2>/dev/null)
}
complete -o nosort -F %(complete_func)s %(prog_name)s 2>/dev/null || complete -F %(complete_func)s %(prog_name)s
"""


class Bash(BashComplete):
    """Click's own takes the words as bash has cut them, which is at each `:` of a model's name. Here they are whole,
    and the answer is cut as bash wants it."""

    source_template = _BASH
    _kept = ""  # of the word at the cursor: what bash leaves standing, and puts the answer behind

    def get_completion_args(self) -> tuple[list[str], str]:
        line = os.environ["COMPLETE_LINE"]
        words = split_arg_string(line)[1:]
        if line[-1:].isspace() or not words:
            words.append("")
        *before, word = words
        name, is_option_with_value, value = word.partition("=")
        asked = value if is_option_with_value and name.startswith("--") else word
        breaks = [at for mark in ":=" if mark in os.environ["COMPLETE_BREAKS"] and (at := asked.rfind(mark)) >= 0]
        self._kept = asked[: max(breaks, default=-1) + 1]
        return before, word

    def format_completion(self, item: CompletionItem[str]) -> str:
        return f"{item.type},{item.value.removeprefix(self._kept)}"

    def source(self) -> str:
        """Click's looks for a bash first, to ask its version: this one runs in any."""
        return ShellComplete.source(self)


class Fish(FishComplete):
    """Click's own cuts off what stands behind a comma of the answer."""

    source_template = FishComplete.source_template.replace('string split ","', 'string split --max 1 ","')


OURS: dict[str, type[ShellComplete]] = {"bash": Bash, "fish": Fish}


def completion_of(shell: str, root: click.Command, program: str) -> ShellComplete | None:
    kind = OURS.get(shell) or get_completion_class(shell)
    return None if kind is None else kind(root, {}, program, VARIABLE)


def complete(root: click.Command, program: str, instruction: str) -> int:
    """Answers the shell: `bash_complete`. Whatever is wrong, nothing is said in somebody's prompt."""
    shell, _, what = instruction.partition("_")
    completion = completion_of(shell, root, program)
    if completion is None or what != "complete":
        return 1
    try:
        answer = completion.complete()
    except Exception:  # noqa: BLE001 - a mistake of ours costs the completion
        return 1
    sys.stdout.write(f"{answer}\n")
    return 0

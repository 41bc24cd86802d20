"""What is typed after a slash: a command of the table, or words. The screen and `--plain` read it alike."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from typing import NamedTuple

from hybridchat.domain.text import clean_line
from hybridchat.errors import UsageError
from hybridchat.tui.actions import ACTIONS, Action

_CALL = re.compile(r"/([^\W\d_][\w-]*|\?)?(?:\s+(.*))?")
BY_NAME: dict[str, Action] = {name: action for action in ACTIONS for name in action.names}


class Call(NamedTuple):
    """`/name argument`; the name as it was typed, case folded."""

    name: str
    argument: str = ""


def call_in(text: str) -> Call | None:
    """What a text calls: one line, a slash, and a name with nothing but an argument behind it. A path, several lines
    and what begins with // are words."""
    line = text.rstrip()
    match = _CALL.fullmatch(line) if line.startswith("/") and "\n" not in line else None
    if match is None or (match[1] is None and match[2]):
        return None
    return Call((match[1] or "").casefold(), match[2] or "")


def words_of(text: str) -> str:
    """What is sent of a text that is no call: // at the beginning of one line stands for /."""
    return text[1:] if _is_doubled(text) else text


def as_typed(words: str) -> str:
    """What has to stand in the composer so that these words are sent."""
    return f"/{words}" if _is_doubled(words) or call_in(words) else words


def _is_doubled(text: str) -> bool:
    return text.startswith("//") and "\n" not in text.rstrip()


def no_such(name: str, names: Collection[str]) -> UsageError:
    """One line that helps: the nearest of the names that there are, or what is meant by that word elsewhere."""
    from difflib import get_close_matches

    from hybridchat.tui.matching import WORD, rank

    begun = [known for known in names if name and known.startswith(name)]
    called = {a.names[0]: rank(name, a) for a in ACTIONS if a.names and a.names[0] in names}
    meant_by = sorted((one for one, how_well in called.items() if how_well >= WORD), key=lambda one: -called[one])
    near = [f"/{known}" for known in (begun or meant_by or get_close_matches(name, names, 2))[:2]]
    meant = f"did you mean {' or '.join(near)}? " if near else ""
    said = f"there is no command /{clean_line(name, 40)}"
    return UsageError(said, f"{meant}/help lists all; to send it as words, begin with //")


def value_of(typed: str, names: Sequence[str]) -> str:
    """The name that is meant: itself, or the only one that begins so. Raises UsageError for any other."""
    wanted = _plain(typed)
    meant = [name for name in names if _plain(name) == wanted] or [n for n in names if _plain(n).startswith(wanted)]
    if len(meant) != 1:
        raise UsageError(f"{clean_line(typed, 40)!r} is none of these", ", ".join(names))
    return meant[0]


def route_in(argument: str) -> tuple[str, str | None]:
    """`TO [MODEL]`: where to, and the model if one is named."""
    to, _, model = argument.partition(" ")
    return to, model.strip() or None


def _plain(name: str) -> str:
    return name.casefold().replace("-", "_").replace(" ", "_")


def call_words(call: Call, send: str, *, completes: bool = False) -> str:
    """What Enter does, for the line over the composer; `send` is how the key is called. `completes`: no more yet."""
    if action := BY_NAME.get(call.name):
        send = f"{send} completes" if completes else send
        return f"{send}: {action.title.rstrip('…')} · {action.help} · /{call.name} {action.argument}".rstrip()
    if not call.name:
        return f"{send} chooses what to do · // sends it as words"
    return f"{send} does nothing: {no_such(call.name, BY_NAME)}"

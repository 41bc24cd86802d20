"""Telling of a long reply that ended out of sight, by what the terminal itself has for that; never words of a chat."""

from __future__ import annotations

from collections.abc import Mapping

from hybridchat.config import NotifyConfig
from hybridchat.domain.chat import Attempt, Outcome, Privacy, is_off_record
from hybridchat.domain.text import clean_line
from hybridchat.tui.words import seconds

BELL = "\a"

# What the environment says of a terminal that is known to have notifications: variable, what its value begins with.
_KNOWN = (
    ("KITTY_WINDOW_ID", "", "osc99"),
    ("TERM", "xterm-kitty", "osc99"),
    ("TERM", "xterm-ghostty", "osc777"),
    ("TERM", "foot", "osc777"),
    ("TERM", "rxvt-unicode", "osc777"),
    ("TERM_PROGRAM", "ghostty", "osc777"),
    ("TERM_PROGRAM", "WezTerm", "osc777"),
    ("TERM_PROGRAM", "iTerm.app", "osc9"),
    ("TERM_PROGRAM", "WarpTerminal", "osc9"),
    ("LC_TERMINAL", "iTerm2", "osc9"),
)


def what_to_write(attempt: Attempt, config: NotifyConfig, environment: Mapping[str, str]) -> str:
    """To the terminal, now that this attempt has ended out of sight; "" for nothing."""
    is_pinned = attempt.privacy is not Privacy.OPEN or is_off_record(attempt.conversation_id)
    if attempt.outcome not in (Outcome.OK, Outcome.ERROR):
        return ""
    took_s = (attempt.latency_ms or 0) / 1000
    if took_s < config.after_s or (is_pinned and not config.pinned):
        return ""
    done = "has answered" if attempt.outcome is Outcome.OK else "has failed"
    words = clean_line(f"{attempt.backend} {done} after {seconds(took_s)}", 100)
    return notification(words, config.message, environment) + (BELL if config.sound else "")


def notification(words: str, wanted: str, environment: Mapping[str, str]) -> str:
    """The sequence that makes the terminal show these words, which must be clean; "" where it has none."""
    protocol = _protocol(environment) if wanted == "auto" else wanted
    words = words.replace(";", ",")  # it divides the sequences' parts
    match protocol:
        case "osc9":
            sequence = f"\x1b]9;hybridchat: {words}\x1b\\"
        case "osc777":
            sequence = f"\x1b]777;notify;hybridchat;{words}\x1b\\"
        case "osc99":
            sequence = f"\x1b]99;i=hybridchat:d=0;hybridchat\x1b\\\x1b]99;i=hybridchat:p=body;{words}\x1b\\"
        case _:
            return ""
    if environment.get("TMUX"):  # which hands on what stands between these, where allow-passthrough is on
        return "\x1bPtmux;" + sequence.replace("\x1b", "\x1b\x1b") + "\x1b\\"
    return sequence


def _protocol(environment: Mapping[str, str]) -> str:
    known = (name for key, value, name in _KNOWN if key in environment and environment[key].startswith(value))
    return next(known, "off")

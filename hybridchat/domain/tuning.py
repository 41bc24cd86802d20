"""A conversation's own settings: how they are typed and read back, what differs from the default, in words."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from hybridchat.domain.chat import Effort, Parameters
from hybridchat.domain.text import clean_line, count_of
from hybridchat.errors import UsageError

MOST_STOP_WORDS = 16
DEFAULT = "default"
_MOST_TOKENS = 2**31 - 1
_MOST_SEED = 2**63 - 1
_STOP_WORD = r'\s*("(?:[^"\\]|\\.)*"|[^\s"]+)'  # not compiled before it is wanted: this is on the way to the first key
_BARE = r"[^\s\"\\\x00-\x1f\x7f]+"


class Setting(Struct, frozen=True):
    """One of `Parameters`, as people read it. `allowed` completes "such as" or "from … to …"."""

    name: str  # the field
    title: str
    allowed: str
    meaning: str
    low: float = 0
    high: float = math.inf
    is_whole: bool = False
    above_low: bool = False  # `low` itself is not allowed


SETTINGS: dict[str, Setting] = {
    setting.name: setting
    for setting in (
        Setting("temperature", "temperature", "a number from 0 to 2", "How freely it picks its words", 0, 2),
        Setting("top_p", "top-p", "a number above 0, at most 1", "From the likeliest words alone", 0, 1, False, True),
        Setting(
            "max_tokens", "max tokens", "a whole number from 1", "End a reply after so many", 1, _MOST_TOKENS, True
        ),
        Setting("effort", "effort", "off, low, medium or high", "How much it may think"),
        Setting("num_ctx", "context size", "a whole number from 1", "Tokens to load it with", 1, _MOST_TOKENS, True),
        Setting("seed", "seed", "a whole number", "Pick the same words again", -_MOST_SEED, _MOST_SEED, True),
        Setting("stop", "stop words", 'words, or "in quotes"', "End a reply before them"),
    )
}


class Untaken(Struct, frozen=True):
    """A setting that a backend, or a model of it, does not take: it is left out of the request, or, `is_refused`, the
    request is not made at all."""

    name: str  # of the setting
    why: str
    is_refused: bool = False

    @property
    def title(self) -> str:
        return SETTINGS[self.name].title


def untaken_words(settings: Iterable[Untaken]) -> str:
    """`without temperature (gpt-5 takes none)`; a request is not answered with what is refused."""
    words = (("refuses" if one.is_refused else "without") + f" {one.title} ({one.why})" for one in settings)
    return clean_line(", ".join(words), 200)


def over(first: Parameters, second: Parameters) -> Parameters:
    """What the first says, and the second where it says nothing."""
    return Parameters(**{**given(second), **given(first)})


def given(parameters: Parameters) -> dict[str, Any]:
    """Those that differ from the default, in the order of `SETTINGS`."""
    values = {name: getattr(parameters, name) for name in SETTINGS}
    return {name: value for name, value in values.items() if value not in (None, ())}


def read_setting(name: str, typed: str) -> Any:
    """What was typed, as `Parameters` has it; None, or no words, for nothing. Raises UsageError."""
    setting, text = SETTINGS[name], typed.strip()
    if name == "stop":
        return _stop_words(text)
    if not text:
        return None
    if name == "effort":
        try:
            return Effort(text.casefold())
        except ValueError:
            raise _not_allowed(setting, typed) from None
    return _number(setting, text)


def _number(setting: Setting, text: str) -> float | int:
    try:
        number = int(text) if setting.is_whole else float(text)
    except ValueError:
        raise _not_allowed(setting, text) from None
    if not _is_within(setting, number):
        raise _not_allowed(setting, text)
    return number


def _is_within(setting: Setting, number: float) -> bool:
    return (
        math.isfinite(number)
        and setting.low <= number <= setting.high
        and not (setting.above_low and number == setting.low)
    )


def _stop_words(text: str) -> tuple[str, ...]:
    words, at, stop_word = [], 0, re.compile(_STOP_WORD)
    while at < len(text):
        found = stop_word.match(text, at)
        if found is None:
            raise UsageError('stop words: a " is not closed', 'such as END "\\n\\n" "two words"')
        at, word = found.end(), found[1]
        words.append(_unquoted(word) if word.startswith('"') else word)
    if len(words) > MOST_STOP_WORDS:
        raise UsageError(f"stop words: these are {len(words)}", f"at most {MOST_STOP_WORDS}")
    return tuple(word for word in words if word)


def _unquoted(word: str) -> str:
    try:
        return msgspec.json.decode(word, type=str)
    except msgspec.DecodeError:
        raise UsageError(f"stop words: {clean_line(word, 40)} cannot be read", 'such as "\\n" or "two words"') from None


def _not_allowed(setting: Setting, typed: str) -> UsageError:
    return UsageError(f"{setting.title}: {clean_line(typed, 40)!r} is not allowed", setting.allowed)


def typed_setting(value: Any) -> str:
    """A value as one types it; "" for none."""
    if value is None:
        return ""
    if isinstance(value, tuple):
        return " ".join(word if re.fullmatch(_BARE, word) else msgspec.json.encode(word).decode() for word in value)
    return f"{value:g}" if isinstance(value, float) else str(value)


def changed(parameters: Parameters, system: str, words: str) -> tuple[Parameters, str]:
    """As `temperature 0.2`, `system Be brief.`, `seed default` or, for all, `default` says. Raises UsageError."""
    wanted, _, typed = words.strip().partition(" ")
    if wanted == DEFAULT and not typed:
        return Parameters(), ""
    typed = typed.strip()
    if not typed:
        raise UsageError(
            f"{clean_line(words, 40)}: which value?", f"such as `temperature 0.2`, or `{wanted} {DEFAULT}`"
        )
    value = "" if typed.casefold() == DEFAULT else typed
    begun = wanted.casefold().replace("-", "_")
    names = [name for name in (*SETTINGS, "system") if name.startswith(begun) or _named(name).startswith(begun)]
    if len(names) != 1:
        raise UsageError(f"{clean_line(wanted, 40)!r} is no setting", ", ".join((*map(_named, SETTINGS), "system")))
    if names[0] == "system":
        return parameters, value
    return replace(parameters, **{names[0]: read_setting(names[0], value)}), system


def _named(name: str) -> str:
    """As one word."""
    return SETTINGS[name].title.replace("-", "_").replace(" ", "_") if name in SETTINGS else name


def in_words(parameters: Parameters, system: str = "") -> list[str]:
    """What differs from the default, a few words each."""
    found = [_words(name, value) for name, value in given(parameters).items()]
    return [*found, "system prompt"] if system else found


def _words(name: str, value: Any) -> str:
    match name:
        case "max_tokens":
            return f"at most {count_of(value, 'token')}"
        case "num_ctx":
            return f"context {value:,}"
        case "stop":
            return count_of(len(value), "stop word")
        case _:
            return f"{SETTINGS[name].title} {typed_setting(value)}"


# --- in the ledger


def stored(parameters: Parameters) -> str:
    """A JSON object of those that differ from the default."""
    return msgspec.json.encode(parameters).decode()


def from_stored(text: str | bytes) -> Parameters:
    """As far as it can be understood: a newer version's, another program's and a damaged page's may say anything."""
    try:
        values = msgspec.json.decode(text)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return Parameters()
    return from_values(values) if isinstance(values, dict) else Parameters()


def from_values(values: Mapping[str, Any]) -> Parameters:
    """Those that are what they should be; the others are as if not set."""
    kept: dict[str, Any] = {}
    for name, setting in SETTINGS.items():
        try:
            kept |= given(msgspec.convert({name: values[name]}, Parameters)) if values.get(name) is not None else {}
        except msgspec.ValidationError:
            continue
        value = kept.get(name)
        if isinstance(value, int | float) and not _is_within(setting, value):
            del kept[name]
    return Parameters(**{**kept, "stop": kept.get("stop", ())[:MOST_STOP_WORDS]})


def trace_of(parameters: Parameters, system: str) -> str | None:
    """What a request carried beside its words, for a row that outlives them: numbers alone. None: nothing."""
    trace = given(parameters)
    if "stop" in trace:
        trace["stop"] = len(trace["stop"])
    if system:
        trace["system_characters"] = len(system)
    return msgspec.json.encode(trace).decode() if trace else None


def trace_words(trace: str) -> str:
    """`temperature 0.2, 2 stop words, a system prompt of 812 characters`; "" for what cannot be understood."""
    try:
        values = msgspec.json.decode(trace, type=dict[str, Any])
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return ""
    stop, characters = values.pop("stop", None), values.pop("system_characters", None)
    words = in_words(from_values(values))
    if isinstance(stop, int):
        words.append(count_of(stop, "stop word"))
    if isinstance(characters, int):
        words.append(f"a system prompt of {count_of(characters, 'character')}")
    return ", ".join(words)

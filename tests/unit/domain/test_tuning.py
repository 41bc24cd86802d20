"""Settings as they are typed, told, kept and read back."""

from __future__ import annotations

import json
from typing import Any

import pytest
from msgspec.structs import replace

from hybridchat.domain.chat import Effort, Parameters
from hybridchat.domain.tuning import (
    SETTINGS,
    changed,
    from_stored,
    given,
    in_words,
    over,
    read_setting,
    stored,
    trace_of,
    trace_words,
    typed_setting,
)
from hybridchat.errors import UsageError

ALL = Parameters(
    temperature=0.2,
    top_p=0.9,
    max_tokens=500,
    seed=7,
    stop=("END", "\n\n", "two words"),
    num_ctx=8192,
    effort=Effort.LOW,
)


def test_every_parameter_is_a_setting() -> None:
    assert sorted(SETTINGS) == sorted(Parameters.__struct_fields__)


@pytest.mark.parametrize(
    ("name", "typed", "value"),
    [
        ("temperature", " 0.7 ", 0.7),
        ("temperature", "2", 2.0),
        ("temperature", "", None),
        ("top_p", "1", 1.0),
        ("max_tokens", "500", 500),
        ("num_ctx", "8192", 8192),
        ("seed", "-3", -3),
        ("effort", "High", Effort.HIGH),
        ("stop", 'END  "two words" "\\n"', ("END", "two words", "\n")),
        ("stop", "", ()),
        ("stop", '""', ()),
    ],
)
def test_what_is_typed(name: str, typed: str, value: Any) -> None:
    assert read_setting(name, typed) == value


@pytest.mark.parametrize(
    ("name", "typed", "says"),
    [
        ("temperature", "3", "temperature: '3' is not allowed — a number from 0 to 2"),
        ("temperature", "nan", "a number from 0 to 2"),
        ("temperature", "warm", "temperature: 'warm'"),
        ("top_p", "0", "a number above 0, at most 1"),
        ("max_tokens", "1.5", "a whole number from 1"),
        ("max_tokens", "0", "a whole number from 1"),
        ("num_ctx", "9" * 40, "a whole number from 1"),
        ("effort", "much", "off, low, medium or high"),
        ("stop", 'END "open', 'a " is not closed'),
        ("stop", '"\\x"', "cannot be read"),
        ("stop", " ".join("abcdefghijklmnopq"), "at most 16"),
    ],
)
def test_what_is_not_allowed_says_what_is(name: str, typed: str, says: str) -> None:
    with pytest.raises(UsageError) as raised:
        read_setting(name, typed)
    assert says in str(raised.value)


@pytest.mark.parametrize("name", SETTINGS)
def test_typed_again_it_is_the_same(name: str) -> None:
    value = getattr(ALL, name)
    assert read_setting(name, typed_setting(value)) == value


def test_a_message_goes_before_its_conversation() -> None:
    mine, other = Parameters(temperature=0.0, stop=("x",)), Parameters(temperature=1.0, seed=3, stop=("y",))
    assert over(mine, other) == Parameters(temperature=0.0, seed=3, stop=("x",))
    assert over(Parameters(), ALL) == over(ALL, Parameters()) == ALL


def test_what_differs_is_told() -> None:
    assert in_words(Parameters()) == []
    assert in_words(ALL, "Be brief.") == [
        *("temperature 0.2", "top-p 0.9", "at most 500 tokens", "effort low", "context 8,192", "seed 7"),
        *("3 stop words", "system prompt"),
    ]


def test_a_line_changes_one() -> None:
    assert changed(ALL, "x", "temperature 1") == (replace(ALL, temperature=1.0), "x")
    assert changed(ALL, "x", " max-tokens  default ") == (replace(ALL, max_tokens=None), "x")
    assert changed(ALL, "x", "context 512") == (replace(ALL, num_ctx=512), "x")
    assert changed(ALL, "x", 'stop "two words"') == (replace(ALL, stop=("two words",)), "x")
    assert changed(ALL, "x", "system Be brief.") == (ALL, "Be brief.")
    assert changed(ALL, "x", "system default") == (ALL, "")
    assert changed(ALL, "x", "default") == (Parameters(), "")


@pytest.mark.parametrize(
    ("words", "says"),
    [("t 1", "no setting"), ("heat 1", "no setting"), ("seed", "which value"), ("seed x", "seed: 'x'")],
)
def test_a_line_that_says_nothing_is_told(words: str, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        changed(ALL, "", words)


def test_stored_and_read_back() -> None:
    assert from_stored(stored(ALL)) == ALL
    assert stored(Parameters()) == "{}"


@pytest.mark.parametrize(
    "text",
    ["", "[", "[]", "null", b"\xff\xfe", '{"temperature": "hot", "top_p": 7, "seed": 1e400, "stop": [1], "new": true}'],
)
def test_what_cannot_be_understood_is_as_if_not_set(text: str | bytes) -> None:
    assert from_stored(text) == Parameters()


def test_one_broken_value_leaves_the_others() -> None:
    assert given(from_stored('{"temperature": 99, "seed": 4, "effort": "utmost"}')) == {"seed": 4}


def test_the_trace_holds_no_text() -> None:
    trace = trace_of(ALL, "My name is Ann.")
    assert trace is not None and json.loads(trace) == {
        "temperature": 0.2,
        "top_p": 0.9,
        "max_tokens": 500,
        "effort": "low",
        "num_ctx": 8192,
        "seed": 7,
        "stop": 3,
        "system_characters": 15,
    }
    assert trace_of(Parameters(), "") is None
    assert trace_words(trace) == (
        "temperature 0.2, top-p 0.9, at most 500 tokens, effort low, context 8,192, seed 7, 3 stop words, "
        "a system prompt of 15 characters"
    )
    assert [trace_words(broken) for broken in ("", "[]", '{"stop": "x", "seed": "y"}')] == ["", "", ""]

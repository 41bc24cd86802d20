"""What is written to the terminal when a long reply ends out of sight."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from hybridchat.config import NotifyConfig
from hybridchat.domain.chat import OFF_RECORD_FROM, Attempt, Outcome, Privacy
from hybridchat.tui.notifying import notification, what_to_write
from tests.corpus.attempts import ANSWERED

ATTEMPT = replace(ANSWERED, latency_ms=34_000.0)
KITTY = {"KITTY_WINDOW_ID": "1"}
OSC9 = NotifyConfig(message="osc9")


def test_a_long_reply_by_the_terminals_own() -> None:
    assert what_to_write(ATTEMPT, OSC9, {}) == "\x1b]9;hybridchat: lab has answered after 34.0 s\x1b\\"


def test_with_a_bell_or_a_bell_alone() -> None:
    assert what_to_write(ATTEMPT, NotifyConfig(message="osc9", sound=True), {}).endswith("s\x1b\\\a")
    assert what_to_write(ATTEMPT, NotifyConfig(message="off", sound=True), KITTY) == "\a"
    assert what_to_write(ATTEMPT, NotifyConfig(sound=True), {}) == "\a", "a terminal that is not known gets no sequence"


@pytest.mark.parametrize(
    "attempt",
    [
        replace(ATTEMPT, latency_ms=19_999.0),
        replace(ATTEMPT, latency_ms=None),
        replace(ATTEMPT, outcome=Outcome.STOPPED),
        replace(ATTEMPT, outcome=Outcome.REFUSED),
        replace(ATTEMPT, privacy=Privacy.LOCAL_ONLY),
        replace(ATTEMPT, privacy=Privacy.PRIVATE),
        replace(ATTEMPT, conversation_id=OFF_RECORD_FROM),
    ],
    ids=["short", "unknown", "stopped", "refused", "local only", "private", "off the record"],
)
def test_what_is_not_told(attempt: Attempt) -> None:
    assert what_to_write(attempt, replace(OSC9, sound=True), {}) == ""


def test_pinned_chats_are_told_of_at_the_users_word() -> None:
    config = replace(OSC9, pinned=True)
    for attempt in (replace(ATTEMPT, privacy=Privacy.LOCAL_ONLY), replace(ATTEMPT, conversation_id=OFF_RECORD_FROM)):
        assert "lab has answered" in what_to_write(attempt, config, {})


def test_a_failure_is_told_as_one() -> None:
    failed = replace(ATTEMPT, outcome=Outcome.ERROR, latency_ms=125_000.0)
    assert "lab has failed after 2 min 05 s" in what_to_write(failed, OSC9, {})


def test_nothing_gets_out_of_its_sequence() -> None:
    hostile = replace(ATTEMPT, backend="lab\x1b\\\x1b]52;c;aGk=\x07\n;\x9d")
    for wanted in ("osc9", "osc777", "osc99"):
        written = what_to_write(hostile, NotifyConfig(message=wanted), {})  # type: ignore[arg-type]
        inside = written.replace("\x1b]99;", "").replace("\x1b]9;", "").replace("\x1b]777;", "").replace("\x1b\\", "")
        assert inside.isprintable()
        assert "52;c" not in written


@pytest.mark.parametrize(
    ("environment", "begins"),
    [
        (KITTY, "\x1b]99;i=hybridchat:d=0;hybridchat\x1b\\\x1b]99;i=hybridchat:p=body;done\x1b\\"),
        ({"TERM": "foot-extra"}, "\x1b]777;notify;hybridchat;done\x1b\\"),
        ({"TERM_PROGRAM": "iTerm.app", "TERM": "xterm-256color"}, "\x1b]9;hybridchat: done\x1b\\"),
        ({"TERM": "xterm-256color"}, ""),
        ({}, ""),
    ],
)
def test_the_terminal_is_known_by_its_environment(environment: dict[str, str], begins: str) -> None:
    assert notification("done", "auto", environment) == begins


def test_through_tmux() -> None:
    written = notification("done", "osc9", {"TMUX": "/tmp/tmux-0/default,1,0"})
    assert written == "\x1bPtmux;\x1b\x1b]9;hybridchat: done\x1b\x1b\\\x1b\\"

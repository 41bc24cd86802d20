"""What the session tells while one waits: in words, once, and never into the line that is being typed."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from hybridchat.cli.plain.telling import Teller
from hybridchat.session.events import AttemptBegan, Delta, EngineLoading, Notice, RetryWaits
from tests.tui.fake_chats import LAB, _attempt

HERE = 7


@pytest.fixture
def told(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[str, str]]:
    """`told(event, …, show_thinking=True)` → standard output and standard error."""

    def tell(*events: object, show_thinking: bool = False) -> tuple[str, str]:
        teller = Teller(lambda number: number == HERE, lambda: None, show_thinking=show_thinking)
        for event in events:
            teller.on_event(event)  # type: ignore[arg-type]
        out, err = capsys.readouterr()
        return out, err

    return tell


def test_thinking_is_one_word_or_all_of_it(told: Callable[..., tuple[str, str]]) -> None:
    pieces = (Delta(HERE, 1, "hm, ", True), Delta(HERE, 1, "well", True), Delta(HERE, 1, "Yes.", False))
    assert told(*pieces) == ("Yes.", "Thinking.\n")
    assert told(*pieces, show_thinking=True) == ("Yes.", "Thinking:\nhm, well\nAnswer:\n")


def test_what_an_engine_loads_is_said_once(told: Callable[..., tuple[str, str]]) -> None:
    loading = [EngineLoading(HERE, 1, "loading tiny", share) for share in (0.1, 0.2, 0.9)]
    assert told(*loading, EngineLoading(HERE, 1, "warming up", None)) == ("", "loading tiny\nwarming up\n")


def test_a_wait_and_who_answers_instead_are_said(told: Callable[..., tuple[str, str]]) -> None:
    waits = RetryWaits(HERE, 1, time.monotonic() + 0.5, "cloud was overloaded", 2, 1)
    _, err = told(waits, AttemptBegan(HERE, 1, LAB, _attempt(1, HERE, LAB), True))
    assert err.startswith("cloud was overloaded: trying again in 1 s (1 of ")
    assert "Ctrl+C cancels" in err and err.splitlines()[1].endswith(" is asked instead")


def test_other_conversations_and_hostile_words_do_not_show(told: Callable[..., tuple[str, str]]) -> None:
    out, err = told(Delta(8, 1, "elsewhere", False), Notice("\x1b[2J\nleft\x07", "error"))
    assert (out, err) == ("", "error: ␛[2J left␇\n")


def test_a_notice_begins_its_own_line_after_words_that_stream(told: Callable[..., tuple[str, str]]) -> None:
    assert told(Delta(HERE, 1, "half", False), Notice("by the way")) == ("half\n", "by the way\n")


def test_nothing_comes_into_the_line_that_is_typed(capsys: pytest.CaptureFixture[str]) -> None:
    teller = Teller(lambda number: True, lambda: None, show_thinking=False)
    teller.is_prompting = True
    for text in ("one", "two", "one"):
        teller.on_event(Notice(text))
    assert capsys.readouterr() == ("", "")
    teller.is_prompting = False
    teller.say_held()
    assert capsys.readouterr().err == "one\ntwo\n"


def test_a_reader_that_is_gone_is_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    gone: list[None] = []

    def broken(text: str) -> None:
        raise BrokenPipeError

    monkeypatch.setattr("hybridchat.cli.output.write", broken)
    teller = Teller(lambda number: True, lambda: gone.append(None), show_thinking=False)
    for _ in range(3):
        teller.on_event(Delta(HERE, 1, "words", False))
    assert (len(gone), type(teller.gone)) == (1, BrokenPipeError)

"""A turn on standard output and error."""

from __future__ import annotations

import asyncio
import errno

import pytest

from hybridchat.cli.answer import Printer
from hybridchat.cli.progress import Progress
from hybridchat.session.events import Delta, EngineLoading, Notice


def delta(text: str, *, is_thinking: bool = False) -> Delta:
    return Delta(1, 2, text, is_thinking)


async def test_thinking_goes_to_stderr_only_when_wanted(capsys: pytest.CaptureFixture[str]) -> None:
    for wanted, expected in ((False, ""), (True, "hm␛[2J")):
        printer = Printer(as_json=False, show_thinking=wanted)
        printer.on_event(delta("hm\x1b[2J", is_thinking=True))
        printer.on_event(delta("yes"))
        printer.end_line()
        assert capsys.readouterr() == ("yes\n", expected)


async def test_a_text_that_ends_its_line_is_left_alone(capsys: pytest.CaptureFixture[str]) -> None:
    printer = Printer(as_json=False, show_thinking=False)
    printer.end_line()
    for piece in ("yes", "", "\n"):
        printer.on_event(delta(piece))
    printer.end_line()
    assert capsys.readouterr().out == "yes\n"


async def test_for_json_nothing_is_printed_on_the_way(capsys: pytest.CaptureFixture[str]) -> None:
    printer = Printer(as_json=True, show_thinking=False)
    printer.on_event(delta("yes"))
    printer.on_event(Notice("lab forwards to\nelsewhere"))
    printer.on_event(EngineLoading(1, 2, "loading", 0.5))
    printer.end_line()
    assert capsys.readouterr() == ("", "lab forwards to elsewhere\n")


@pytest.mark.parametrize("why", [BrokenPipeError(), OSError(errno.ENOSPC, "No space left on device")])
async def test_when_nothing_can_be_written_any_more_it_tells_once(
    why: OSError, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []

    def gone(text: str) -> None:
        calls.append(text)
        raise why

    monkeypatch.setattr("hybridchat.cli.output.write", gone)
    printer = Printer(as_json=False, show_thinking=False)
    for piece in ("a", "b", "c"):
        printer.on_event(delta(piece))
    assert await asyncio.wait_for(printer.gone, 1) is why
    assert calls == ["a"]


def test_progress_off_a_terminal_is_a_few_lines(capsys: pytest.CaptureFixture[str]) -> None:
    with Progress() as progress:
        progress.show("looking")
        progress.show("looking")
        for percent in range(0, 101, 5):
            progress.show("pulling\n\x1b[2J", percent / 100)
    lines = capsys.readouterr().err.splitlines()
    assert lines[:3] == ["looking", "pulling ␛[2J 0%", "pulling ␛[2J 10%"]
    assert len(lines) == 12


def test_progress_on_a_terminal_is_one_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    with Progress() as progress:
        progress.show("pulling", 0.25)
        progress.show("pulling", 0.5)
    assert capsys.readouterr().err == "\rpulling 25%\x1b[K\rpulling 50%\x1b[K\n"

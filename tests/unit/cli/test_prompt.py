from __future__ import annotations

import io
import threading

import pytest

from hybridchat.cli.prompt import compose, read_stdin
from hybridchat.errors import UsageError


def test_the_prompt_comes_first_then_what_is_piped() -> None:
    assert compose("review this", "diff --git\n") == "review this\n\ndiff --git"


def test_files_are_question_enough() -> None:
    assert compose("", "", has_files=True) == ""


def test_piped_text_keeps_its_indentation() -> None:
    assert compose("", "    indented\n\tboth\n") == "    indented\n\tboth"


@pytest.mark.parametrize("piped", ["", "\n", "  \n\n"])
def test_nothing_to_ask_is_a_usage_error(piped: str) -> None:
    with pytest.raises(UsageError, match="no question was given — such as"):
        compose(" ", piped)


def test_who_waits_for_standard_input_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    told = threading.Event()

    class Endless(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            assert told.wait(10)
            return b"at last"

    monkeypatch.setattr("hybridchat.cli.output.note", lambda text: told.set())
    monkeypatch.setattr("hybridchat.cli.prompt.HINT_AFTER_S", 0.0)
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(Endless()))
    assert read_stdin() == "at last"


def test_what_no_model_could_read_is_not_read_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hybridchat.cli.prompt.MAX_INPUT_BYTES", 1 << 20)
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"y" * (1 << 20))))
    assert len(read_stdin()) == 1 << 20
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"y" * (2 << 20))))
    with pytest.raises(UsageError, match="is over 1 MB — no model reads that much at once"):
        read_stdin()

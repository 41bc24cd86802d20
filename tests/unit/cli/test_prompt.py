from __future__ import annotations

import io
import threading
from pathlib import Path

import pytest

from hybridchat.cli.prompt import compose, read_files, read_stdin
from hybridchat.errors import UsageError


def test_the_prompt_comes_first_then_files_then_what_is_piped() -> None:
    text = compose("review this", [("a.py", "x = 1\n")], "diff --git\n")
    assert text == "review this\n\na.py:\n```\nx = 1\n```\n\ndiff --git"


def test_a_fence_is_longer_than_those_inside() -> None:
    text = compose("", [("README.md", "````\ncode\n````")], "")
    assert text == "README.md:\n`````\n````\ncode\n````\n`````"


def test_piped_text_keeps_its_indentation() -> None:
    assert compose("", [], "    indented\n\tboth\n") == "    indented\n\tboth"


@pytest.mark.parametrize("piped", ["", "\n", "  \n\n"])
def test_nothing_to_ask_is_a_usage_error(piped: str) -> None:
    with pytest.raises(UsageError, match="no question was given — try"):
        compose(" ", [], piped)


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


def test_what_no_model_could_read_is_not_read_to_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hybridchat.cli.prompt.MAX_INPUT_BYTES", 1 << 20)
    for size, code in ((1 << 20, 0), (2 << 20, 2)):
        (tmp_path / "log").write_bytes(b"y" * size)
        piped = io.BytesIO(b"y" * size)
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(piped))
        for read in (read_stdin, lambda: read_files([tmp_path / "log"])[0][1]):
            if code:
                with pytest.raises(UsageError, match="is over 1 MB — no model reads that much at once"):
                    read()
            else:
                assert len(read()) == size


def test_files_that_are_no_text_or_not_there_are_named(tmp_path: Path) -> None:
    binary = tmp_path / "photo.jpg"
    binary.write_bytes(b"\xff\xd8\xff\xe0")
    with pytest.raises(UsageError, match=r"photo\.jpg is not UTF-8 text"):
        read_files([binary])
    with pytest.raises(UsageError, match=r"cannot read .*absent: No such file"):
        read_files([tmp_path / "absent"])
    with pytest.raises(UsageError, match="cannot read"):
        read_files([tmp_path])

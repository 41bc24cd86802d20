from __future__ import annotations

import io

import pytest

from hybridchat.cli import output


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_gets_inert_text_and_a_pipe_gets_it_raw(monkeypatch: pytest.MonkeyPatch) -> None:
    hostile = "\x1b]52;c;aGk=\x07 \x9b31m ‮ ok\n"
    for stream, is_raw in ((Terminal(), False), (io.StringIO(), True)):
        monkeypatch.setattr("sys.stdout", stream)
        output.write(hostile)
        assert (stream.getvalue() == hostile) is is_raw
        assert ("\x1b" in stream.getvalue()) is is_raw
        assert stream.getvalue().endswith("ok\n")


def test_an_error_is_one_line_whatever_is_in_it(capsys: pytest.CaptureFixture[str]) -> None:
    output.error("first\nsecond \x1b[2J\r\nthird")
    assert capsys.readouterr().err == "hybridchat: first second ␛[2J␍ third\n"


def test_a_table_aligns_by_cells_and_shows_the_unknown(capsys: pytest.CaptureFixture[str]) -> None:
    output.table(("id", "tokens", "title"), [("1", 1234, "日本"), ("2", None, "e\u0301té"), ("3", 7.25, "x\ny")])
    assert capsys.readouterr().out.splitlines() == [
        "id  tokens  title",
        "1    1,234  日本",
        "2        –  e\u0301té",
        "3      7.2  x y",
    ]


def test_a_table_without_rows_prints_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    output.table(("id",), [])
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("size_bytes", "shown"),
    [(None, None), (0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (4_700_000_000, "4.7 GB"), (5 * 10**12, "5000.0 GB")],
)
def test_sizes(size_bytes: int | None, shown: str | None) -> None:
    assert output.size(size_bytes) == shown

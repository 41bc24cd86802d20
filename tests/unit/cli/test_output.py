from __future__ import annotations

import io
import sys
import traceback

import click
import pytest

from hybridchat.cli import output


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_gets_inert_text_and_a_pipe_gets_it_raw(monkeypatch: pytest.MonkeyPatch) -> None:
    hostile = "\x1b]52;c;aGk=\x07 \x9b31m ‮ ok\n"
    for stream, is_raw in ((Terminal(), False), (io.StringIO(), True)):
        for name in ("stdout", "stderr"):
            monkeypatch.setattr(f"sys.{name}", stream)
        output.prepare_streams()
        for write in (output.write, sys.stderr.write, print, click.echo, lambda text: sys.stdout.writelines([text])):
            stream.seek(0)
            stream.truncate()
            write(hostile)
            assert stream.getvalue().startswith(hostile) is is_raw
            assert ("\x1b" in stream.getvalue()) is is_raw
            assert stream.getvalue().rstrip().endswith("ok")


def test_a_traceback_is_inert_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stderr", Terminal())
    output.prepare_streams()
    output.prepare_streams()
    try:
        raise ValueError("\x1b]0;owned\x07")
    except ValueError:
        traceback.print_exc()
    assert isinstance(sys.stderr, output.InertTerminal)
    assert isinstance(sys.stderr.stream, Terminal)
    assert "ValueError: ␛]0;owned␇" in sys.stderr.stream.getvalue()


def test_a_line_is_drawn_over_the_one_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stderr", Terminal())
    for _ in range(2):  # a terminal as it is, and as the program sees it
        output.redraw("half \x1b[2J done")
        output.prepare_streams()
    assert isinstance(sys.stderr, output.InertTerminal)
    assert sys.stderr.stream.getvalue() == "\rhalf ␛[2J done\x1b[K" * 2


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


def test_what_a_terminal_has_no_character_for_is_said_in_plainer_ones() -> None:
    output.prepare_streams()
    told = "lab · ≈ 184 tokens (128–294)… “ü”".encode("ascii", errors="hybridchat.plainer")
    assert told == b'lab - ~ 184 tokens (128-294)... "?"'

"""`hybridchat --plain` as a command: a pipe in this process, and what it says where it cannot begin."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from tests.faults.cli import configure
from tests.unit.cli.conftest import Call
from tests.unit.cli.plain.conftest import Sides


def pipe_in(monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(data)))


async def test_a_pipe_is_read_line_by_line_to_its_end(
    call: Call, sides: Sides, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipe_in(monkeypatch, "one\r\nüber \\\n\xff".encode("latin-1", "replace"))
    done = await call("--plain")
    assert (done.code, done.out) == (0, "from lab\nfrom lab\n")
    assert sides.asked(sides.lab) == ["one", "\N{REPLACEMENT CHARACTER}ber \n\N{REPLACEMENT CHARACTER}"]


@pytest.mark.parametrize(
    ("lines", "code", "said"),
    [
        (b"/nope\n", 2, "there is no command /nope"),
        (b"/privacy local-only\n/route cloud\nno\n", 3, "local only"),
        (b"x" * 200 + b"\n", 2, "a line is over 0 MB"),
        (b"", 0, ""),
    ],
)
async def test_a_failure_is_one_line_and_its_exit_code(
    lines: bytes, code: int, said: str, call: Call, sides: Sides, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hybridchat.cli.plain.keyboard.MAX_INPUT_BYTES", 100)
    pipe_in(monkeypatch, lines)
    done = await call("--plain")
    assert (done.code, done.out) == (code, "")
    assert said in done.err
    assert sides.asked(sides.cloud) == []


async def test_a_broken_config_ends_it_in_a_pipe(call: Call, home: Path) -> None:
    configure(home, '[ui]\nthema = "x"\n')
    done = await call("--plain")
    assert (done.code, done.err.count("\n")) == (2, 1)


async def test_flags_that_do_not_go_together(call: Call) -> None:
    assert "--theme is the screen's" in (await call("--plain", "--theme", "paper")).err
    assert "a command's options follow it" in (await call("--plain", "ask", "hi")).err

"""Scenarios 17 and 18: whatever a server, a model, a title, a file or a variable says, it is text on the terminal.

A server says the same words wherever it can say anything; the whole program repeats them on a real pseudo-terminal.
"""

from __future__ import annotations

import asyncio
import base64
import os
import re
from pathlib import Path

import pytest

from tests.privacy.hostile import (
    HOSTILE,
    INERT,
    MARKUP,
    Parrot,
    Seen,
    break_config,
    by_command_line,
    commands,
    in_the_app,
    look,
    prepare,
)

pytestmark = pytest.mark.skipif(os.name != "posix", reason="pseudo-terminals are POSIX's")

SEQUENCE = re.compile(rb"\x1b(?:\[(?P<csi>[?<>=]?)(?P<given>[0-9;:]*)(?P<final>[ -/]*[@-~])|(?P<osc>\]\d*)|(?P<esc>.))")
PLACES_AND_COLORS = (b"m", b"H", b"A", b"B", b"C", b"D", b"X")
CLIPBOARD = re.compile(rb"\x1b]52;c;([^\x07\x1b]*)\x07")
FAMILY, ARABIC = "👨‍👩‍👧".encode(), "مرحبا".encode()


def sequences(raw: bytes) -> set[tuple[bytes, ...]]:
    """Each kind of escape sequence: of modes, questions and the like also which, of colours and places not."""
    found = set()
    for match in SEQUENCE.finditer(raw):
        csi, given, final, osc, escape = (part or b"" for part in match.groups())
        found.add((csi, b"" if final in PLACES_AND_COLORS else given, final, osc, escape))
    return found


def invisible(raw: bytes) -> set[str]:
    """What is no sequence, and no text that is seen."""
    text = re.sub(rb"\x1b]52;c;[^\x07\x1b]*\x07", b"", raw).decode("utf-8", "replace")
    return {hex(ord(char)) for char in text if not char.isprintable()} - {"0x200d"}  # it makes a family of three


async def repeated(folder: Path, words: str) -> bytes:
    async with Parrot(words) as server:
        home = prepare(folder, server.url, words)
        return await asyncio.to_thread(by_command_line, home, commands(folder, words))


async def toured(folder: Path, words: str) -> Seen:
    async with Parrot(words) as server:
        home = prepare(folder, server.url, words)
        await asyncio.to_thread(by_command_line, home, [["ask", words]])
        return await asyncio.to_thread(in_the_app, home)


async def test_privacy_17_no_command_lets_anything_steer_the_terminal(tmp_path: Path) -> None:
    raw = await repeated(tmp_path, HOSTILE)
    assert raw.count("␛]0;owned".encode()) > 50, "the words are there, as pictures"
    assert sequences(raw) == set()
    assert invisible(raw) == {"0xa", "0xd"}
    assert FAMILY in raw and ARABIC in raw


async def test_privacy_17_the_app_sends_what_it_sends_for_plain_words_and_nothing_else(tmp_path: Path) -> None:
    plain, hostile = await toured(tmp_path / "plain", INERT), await toured(tmp_path / "hostile", HOSTILE)
    assert "␛]0;owned".encode() in hostile.raw
    assert sequences(hostile.raw) - sequences(plain.raw) == set()
    assert invisible(hostile.raw) <= invisible(plain.raw)
    (copied,) = CLIPBOARD.findall(hostile.raw)
    assert invisible(base64.b64decode(copied)) == {"0xa"}


async def test_privacy_17_names_in_the_config_and_the_environment_steer_nothing(tmp_path: Path) -> None:
    break_config(home := prepare(tmp_path, "http://127.0.0.1:9", HOSTILE), HOSTILE)
    broken = await asyncio.to_thread(look, "Enter cannot send", HYBRIDCHAT_HOME=str(home))
    told = await asyncio.to_thread(by_command_line, home, [["list"], ["doctor"], ["doctor", "--json"]])
    assert sequences(told) == set()
    names = ("OLLAMA_HOST", "OPENAI_BASE_URL", "OPENAI_API_KEY", "ANTHROPIC_BASE_URL")
    first = await asyncio.to_thread(
        look, "look again", HYBRIDCHAT_HOME=str(tmp_path / "new"), **dict.fromkeys(names, HOSTILE)
    )
    for raw in (broken.raw, first.raw):
        assert {kind[3] for kind in sequences(raw)} <= {b"", b"]22"}, "the pointer's shape; no clipboard, title or link"
        assert b"\x1b[6n" not in raw and b"\x1b[c" not in raw
        assert not {code for code in invisible(raw) if int(code, 16) >= 0x7F}


async def test_privacy_18_markup_is_literal_in_every_command(tmp_path: Path) -> None:
    raw = await repeated(tmp_path, MARKUP)
    assert raw.count(MARKUP.encode()) > 50
    assert b"Traceback" not in raw and b"unexpected" not in raw


async def test_privacy_18_markup_is_literal_in_every_widget_and_clicks_do_nothing(tmp_path: Path) -> None:
    seen = await toured(tmp_path / "markup", MARKUP)
    for stop in ("start", "chats", "route", "reply", "thinking", "failed", "title", "rename"):
        assert "[@click=app.quit]x[/] [/foo] [ [b]bold[/b] $x owned" in seen.screens[stop], stop
    assert "[@click=app.quit]x[] [foo]" in seen.screens["themes"], "a file's name, which has no slash"
    assert "[b]bold[/b] $x owned" in seen.screens["links"]
    assert FAMILY in seen.raw and ARABIC in seen.raw

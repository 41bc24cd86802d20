"""Lines in, replies out: what is said before and after, several lines as one message, leaving, and pipes."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from hybridchat import wiring
from hybridchat.errors import Refused, UsageError
from hybridchat.ledger.store import open_ledger
from tests.unit.cli.plain.conftest import CTRL_C, Converse, Script, Sides


async def test_what_enter_does_comes_before_and_what_was_measured_after(converse_by: Converse, sides: Sides) -> None:
    said = await converse_by(Script("hello"))
    assert (said.code, said.out) == (0, "from lab\n")
    lines = said.err.splitlines()
    assert lines[1].startswith("Enter sends to lab · fake · loopback, you vouched because ")
    assert lines[2].startswith("lab · fake · loopback, you vouched · ")
    assert "ms to first token · 2 tokens" in lines[2]
    assert sides.asked(sides.lab) == ["hello"]


async def test_what_enter_does_is_said_again_only_where_it_changes(converse_by: Converse, sides: Sides) -> None:
    said = await converse_by(Script("one", "two", "three"))
    assert said.err.count("Enter sends to") == 2  # by the table, then as decided at the first message


async def test_a_managed_backend_is_announced_with_its_cost(converse_by: Converse, sides: Sides) -> None:
    said = await converse_by(Script("/route cloud", "hello"))
    announced = next(line for line in said.err.splitlines() if "Enter sends to cloud" in line)
    assert "managed, leaves your machines · ≈ " in announced and "$" in announced
    assert any(line.startswith("cloud · fake") and line.endswith(" configured") for line in said.err.splitlines())
    assert sides.asked(sides.cloud) == ["hello"]


async def test_several_lines_are_one_message(converse_by: Converse, sides: Sides) -> None:
    typed = ("first \\", "second", '"""', "/stop is no command here \\", "", '"""', "//help me", '"""/help"""', "a\nb")
    await converse_by(Script(*typed))
    assert sides.asked(sides.lab) == [
        *("first \nsecond", "/stop is no command here \\", "/help me", "/help", "a\nb"),
    ]


async def test_an_empty_line_sends_nothing(converse_by: Converse, sides: Sides) -> None:
    said = await converse_by(Script("", "   ", '"""', '"""'))
    assert (said.code, said.out, sides.asked(sides.lab)) == (0, "", [])


async def test_ctrl_c_at_the_prompt_leaves_the_second_time(converse_by: Converse, sides: Sides) -> None:
    assert (await converse_by(Script(CTRL_C, "hello", CTRL_C, CTRL_C, "never"))).code == 130
    assert sides.asked(sides.lab) == ["hello"]
    assert (await converse_by(Script(CTRL_C, None))).code == 0


async def test_ctrl_c_stops_the_reply_and_keeps_what_came(converse_by: Converse, sides: Sides, home: Path) -> None:
    sides.lab.tokens, sides.lab.tokens_per_s = 1_000_000, 200.0
    script = Script("go")

    async def press() -> None:
        while not sides.lab.first_byte_at:  # noqa: ASYNC110 - the server is beside
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.1)
        script.on_interrupt()

    said, _ = await asyncio.gather(converse_by(script), press())
    assert said.code == 0
    assert said.out.startswith("from lab")
    assert "lab · fake · loopback, you vouched · stopped" in said.err
    ledger = open_ledger(home / "hybridchat.db")
    assert ledger.branch(1).result()[-1].text.startswith("from lab")
    ledger.close()


async def test_in_a_pipe_each_line_is_a_message_and_only_replies_are_data(converse_by: Converse, sides: Sides) -> None:
    said = await converse_by(Script("one", "two", "/quit", "never", is_interactive=False))
    assert (said.code, said.out) == (0, "from lab\nfrom lab\n")
    assert "Enter sends" not in said.err
    assert sides.asked(sides.lab) == ["one", "two"]


async def test_in_a_pipe_the_first_failure_is_the_end(converse_by: Converse, sides: Sides) -> None:
    with pytest.raises(UsageError, match="there is no command /nope"):
        await converse_by(Script("one", "/nope", "never", is_interactive=False))
    with pytest.raises(Refused):
        await converse_by(Script("/privacy local-only", "/route cloud", "no", "never", is_interactive=False))
    assert sides.asked(sides.lab) == ["one"]
    assert sides.asked(sides.cloud) == []


async def test_a_failed_reply_in_a_pipe_is_exit_1(converse_by: Converse, sides: Sides) -> None:
    async def fail(request: object, respond: object) -> None:
        await respond.whole({"error": {"message": "no", "code": "invalid"}}, status=400)  # type: ignore[attr-defined]

    sides.lab._stream = fail  # type: ignore[method-assign, assignment]
    said = await converse_by(Script("/route lab", "one", "never", is_interactive=False))
    assert said.code == 1
    assert "failed: " in said.err


async def test_the_last_conversation_is_opened_with_its_last_turn(converse_by: Converse, sides: Sides) -> None:
    await converse_by(Script("one"))
    said = await converse_by(Script("two"), reopen_latest=True)
    assert said.out == "You: one\nfrom lab\nfrom lab\n"
    messages = sides.lab.sent("/v1/chat/completions")[-1].json()["messages"]
    assert [message["content"] for message in messages] == ["one", "from lab", "two"]


async def test_what_waits_is_sent_by_an_empty_line_one_after_the_other(converse_by: Converse, sides: Sides) -> None:
    sides.lab.tokens, sides.lab.tokens_per_s = 1_000_000, 200.0
    session = wiring.load().open_session()
    await session.start(panel=False)
    chat = session.new()
    for text in ("one", "two", "three"):
        await session.send(chat, text)
    await session.close()
    sides.lab.tokens, sides.lab.tokens_per_s = 2, 0.0
    said = await converse_by(Script("", "four"), reopen_latest=True)
    assert "Enter sends what waits to lab" in said.err
    assert [text.split()[-1] for text in sides.asked(sides.lab)[-3:]] == ["two", "three", "four"]
    assert said.out.endswith("from lab\n" * 3)


async def test_up_brings_back_what_was_said_here_but_nothing_off_the_record(
    converse_by: Converse, sides: Sides, home: Path
) -> None:
    script = Script("kept words", "/off-record", "secret words", "/new")
    await converse_by(script)
    assert ("kept words",) in script.remembered
    assert script.remembered[-1] == ()
    assert "secret words" not in str(script.remembered)
    assert "You, off the record:" in script.prompts
    assert _files_with(home, b"secret words") == []


async def test_hostile_words_stay_words(converse_by: Converse, sides: Sides) -> None:
    said = await converse_by(Script("/open \x1b[2Jnope"))
    assert "\x1b" not in said.err
    assert "is no number of a conversation" in said.err


def _files_with(folder: Path, words: bytes) -> list[Path]:
    return [file for file in folder.rglob("*") if file.is_file() and words in file.read_bytes()]

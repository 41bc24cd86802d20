"""Blocks of code in the transcript: going from one to the next, and the numbers beside those on the screen."""

from __future__ import annotations

from hybridchat.domain.chat import Message
from hybridchat.tui.transcript.widget import Transcript
from tests.unit.tui.transcript.shown import message, user
from tests.unit.tui.transcript.test_widget import running

NESTED = "1. first\n\n   ```sh\n   ls\n   ```\n\n   between\n\n   ```sh\n   pwd\n   ```\n\n2. second"


def fence(*lines: str) -> str:
    return "\n".join(["```python", *lines, "```"])


def chat() -> list[Message]:
    long = fence(*(f"x{i} = {i}" for i in range(300)))
    return [
        user("no code here", 1),
        message(f"one\n\n{fence('a = 1')}\n\ntwo\n\n{fence('b = 2')}", 2),
        user(f"mine\n\n{fence('c = 3')}", 3),
        message(NESTED, 4),
        message(f"long\n\n{long}", 5),
    ]


def pointed(transcript: Transcript) -> tuple[int, str] | None:
    code = transcript.pointed_code
    return (code.message_id, code.text) if code else None


async def test_from_one_to_the_next_and_back() -> None:
    async with running(*chat(), size=(40, 10)) as (transcript, _, _app):
        transcript.scroll_home()
        seen = []
        while transcript.code_step(1):
            seen.append(pointed(transcript))
            assert any("██" in line for line in transcript.plain_lines()), seen
            assert transcript.pointed is not None
        assert seen[:5] == [(2, "a = 1"), (2, "b = 2"), (3, "c = 3"), (4, "ls"), (4, "pwd")]
        assert seen[5] is not None
        assert seen[5][1].count("\n") == 299
        back = []
        while transcript.code_step(-1):
            back.append(pointed(transcript))
        assert back == seen[-2::-1]


async def test_another_message_is_another_place_to_go_on_from() -> None:
    async with running(*chat(), size=(40, 60)) as (transcript, _, _app):
        transcript.point_at(3)
        assert transcript.pointed_code is None
        assert transcript.code_step(1)
        assert pointed(transcript) == (3, "c = 3")
        transcript.point_at(3)
        assert transcript.code_step(-1)
        assert pointed(transcript) == (2, "b = 2")


async def test_numbers_stand_beside_the_blocks_on_the_screen() -> None:
    async with running(*chat()[:4], size=(40, 60)) as (transcript, _, _app):
        blocks = transcript.number_code()
        assert [block.text for block in blocks] == ["a = 1", "b = 2", "c = 3", "ls", "pwd"]
        numbered = [line for line in transcript.plain_lines() if line.strip()[:1].isdigit() and "." not in line]
        assert [line.strip().split()[0] for line in numbered] == ["1", "2", "3", "4", "5"]
        transcript.clear_numbers()
        assert not [line for line in transcript.plain_lines() if line.strip()[:1].isdigit() and "." not in line]


async def test_a_block_that_is_only_partly_in_sight_has_a_number_too() -> None:
    async with running(*chat(), size=(40, 10)) as (transcript, _, _app):
        (block,) = transcript.number_code()
        assert block.text.startswith("x0 = 0")
        assert transcript.plain_lines()[0].strip().startswith("1")


async def test_without_code_it_stays_where_it_is() -> None:
    async with running(user("hello"), message("hi", 2)) as (transcript, _, _app):
        assert not transcript.code_step(1)
        assert not transcript.code_step(-1)
        assert transcript.number_code() == []
        assert transcript.pointed is None

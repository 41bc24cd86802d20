"""A file of prompts to several backends: each is asked once, and a run that was cut short goes on where it stopped."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncGenerator, Sequence
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from hybridchat.domain.chat import MessageState
from hybridchat.domain.compare import Compared, Side
from hybridchat.errors import HybridchatError, UsageError
from hybridchat.session.compare_plan import Terms
from hybridchat.session.comparing import Answer
from hybridchat.session.finding import NewMarks

if TYPE_CHECKING:
    from hybridchat.session.chat import Session

TAG = "compared"  # of the conversations of a run; they are archived, so that they fill no list


class Prompt(Struct, frozen=True, forbid_unknown_fields=True):
    """One line of a file."""

    prompt: str
    system: str = ""
    id: str | None = None
    workload: str | None = None


class Done(Struct, frozen=True):
    """A prompt with all its answers; `was_there`: nothing had to be asked."""

    number: int  # in the file, from 0
    prompt: Prompt
    compared: Compared
    answers: tuple[Answer, ...]
    was_there: bool

    @property
    def is_complete(self) -> bool:
        return all(_is_whole(answer) for answer in self.answers)


def read_prompts(text: str) -> list[Prompt]:
    """One a line: plain, or objects (JSON Lines). Raises UsageError that names the line."""
    lines = [(number, line.strip()) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    if not lines:
        raise UsageError("there is no prompt in it", "one a line, or JSON Lines with `prompt`")
    if not lines[0][1].startswith("{"):
        return [Prompt(line) for _, line in lines]
    return [_decoded(number, line) for number, line in lines]


def _decoded(number: int, line: str) -> Prompt:
    try:
        prompt = msgspec.json.decode(line, type=Prompt)
    except msgspec.MsgspecError as error:
        raise UsageError(f"line {number} is no prompt: {error}", "prompt, and perhaps system, id, workload") from None
    if not prompt.prompt.strip():
        raise UsageError(f"line {number} has an empty prompt", "write one, or leave the line out")
    return prompt


def name_of(prompts: Sequence[Prompt], sides: Sequence[Side], terms: Terms, name: str = "") -> str:
    """The same prompts to the same sides, asked alike, are the same run; another `name` makes another one."""
    asked = msgspec.json.encode([prompts, sides, terms.parameters, terms.disclosure, name])
    return hashlib.sha256(asked).hexdigest()[:16]


class CompareRun:
    def __init__(
        self,
        session: Session,
        prompts: Sequence[Prompt],
        sides: Sequence[Side],
        terms: Terms,
        *,
        at_once: int = 1,
        name: str = "",
        is_kept: bool = True,
    ) -> None:
        """`is_kept`: it is gone on with when it was cut short; else it is asked anew each time."""
        self._session, self._prompts, self._sides = session, prompts, sides
        self._terms = replace(terms, is_alone=at_once == 1)
        self._at_once = at_once
        self._is_kept = is_kept
        self.name = name_of(prompts, sides, terms, name)

    async def run(self) -> AsyncGenerator[Done, None]:
        """Each prompt as it is done. Raises HybridchatError of the first that must not be asked, once those that run
        have ended; what is there stays, and the next run goes on from it."""
        there = await self._session.comparing.of_run(self.name) if self._is_kept else {}
        left = iter(range(len(self._prompts)))
        running: set[asyncio.Task[Done]] = set()
        error: HybridchatError | None = None
        try:
            while True:
                while error is None and len(running) < self._at_once and (number := next(left, None)) is not None:
                    running.add(asyncio.create_task(self._one(number, there.get(number))))
                if not running:
                    break
                done, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    try:
                        yield task.result()
                    except HybridchatError as met:
                        error = error or met
        finally:
            for task in running:
                task.cancel()
        if error is not None:
            raise error

    async def _one(self, number: int, there: Compared | None) -> Done:
        session, comparing = self._session, self._session.comparing
        prompt = self._prompts[number]
        run = f"{self.name}/{number}" if self._is_kept else None
        terms = replace(self._terms, workload=prompt.workload, run=run)
        if there is not None and there.conversation_id is not None:
            chat = await session.open(there.conversation_id)
            answers = await comparing.answers(chat, there)
            missing = [answer.side.position for answer in answers if not _is_whole(answer)]
            if not missing:
                return Done(number, prompt, there, tuple(answers), True)
            compared = await comparing.again(chat, there, missing, terms)
        else:
            chat = session.new(system=prompt.system)
            compared = await comparing.start(chat, self._sides, prompt.prompt, terms)
        await session.wait(chat)
        await session.books.settle()
        assert chat.id is not None
        if self._is_kept:
            await session.finding.mark(chat.id, NewMarks(archived=True, add_tags=(TAG,)))
        return Done(number, prompt, compared, tuple(await comparing.answers(chat, compared)), False)


def _is_whole(answer: Answer) -> bool:
    return answer.reply is not None and answer.reply.state is MessageState.COMPLETE

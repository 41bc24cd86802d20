"""The loop of a line conversation: say what Enter will do, read, send or do, until there is nothing more to read."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from hybridchat.cli import output
from hybridchat.cli.plain import commands
from hybridchat.cli.plain.keyboard import Interrupted, Reader
from hybridchat.cli.plain.talk import Talk
from hybridchat.errors import EXIT_INTERRUPTED, EXIT_OK, HybridchatError, UsageError
from hybridchat.tui.slashes import as_typed, call_in, words_of

if TYPE_CHECKING:
    from hybridchat.session.chat import Session
    from hybridchat.session.providers import Providers

FENCE = '"""'


async def converse(
    session: Session,
    reader: Reader,
    open_providers: Callable[[], Providers],
    *,
    show_thinking: bool = False,
    reopen_latest: bool = False,
    preset: str | None = None,
) -> int:
    """Returns the exit code, and closes the session. Where nobody is there to be asked, the first message without an
    answer is the last, and its code this one's."""
    try:
        talk = Talk(session, reader, open_providers, show_thinking=show_thinking)
        await session.start(panel=False)
        latest = await session.open_latest() if reopen_latest else None
        talk.show_chat(latest or session.new())
        if preset is not None and (kept_back := await session.presets.choose_by_name(talk.chat, preset)):
            output.note(kept_back)
        if latest is not None and reader.is_interactive:
            await talk.show_last_turn()
        if reader.is_interactive:
            output.note("hybridchat. /help lists the commands; Ctrl+D leaves.")
        return await Loop(talk).run()
    finally:
        reader.remember(())
        await session.close()


class Loop:
    def __init__(self, talk: Talk) -> None:
        self._talk, self._reader = talk, talk.reader
        self._reader.on_interrupt = self._interrupt
        self._work: asyncio.Task[bool] | None = None

    async def run(self) -> int:
        interrupted = False  # at the prompt, just now
        while True:
            try:
                text = await self._read_message()
            except Interrupted:
                if interrupted or not self._reader.is_interactive:
                    return EXIT_INTERRUPTED
                interrupted = True
                output.note("Ctrl+C again, or Ctrl+D, leaves. Nothing is lost.")
                continue
            except UsageError as error:
                if self._reader.is_interactive:
                    output.error(str(error))
                    continue
                raise
            interrupted = False
            if text is None or not await self._work_on(text):
                return EXIT_OK if self._reader.is_interactive or text is None else self._talk.exit_code

    async def _work_on(self, text: str) -> bool:
        """Whether to go on. Ctrl+C meanwhile ends this alone, and a running reply with what came."""
        self._work = asyncio.ensure_future(self._do(text))
        try:
            goes_on = await self._work
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            output.note("Interrupted.")
            return self._reader.is_interactive
        except HybridchatError as error:
            if not self._reader.is_interactive:
                raise
            output.error(str(error))
            if self._talk.unsent:
                output.note("Your words are kept: an empty line sends them again.")
            return True
        finally:
            self._work = None
        if self._talk.teller.gone is not None:
            raise self._talk.teller.gone
        return goes_on

    async def _do(self, text: str) -> bool:
        talk = self._talk
        try:
            if call := call_in(text):
                await commands.do(talk, call)
            elif words := words_of(text):
                await talk.submit(words)
            elif talk.unsent or talk.chat.queue:
                await talk.submit(talk.unsent)
        except commands.Leave:
            talk.exit_code = EXIT_OK
            return False
        return self._reader.is_interactive or talk.exit_code == EXIT_OK

    def _interrupt(self) -> None:
        if not self._talk.interrupt() and self._work is not None:
            self._work.cancel()

    # --- reading

    async def _read_message(self) -> str | None:
        """One message, which may be several lines; None after the last."""
        talk = self._talk
        if self._reader.is_interactive:
            await talk.announce()
            talk.teller.is_prompting = True
        try:
            first = await self._reader.read("You, off the record:" if talk.chat.is_off_record else "You:")
            if first is None:
                return None
            if first.strip().startswith(FENCE):
                return await self._fenced(first.strip().removeprefix(FENCE))
            lines = [first]
            while lines[-1].endswith("\\") and (more := await self._reader.read("more:")) is not None:
                lines = [*lines[:-1], lines[-1][:-1], more]
            return "\n".join(lines).strip()
        finally:
            talk.teller.is_prompting = False
            talk.teller.say_held()

    async def _fenced(self, first: str) -> str:
        """Until a line that ends with the fence, as it is; never a command."""
        lines = [first]
        while not lines[-1].rstrip().endswith(FENCE) and (more := await self._reader.read("more:")) is not None:
            lines.append(more)
        text = "\n".join(lines).rstrip().removesuffix(FENCE).strip("\n")
        return as_typed(text)

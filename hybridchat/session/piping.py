"""A block of code to a command that the user typed: run by their shell, never by itself, and never with our keys."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable, Collection

from msgspec import Struct

from hybridchat.errors import UsageError

LIMIT_S = 60.0
GRACE_S = 1.0  # between asking it to end and killing it; and for its pipes, once the shell has ended
LOOK_EVERY_S = 0.1
MOST_BYTES = 1 << 20  # of each of its two outputs


class Piped(Struct, frozen=True):
    """What came of it. `exit_code` is None where it was killed; `ended_by` says why, or ""."""

    output: str
    errors: str
    exit_code: int | None
    ended_by: str = ""
    is_cut: bool = False  # it wrote more than is kept


def shell() -> list[str]:
    """What the command goes to, as its last argument."""
    if sys.platform == "win32":
        return [os.environ.get("COMSPEC", "cmd.exe"), "/c"]
    return [os.environ.get("SHELL") or "/bin/sh", "-c"]


class Pipe:
    """One run of a command. `secret` blocks, and names the variables that no program may find in its environment."""

    def __init__(
        self, command: str, text: str, secret: Callable[[], Collection[str]], *, limit_s: float = LIMIT_S
    ) -> None:
        self._command = command
        self._data = text.encode("utf-8", "replace")
        self._secret = secret
        self._limit_s = limit_s
        self._stopped = asyncio.Event()
        self._kept: tuple[bytearray, bytearray] = (bytearray(), bytearray())
        self._is_cut = False

    def stop(self) -> None:
        """Ends the command and all that it has started."""
        self._stopped.set()

    async def run(self) -> Piped:
        """Raises UsageError without a shell. Cancelled, it ends the command as `stop` does."""
        process = await self._start()
        work = asyncio.gather(self._feed(process), self._read(process, 0), self._read(process, 1))
        work.add_done_callback(lambda ended: ended.cancelled() or ended.exception())  # looked at: else it is told
        try:
            ended_by = await self._end_of(process)
            if ended_by:
                await _kill(process)
            await asyncio.wait({work}, timeout=GRACE_S)  # what it leaves running may hold the pipes
        finally:
            if process.returncode is None:
                _signal(process, is_last=True)
            work.cancel()
            process._transport.close()  # type: ignore[attr-defined]  # its pipes: there is no public way
        output, errors = (bytes(kept).decode("utf-8", "replace") for kept in self._kept)
        return Piped(output, errors, None if ended_by else process.returncode, ended_by, self._is_cut)

    async def _start(self) -> Process:
        hidden = {name.upper() for name in await asyncio.to_thread(self._secret)}
        environment = {name: value for name, value in os.environ.items() if name.upper() not in hidden}
        try:
            return await asyncio.create_subprocess_exec(
                *shell(), self._command, stdin=PIPE, stdout=PIPE, stderr=PIPE, env=environment, start_new_session=True
            )
        except (OSError, ValueError) as error:  # ValueError: a NUL in the command
            why = error.strerror if isinstance(error, OSError) else error
            raise UsageError(f"{shell()[0]} cannot run this: {why}", "set SHELL to one that can") from None

    async def _end_of(self, process: Process) -> str:
        """Why it must be ended, or "" when it has by itself. Its pipes may stay open longer."""
        until = asyncio.get_running_loop().time() + self._limit_s
        while process.returncode is None:
            if self._stopped.is_set():
                return "stopped"
            if asyncio.get_running_loop().time() >= until:
                return f"it ran longer than {self._limit_s:g} s"
            waits = {asyncio.create_task(self._stopped.wait()), asyncio.create_task(process.wait())}
            await asyncio.wait(waits, timeout=LOOK_EVERY_S, return_when=asyncio.FIRST_COMPLETED)
            for wait in waits:
                wait.cancel()
        return ""

    async def _feed(self, process: Process) -> None:
        pipe = process.stdin
        assert pipe is not None
        try:
            pipe.write(self._data)
            await pipe.drain()
            pipe.close()
            await pipe.wait_closed()
        except (BrokenPipeError, ConnectionResetError):
            return  # it does not read

    async def _read(self, process: Process, number: int) -> None:
        """What is too much is read and dropped, so that the command comes to its end."""
        pipe, kept = (process.stdout, process.stderr)[number], self._kept[number]
        assert pipe is not None
        while chunk := await pipe.read(64 << 10):
            room = MOST_BYTES - len(kept)
            kept += chunk[:room]
            self._is_cut = self._is_cut or len(chunk) > room


async def _kill(process: Process) -> None:
    """The whole group: first asked, then killed, whoever of it is left."""
    _signal(process, is_last=False)
    try:
        async with asyncio.timeout(GRACE_S):
            await process.wait()
    except TimeoutError:
        pass
    _signal(process, is_last=True)


def _signal(process: Process, *, is_last: bool) -> None:
    try:
        if sys.platform == "win32":
            process.kill()
        else:
            os.killpg(process.pid, signal.SIGKILL if is_last else signal.SIGTERM)
    except (ProcessLookupError, PermissionError):  # macOS says the latter of a group whose last one is ending
        return

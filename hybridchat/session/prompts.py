"""The library of prompts: Markdown files in a folder of the user's, read anew whenever they are asked for."""

from __future__ import annotations

import asyncio
import os
import re
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

from msgspec import Struct

from hybridchat.config import Config
from hybridchat.config.problems import Problem
from hybridchat.config.prompts import SUFFIX, BrokenPrompt, PromptFile, as_file, broken, read_prompt
from hybridchat.domain.chat import Privacy
from hybridchat.domain.text import clean_line
from hybridchat.errors import HybridchatError, UsageError
from hybridchat.paths import Paths, replace_file, without_waiting
from hybridchat.session.chats import Chats
from hybridchat.session.presets import Presets
from hybridchat.session.state import Chat

MOST_FILES = 1000
MOST_DEPTH = 8
MOST_BYTES = 256 << 10
_NAME = re.compile(r"[^\W_](?:[\w .+-]*[\w+])?(?:/[^\W_](?:[\w .+-]*[\w+])?)*")


class Shelf(Struct, frozen=True):
    """`problems`: a line each for what cannot be read, which leaves the others as they are."""

    prompts: tuple[PromptFile, ...] = ()
    problems: tuple[Problem, ...] = ()


def folder_of(config: Config, paths: Paths) -> Path:
    """Where the library is; it need not be there."""
    named = config.prompts.folder
    return Path(named).expanduser() if named else paths.prompts_dir


class Prompts:
    """`folder` None: there is none, as in the demo. `why_pinned` says why what a file holds stays on this device; it
    blocks."""

    def __init__(self, folder: Path | None = None, why_pinned: Callable[[Path], str] = lambda file: "") -> None:
        self.folder = folder
        self._why_pinned = why_pinned

    async def list(self) -> Shelf:
        return await asyncio.to_thread(self.read)

    def read(self) -> Shelf:
        """By name. Blocks."""
        if self.folder is None:
            return Shelf()
        found: list[PromptFile] = []
        problems: list[Problem] = []
        for file in _files(self.folder, problems):
            if len(found) + len(problems) >= MOST_FILES:
                problems.append(Problem(str(self.folder), None, "", f"only {MOST_FILES:,} files are read", "fewer"))
                break
            try:
                name = file.relative_to(self.folder).with_suffix("").as_posix()
                found.append(read_prompt(_text(file), name, file))
            except BrokenPrompt as error:
                problems.append(error.problem)
        return Shelf(tuple(sorted(found, key=lambda prompt: prompt.name.casefold())), tuple(problems))

    async def find(self, name: str) -> PromptFile:
        """By its name or title, however it is written, or what alone begins so. Raises UsageError, which says what is
        wrong with a broken one."""
        return await asyncio.to_thread(self.found, name)

    def found(self, name: str) -> PromptFile:
        """As `find`. Blocks."""
        shelf, wanted = self.read(), name.strip().casefold().removesuffix(SUFFIX)
        by_name = [prompt for prompt in shelf.prompts if wanted in (prompt.name.casefold(), prompt.title.casefold())]
        begun = [prompt for prompt in shelf.prompts if wanted and prompt.name.casefold().startswith(wanted)]
        if len(meant := by_name or begun) == 1:
            return meant[0]
        for problem in shelf.problems:
            if Path(problem.file).stem.casefold() == wanted.rpartition("/")[2]:
                raise BrokenPrompt(problem)
        names = ", ".join(prompt.name for prompt in (meant or shelf.prompts)[:10])
        remedy = f"one of: {names}" if names else f"Markdown files in {self.folder} are prompts"
        which = "several prompts begin with" if meant else "there is no prompt"
        raise UsageError(f"{which} {clean_line(name, 60)!r}", remedy)

    async def why_pinned(self, prompt: PromptFile) -> str:
        """Why what the file says has to stay on this device; "": it need not."""
        return await asyncio.to_thread(self._why_pinned, prompt.file)

    async def save(self, name: str, body: str, *, replace: bool = False) -> Path:
        """A new file of that name, such as `review` or `code/review`, that only the user can read.

        Raises UsageError for a name that is none or is taken, HybridchatError when it cannot be written.
        """
        return await asyncio.to_thread(self.write, name, body, replace=replace)

    def write(self, name: str, body: str, *, replace: bool = False, title: str = "") -> Path:
        """As `save`. Blocks."""
        name = name.strip().removesuffix(SUFFIX)
        if self.folder is None:
            raise UsageError("nothing can be kept here", "start `hybridchat` without the demo")
        if not _NAME.fullmatch(name) or len(name) > 100:
            raise UsageError(f"{clean_line(name, 60)!r} is no name for a prompt", "such as review, or code/review")
        file = self.folder / f"{name}{SUFFIX}"
        text = body if body.startswith("+++\n") else as_file(title or name.rpartition("/")[2], body)
        read_prompt(text, name, file)
        if file.exists() and not replace:
            raise UsageError(f"there is a prompt {name} already", "take another name, or replace it")
        try:
            replace_file(file, text.encode())
        except OSError as error:
            raise HybridchatError(f"{file} cannot be written: {error.strerror or error}", "check its folder") from None
        return file


class PromptUse:
    """What putting a prompt into a chat means for the chat."""

    def __init__(self, prompts: Prompts, presets: Presets, chats: Chats) -> None:
        self._prompts = prompts
        self._presets = presets
        self._chats = chats

    async def prepare(self, chat: Chat, prompt: PromptFile) -> list[str]:
        """The chat becomes as private as where the file lies, and goes by the preset and the kind of task that it
        names. Returns what is to be said about that, a line each. Nothing is sent."""
        said: list[str] = []
        why = await self._prompts.why_pinned(prompt)
        if why and chat.privacy is not Privacy.LOCAL_ONLY:
            await self._chats.set_privacy(chat, Privacy.LOCAL_ONLY)
            said.append(f"this chat stays on this device now: its prompt is {why}")
        if prompt.preset is not None:
            try:
                said.append(await self._presets.choose_by_name(chat, prompt.preset))
                said.append(f"this chat goes by the preset {clean_line(prompt.preset, 64)}")
            except HybridchatError as error:  # the words of the prompt are there nevertheless
                said.append(str(error))
        if prompt.workload is not None:
            await self._chats.set_workload(chat, prompt.workload)
        return list(filter(None, said))


def _files(folder: Path, problems: list[Problem]) -> Iterator[Path]:
    """Below the folder, through links too, but for what is hidden; what leads back up is told once."""
    above: list[tuple[int, int]] = []

    def walk(folder: Path, depth: int) -> Iterator[Path]:
        try:
            status = folder.stat()
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except FileNotFoundError:
            return
        except OSError as error:
            problems.append(Problem(str(folder), None, "", f"cannot be read: {error.strerror or error}"))
            return
        here = status.st_dev, status.st_ino
        if here in above:
            problems.append(Problem(str(folder), None, "", "is a link that leads back to where it lies", "remove it"))
            return
        if depth > MOST_DEPTH:
            problems.append(Problem(str(folder), None, "", f"is more than {MOST_DEPTH} folders deep", "move it up"))
            return
        above.append(here)
        for entry in entries:
            if entry.name.startswith("."):
                continue
            if _is_folder(entry):
                yield from walk(Path(entry.path), depth + 1)
            elif entry.name.lower().endswith(SUFFIX):
                yield Path(entry.path)
        above.pop()

    return walk(folder, 0)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False


def _text(file: Path) -> str:
    """Raises BrokenPrompt for what is no small UTF-8 text."""
    try:
        with open(file, "rb", opener=without_waiting) as opened:
            if not stat.S_ISREG(os.fstat(opened.fileno()).st_mode):
                raise broken(file, None, "is no plain file", "Markdown files are prompts")
            data = opened.read(MOST_BYTES + 1)
    except OSError as error:
        raise broken(file, None, f"cannot be read: {error.strerror or error}", "check its permissions") from None
    if len(data) > MOST_BYTES:
        raise broken(file, None, f"is over {MOST_BYTES >> 10} kB", "a prompt is shorter")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise broken(file, line, "is not UTF-8 text", "save it as UTF-8") from None

"""What somebody does about attachments on the chat screen. Loaded when it is first wanted: the start must not wait."""

from __future__ import annotations

import asyncio
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from msgspec import Struct
from textual.geometry import Size
from textual.widget import Widget

from hybridchat.domain.attachments import AttachedFile, Attachment, size_words
from hybridchat.domain.files import Listing, Preview, Sixels
from hybridchat.domain.text import clean, clean_line, count_of
from hybridchat.errors import UsageError
from hybridchat.session.files import path_of
from hybridchat.session.state import Along
from hybridchat.tui.mentions import Mention, as_mark, dropped_path, ranked
from hybridchat.tui.screens.dialogs import Confirm
from hybridchat.tui.widgets.attached import AttachedLine
from hybridchat.tui.widgets.hints import told
from hybridchat.tui.widgets.rows import Row
from hybridchat.tui.words import attached_words

if TYPE_CHECKING:
    from hybridchat.session.chat import Chat, Session
    from hybridchat.tui.pixels import Way
    from hybridchat.tui.screens.mentioning import Mentioning

VAST_PASTE = 500_000  # characters, in most scripts a megabyte or less: from here on a paste is confirmed first
FRESH_S = 10.0  # a folder's names are looked up again after this
MOST_OFFERED = 50
LONGEST_SHOWN = 56  # cells of a name: it fits 80 columns


def show_line(screen: Mentioning, files: tuple[AttachedFile, ...]) -> None:
    lines = screen.query(AttachedLine)
    if not files:
        lines.remove()
    elif lines:
        lines.first().show(files)
    else:
        screen.mount(AttachedLine(files), before=screen.route_line)


# --- completing


class Chosen(Struct, frozen=True):
    """A name that may be meant, as it would be typed."""

    mention: Mention
    name: str

    @property
    def is_folder(self) -> bool:
        return self.name.endswith("/")


class _Names(NamedTuple):
    of: tuple[Path, bool, bool]
    at: float
    listing: Listing


class Names:
    """Of the folder that was asked about last."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._last: _Names | None = None

    async def rows(self, mention: Mention) -> list[Row]:
        listing = await self._listing(mention)
        found = await asyncio.to_thread(ranked, listing.names, mention.query)
        rows = [_row(mention, name, hits) for name, hits in found[:MOST_OFFERED]]
        if not listing.is_whole and rows:
            rows.append(Row(None, f"There are more than {len(listing.names):,}: type a path such as ./folder/"))
        return rows

    async def _listing(self, mention: Mention) -> Listing:
        of = (mention.folder, not mention.is_path, mention.wants_hidden)
        if self._last is None or self._last.of != of or time.monotonic() - self._last.at > FRESH_S:
            folder, is_deep, with_hidden = of
            listing = await self._session.gathering.listing(folder, is_deep=is_deep, with_hidden=with_hidden)
            self._last = _Names(of, time.monotonic(), listing)
        return self._last.listing


def _row(mention: Mention, name: str, hits: tuple[int, ...]) -> Row:
    """Of a long name the end is what tells it from others; what it is below stands in the composer."""
    cut = max(0, len(name) - LONGEST_SHOWN)
    shown = clean_line(("…" if cut else "") + name[cut:], LONGEST_SHOWN + 1)
    marked = tuple((hit, hit + 1) for hit in hits) if shown == name else ()
    return Row(Chosen(mention, mention.base + name), shown, "folder" if name.endswith("/") else "", hits=marked)


def put_mark(screen: Mentioning, chosen: Chosen, *, goes_on: bool) -> None:
    """In place of what was typed; `goes_on` in a folder. A name is anybody's: what a terminal would obey is inert."""
    row, column = screen.composer.cursor_location
    mark = as_mark(clean(chosen.name).replace("\n", " "))
    mark = mark.removesuffix('"') if goes_on else f"{mark} "
    screen.composer.replace(mark, (row, chosen.mention.begin), (row, column), maintain_selection_offset=False)


# --- attaching


async def attach_named(screen: Mentioning, name: str) -> None:
    """A file or folder as it was typed; what went wrong is told."""
    with told(screen):
        await attach(screen, path_of(name), name.strip())


async def attach(screen: Mentioning, path: Path, name: str) -> None:
    """A file, or the texts of a folder once the user has seen how much that is. Raises HybridchatError."""
    session, chat = screen.session, screen.chat
    if session is None or chat is None:
        return
    with screen.being_read(name) as reading:
        if await asyncio.to_thread(_is_folder, path):
            attachments = await _texts_of(screen, chat, path, name)
        else:
            attachments = (await session.gathering.read(chat, path),)
        screen.add_along(chat, Along(attachments))
        reading.is_done = bool(attachments)


async def _texts_of(screen: Mentioning, chat: Chat, folder: Path, name: str) -> tuple[Attachment, ...]:
    assert screen.session is not None
    gathered = await screen.session.gathering.gather(folder, name)
    files = [attachment.file for attachment in gathered.attachments]
    tokens, size = sum(file.text_tokens or 0 for file in files), sum(file.size_bytes for file in files)
    left = f" {count_of(gathered.left_out, 'other file')} would be left out." if gathered.left_out else ""
    question = f"Attach {count_of(len(files), 'text')} of {clean_line(name, 60)}?"
    if not await _confirmed(screen, question, f"{size_words(size)}, ≈ {tokens:,.0f} tokens.{left}", "Attach"):
        return ()
    return await screen.session.gathering.take(chat, folder, gathered)


async def _confirmed(screen: Mentioning, question: str, detail: str, yes: str) -> bool:
    return await screen.ask(Confirm(question, detail, yes=yes, is_harmless=True)) is True


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False


# --- pastes


async def take_paste(screen: Mentioning, text: str) -> None:
    """One too long for the composer becomes an attachment."""
    if len(text) >= VAST_PASTE:
        question = f"Paste {len(text) / 1e6:.1f} million characters in {text.count(chr(10)) + 1:,} lines?"
        detail = "As an attachment, with control characters made visible. A model may not take this much."
        if not await _confirmed(screen, question, detail, "Paste"):
            return
    session, chat = screen.session, screen.chat
    if session is None or chat is None:
        screen.composer.paste(text)
        return
    number = screen.count_paste()
    with screen.being_read(f"paste {number}") as reading:
        attachment = await session.gathering.pasted(text, number)
        if chat is screen.chat:
            screen.composer.paste(f"{as_mark(attachment.name)} ")
        screen.add_along(chat, Along((attachment,)))
        reading.is_done = True


async def take_path(screen: Mentioning, text: str) -> None:
    """A file that was dropped into the terminal: attached if the user wants that, else it is the text it was."""
    path = dropped_path(text)
    if path is not None and await asyncio.to_thread(_exists, path):
        detail = f"{clean_line(str(path), 200)}\nElse its path is pasted."
        if await _confirmed(screen, f"Attach {clean_line(path.name, 60)}?", detail, "Attach"):
            with screen.told():
                await attach(screen, path, path.name)
            return
    screen.composer.paste(text)


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


# --- looking


async def choose(screen: Mentioning) -> None:
    """Of the draft, to open or remove; then those of the conversation, to open."""
    if screen.chat is None:
        return
    here = screen.along.files
    sent = dict.fromkeys(file for message in reversed(screen.chat.messages) for file in message.attachments)
    rows = [Row(file, attached_words(file), "with this message", "local") for file in here]
    rows += [Row(file, attached_words(file), "sent") for file in sent if file not in here]
    if not rows:
        screen.notify("Nothing is attached here. @ and a name attaches a file.")
        return
    chosen = rows[0].key if len(rows) == 1 else await screen.pick("Attachments", rows)
    if isinstance(chosen, AttachedFile):
        with screen.told():
            await _look_at(screen, screen.chat, chosen)


async def _look_at(screen: Mentioning, chat: Chat, file: AttachedFile) -> None:
    what: object = "open"
    if file in screen.along.files:
        into = [Row("into", "Put its text into the message")] if file.is_text else []
        rows = [Row("open", "Open it"), Row("remove", "Remove it from the message"), *into]
        what = await screen.pick(attached_words(file), rows, has_filter=False)
    if what is None or chat is not screen.chat or screen.session is None:
        return
    if what == "remove":
        screen.carry(screen.along.without(file))
        return
    here = (one for one in screen.along.attachments if one.file == file)
    attachment = next(here, None) or await screen.session.attached.content(chat, file)
    if what == "into":
        screen.carry(screen.along.without(file))
        screen.composer.paste(attachment.text or "")
        screen.composer.focus()
    else:
        await _open(screen, screen.session, attachment)


async def _open(screen: Mentioning, session: Session, attachment: Attachment) -> None:
    from hybridchat.tui.screens.attachment import AttachmentView

    console = screen.app.console
    has_colours = console.color_system in ("256", "truecolor") and not screen.app.no_color
    has_colours = has_colours and console.encoding.lower().startswith("utf")
    shown = await _shown(session, attachment, has_colours=has_colours)
    await screen.ask(AttachmentView(attached_words(attachment.file), shown))


async def _shown(session: Session, attachment: Attachment, *, has_colours: bool) -> Widget:
    from textual.widgets import Static

    from hybridchat.tui.widgets.pager import Pager, lines_of
    from hybridchat.tui.widgets.picture import Picture

    if attachment.text is not None:
        return Pager(await asyncio.to_thread(lines_of, attachment.text))
    why = "this document has no text to be shown"
    if attachment.file.is_picture and not has_colours:
        why = "this terminal has too few colours, or NO_COLOR asks for none"
    elif attachment.file.is_picture:
        try:
            return Picture(await session.gathering.preview(attachment), partial(_pixels, session, attachment))
        except UsageError as error:
            why = str(error)
    return Static(f"No preview: {why}.", markup=False, classes="note")


async def _pixels(session: Session, attachment: Attachment, way: Way, most: Size) -> Preview | Sixels:
    return await session.gathering.pixels(attachment, most, as_sixels=way == "sixel")

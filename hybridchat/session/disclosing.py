"""Before a managed send: what would leave this machine by accident, and what the user decided about it.

Whatever sends — a new message, another answer, a summary — is planned first, and the plan asks here. What was found is
kept as kinds and places; the texts themselves are looked through again whenever they are needed.
"""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property, partial

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from hybridchat.domain.attachments import Attachment
from hybridchat.domain.chat import ChatMessage, ChatRequest, Disclosure, Message, MessageState, Role, Zone
from hybridchat.domain.routing import Candidate
from hybridchat.domain.secrets.masking import mask
from hybridchat.domain.secrets.rules import Finding
from hybridchat.domain.secrets.scan import Scanner
from hybridchat.domain.text import clean_line, count_of
from hybridchat.session.state import Chat, Draft, loaded

AT_A_TIME = 20_000  # characters of what goes along that one plan looks through: every key press makes one
DRAFT_AT_ONCE = 200_000  # characters; a longer draft is looked through when it is sent

IN_DRAFT, IN_STOP = "this message", "the words to stop at"
IN_SYSTEM, EARLIER = "the system prompt", "earlier turns"
MASKED_SO_FAR = "masked so far"

Name = Callable[[Attachment, int], str]


class Place(Struct, frozen=True):
    """So many of a kind, and where; `lines` of the draft, where it has several."""

    where: str
    kind: str
    count: int
    lines: tuple[int, ...] = ()

    def __str__(self) -> str:
        lines = f" ({'line' if len(self.lines) == 1 else 'lines'} {', '.join(map(str, self.lines))})"
        return f"{count_of(self.count, self.kind)} in {self.where}{lines if self.lines else ''}"


class Found(Struct, frozen=True):
    """What a managed backend would get: `counts` by kind of all of it, `places` of what the user's word would be about:
    what is not decided about yet, and what was masked until now."""

    counts: dict[str, int]
    places: tuple[Place, ...]
    disclosure: Disclosure | None  # None: the user must choose

    @property
    def words(self) -> str:
        return in_words(self.counts)


def in_words(counts: dict[str, int]) -> str:
    """`2 emails and 1 card`."""
    parts = [count_of(count, kind) for kind, count in counts.items()]
    return " and ".join(filter(None, (", ".join(parts[:-1]), *parts[-1:])))


def counts_of(stored: str | None) -> dict[str, int]:
    """Of an attempt's `found`; empty where nothing is known."""
    try:
        return msgspec.json.decode(stored or "{}", type=dict[str, int])
    except msgspec.MsgspecError:  # a damaged page
        return {}


class Gate:
    """Looks through what goes along. The scanner is made when something is about to leave for the first time."""

    def __init__(self, make_scanner: Callable[[], Scanner]) -> None:
        self._make_scanner = make_scanner
        self._newest: tuple[str, tuple[Finding, ...]] = ("", ())

    @cached_property
    def _scanner(self) -> Scanner:
        return self._make_scanner()

    def look(
        self, chat: Chat, draft: Draft, kept: Sequence[Message], target: Candidate, *, is_sending: bool
    ) -> Found | None:
        """None where nothing is found in what the managed target would get. Unless it `is_sending`, only as much is
        looked through as typing can bear."""
        decided, standing = _decided(kept, target)
        counts: Counter[str] = Counter()
        places: list[Place] = []
        is_open = False  # whether the user has yet to decide about some of it
        left = math.inf if is_sending else AT_A_TIME
        name = partial(self._name, chat)
        for where, is_decided, text in _along(chat, draft, kept, target, decided, name):
            findings = self._known(chat, text)
            if findings is None:
                if not (where == IN_DRAFT and len(text) <= DRAFT_AT_ONCE):
                    left -= len(text)
                    if left < 0:
                        continue
                findings = self._in_draft(chat, text) if where == IN_DRAFT else self._find(chat, text)
            if not findings:  # of thousands of messages, nearly all
                continue
            kinds = Counter(finding.kind for finding in findings)
            counts.update(kinds)
            is_open = is_open or not is_decided
            if not is_decided or standing is Disclosure.MASKED:  # as it is, that would go as well
                lines = _lines(text, findings) if where == IN_DRAFT else {}
                where_now = f"{where} ({MASKED_SO_FAR})" if is_decided else where
                places += (Place(where_now, kind, count, lines.get(kind, ())) for kind, count in kinds.items())
        if not counts:
            return None
        said = draft.disclosure if _covers(draft, counts) else None
        return Found(dict(counts), tuple(_summed(places)), said or (None if is_open else standing))

    def _name(self, chat: Chat, attachment: Attachment, number: int) -> str:
        """How a place is called: by its name, unless that is one of those that should not leave."""
        is_plain = not self._find(chat, attachment.name)
        return clean_line(attachment.name, 60) if is_plain else f"attachment {number}"

    def _known(self, chat: Chat, text: str) -> tuple[Finding, ...] | None:
        return self._newest[1] if self._newest[0] == text else chat.found.get(hash(text))

    def _in_draft(self, chat: Chat, text: str) -> tuple[Finding, ...]:
        """Each key press makes another: only the newest is kept."""
        if (known := self._known(chat, text)) is not None:
            return known
        self._newest = (text, self._scanner.scan(text))
        return self._newest[1]

    def _find(self, chat: Chat, text: str) -> tuple[Finding, ...]:
        """What goes along is looked through once."""
        if (known := self._known(chat, text)) is not None:
            return known
        found = chat.found[hash(text)] = self._scanner.scan(text)
        return found

    async def look_at_all(self, chat: Chat, draft: Draft, history: Sequence[Message]) -> None:
        """At what no plan has come to yet, without making the interface wait."""
        drafted = [draft.text] if len(draft.text) > DRAFT_AT_ONCE else []
        along = (*draft.along.attachments, *draft.loaded.values())
        for text in (*drafted, *_attached(along), *(message.text for message in history)):
            if self._known(chat, text) is None:
                chat.found[hash(text)] = await asyncio.to_thread(self._scanner.scan, text)

    def masked(self, chat: Chat, request: ChatRequest) -> tuple[ChatRequest, dict[str, str]]:
        """With placeholders, and what each stands for. A thinking that would change is left out: it is signed."""

        def scan(text: str) -> tuple[Finding, ...]:
            known = self._known(chat, text)
            return self._scanner.scan(text) if known is None else known

        stop = request.parameters.stop
        masked = mask([*(text for message in request.messages for text in _texts_of(message)), *stop], scan)
        texts = iter(masked.texts)
        messages = tuple(_with_texts(message, texts) for message in request.messages)
        return replace(
            request, messages=messages, parameters=replace(request.parameters, stop=tuple(texts))
        ), masked.values


def _covers(draft: Draft, counts: Mapping[str, int]) -> bool:
    """Whether the user's word is about all of it: by now there may be more than was shown."""
    if draft.disclosure is not Disclosure.AS_IS or draft.agreed is None:
        return True
    return all(count <= draft.agreed.get(kind, 0) for kind, count in counts.items())


def _along(
    chat: Chat, draft: Draft, kept: Sequence[Message], target: Candidate, decided: int, name: Name
) -> Iterator[tuple[str, bool, str]]:
    """What would leave: where it stands, whether it is decided about, and the text. The target's own words are no news
    to it."""
    yield IN_DRAFT, False, draft.text
    yield IN_SYSTEM, _is_system_decided(chat, kept, decided), chat.system
    for text in draft.parameters.stop:
        yield IN_STOP, False, text
    for number, attachment in enumerate(draft.along.attachments, 1):
        for text in _attached([attachment]):
            yield name(attachment, number), False, text
    for index in range(len(kept) - 1, -1, -1):
        message = kept[index]
        still_grows = chat.turn is not None and message.state is MessageState.STREAMING  # another window's may leave
        if not still_grows and not _is_by(message, target):
            yield EARLIER, index < decided, message.text
            for number, attachment in enumerate(loaded(message, draft) if message.attachments else (), 1):
                for text in _attached([attachment]):
                    yield f"{name(attachment, number)} of {EARLIER}", index < decided, text


def _attached(attachments: Iterable[Attachment]) -> Iterator[str]:
    """Names and texts. What is no text has none: `unread` tells its name."""
    for attachment in attachments:
        yield attachment.name
        yield attachment.text or ""


def unread(draft: Draft, kept: Sequence[Message]) -> tuple[str, ...]:
    """The names of what goes along and cannot be looked through."""
    files = (*draft.along.files, *(file for message in kept for file in message.attachments))
    return tuple(dict.fromkeys(file.name for file in files if not file.is_text))


def _texts_of(message: ChatMessage) -> Iterator[str]:
    yield message.text
    yield message.thinking
    yield from _attached(message.attachments)


def _with_texts(message: ChatMessage, texts: Iterator[str]) -> ChatMessage:
    """Takes from `texts` what `_texts_of` gave."""
    text, thinking = next(texts), next(texts)
    attachments = tuple(_with_text(attachment, next(texts), next(texts)) for attachment in message.attachments)
    if thinking == message.thinking:
        return replace(message, text=text, attachments=attachments)
    return replace(message, text=text, attachments=attachments, thinking="", signature="")


def _with_text(attachment: Attachment, name: str, text: str) -> Attachment:
    """Itself where nothing of it is masked: what is known of its content was counted off the interface's thread."""
    if text != (attachment.text or ""):
        return replace(attachment, name=name, data=text.encode())
    return attachment if name == attachment.name else replace(attachment, name=name)


def _decided(kept: Sequence[Message], target: Candidate) -> tuple[int, Disclosure | None]:
    """Up to where the user has decided already, and how: what was masked stays masked, and what went to this backend as
    it is goes there again."""
    for index in range(len(kept) - 1, -1, -1):
        attempt = kept[index].attempt
        if attempt is not None and attempt.disclosure is not None:
            holds = attempt.disclosure is Disclosure.MASKED or attempt.backend == target.backend
            return (index + 1, attempt.disclosure) if holds else (0, None)
    return 0, None


def _is_system_decided(chat: Chat, kept: Sequence[Message], decided: int) -> bool:
    """Unless it is another one by now than when the user decided."""
    attempt = kept[decided - 1].attempt if decided else None
    at = chat.conversation.system_at if chat.conversation else None
    return attempt is not None and (at is None or attempt.started_at > at)


def _is_by(message: Message, target: Candidate) -> bool:
    """Words that the target itself wrote; where its placeholders were put back, they are the user's."""
    by = message.attempt
    return (
        message.role is Role.ASSISTANT
        and by is not None
        and (by.backend, by.zone, by.disclosure) == (target.backend, Zone.MANAGED, None)
    )


def _lines(text: str, findings: Sequence[Finding]) -> dict[str, tuple[int, ...]]:
    """By kind; nothing for a text of one line."""
    if "\n" not in text.strip():
        return {}
    lines: dict[str, list[int]] = {}
    for finding in findings:
        line = text.count("\n", 0, finding.start) + 1
        if line not in lines.setdefault(finding.kind, []):
            lines[finding.kind].append(line)
    return {kind: tuple(found[:5]) for kind, found in lines.items()}


def _summed(places: Sequence[Place]) -> Iterator[Place]:
    """One for each place and kind."""
    counts: Counter[tuple[str, str]] = Counter()
    for place in places:
        counts[place.where, place.kind] += place.count
    lines = {(place.where, place.kind): place.lines for place in places}
    for (where, kind), count in counts.items():
        yield Place(where, kind, count, lines[where, kind])

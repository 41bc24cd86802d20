"""Before a managed send: what would leave this machine by accident, and what the user decided about it.

Whatever sends — a new message, another answer, a summary — is planned first, and the plan asks here. What was found is
kept as kinds and places; the texts themselves are looked through again whenever they are needed.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from hybridchat.domain.chat import ChatMessage, ChatRequest, Disclosure, Message, MessageState, Role, Zone
from hybridchat.domain.routing import Candidate
from hybridchat.domain.secrets.masking import mask
from hybridchat.domain.secrets.rules import Finding
from hybridchat.domain.secrets.scan import Scanner
from hybridchat.domain.text import count_of
from hybridchat.session.state import Chat, Draft

AT_A_TIME = 20_000  # characters of earlier turns that one plan looks through: every key press makes one

IN_DRAFT, IN_SYSTEM, EARLIER = "this message", "the system prompt", "earlier turns"


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
    """What a managed backend would get: `counts` by kind of all of it, `places` of what is not decided about yet."""

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

    def look(self, chat: Chat, draft: Draft, kept: Sequence[Message], target: Candidate) -> Found | None:
        """None where nothing is found in what the target would get, or it is the user's own."""
        if target.is_local:
            return None
        decided, standing = _decided(kept, target)
        counts: Counter[str] = Counter()
        places: list[Place] = []
        for where, is_decided, text, findings in self._texts(chat, draft, kept, target, decided):
            kinds = Counter(finding.kind for finding in findings)
            counts.update(kinds)
            if not is_decided:
                lines = _lines(text, findings) if where == IN_DRAFT else {}
                places += (Place(where, kind, count, lines.get(kind, ())) for kind, count in kinds.items())
        if not counts:
            return None
        return Found(dict(counts), tuple(_summed(places)), draft.disclosure or (None if places else standing))

    def _texts(
        self, chat: Chat, draft: Draft, kept: Sequence[Message], target: Candidate, decided: int
    ) -> Iterator[tuple[str, bool, str, tuple[Finding, ...]]]:
        """Where each stands, whether it is decided about, the text and what is in it. The target's own words are no
        news to it."""
        if draft.text:
            yield IN_DRAFT, False, draft.text, self._in_draft(draft.text)
        if chat.system:
            yield IN_SYSTEM, decided > 0, chat.system, self._known(chat, 0, chat.system)
        left = AT_A_TIME
        for index in range(len(kept) - 1, -1, -1):
            message = kept[index]
            if _is_by(message, target):
                continue
            if (message.id, hash(message.text)) not in chat.found:
                left -= len(message.text)
                if left < 0 or message.state is MessageState.STREAMING:
                    continue
            yield EARLIER, index < decided, message.text, self._known(chat, message.id, message.text)

    def _in_draft(self, text: str) -> tuple[Finding, ...]:
        if self._newest[0] != text:
            self._newest = (text, self._scanner.scan(text))
        return self._newest[1]

    def _known(self, chat: Chat, message_id: int, text: str) -> tuple[Finding, ...]:
        """A message is looked through once."""
        key = (message_id, hash(text))
        if key not in chat.found:
            chat.found[key] = self._scanner.scan(text)
        return chat.found[key]

    async def look_at_all(self, chat: Chat, messages: Sequence[Message]) -> None:
        """At the earlier turns that no plan has come to yet, without making the interface wait."""
        for message in messages:
            key = (message.id, hash(message.text))
            if key not in chat.found:
                chat.found[key] = await asyncio.to_thread(self._scanner.scan, message.text)

    def masked(self, request: ChatRequest) -> tuple[ChatRequest, dict[str, str]]:
        """With placeholders, and what each stands for. A thinking that would change is left out: it is signed."""
        given = [text for message in request.messages for text in (message.text, message.thinking)]
        masked = mask(given, self._scanner.scan)
        texts = iter(masked.texts)
        messages = tuple(_with_texts(message, next(texts), next(texts)) for message in request.messages)
        return replace(request, messages=messages), masked.values


def _with_texts(message: ChatMessage, text: str, thinking: str) -> ChatMessage:
    if thinking == message.thinking:
        return replace(message, text=text)
    return replace(message, text=text, thinking="", signature="")


def _decided(kept: Sequence[Message], target: Candidate) -> tuple[int, Disclosure | None]:
    """Up to where the user has decided already, and how: what was masked stays masked, and what went to this backend as
    it is goes there again."""
    for index in range(len(kept) - 1, -1, -1):
        attempt = kept[index].attempt
        if attempt is not None and attempt.disclosure is not None:
            holds = attempt.disclosure is Disclosure.MASKED or attempt.backend == target.backend
            return (index + 1, attempt.disclosure) if holds else (0, None)
    return 0, None


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

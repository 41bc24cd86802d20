"""What is open: one chat with its messages and wishes, and the plan for its next message."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from hybridchat.domain.attachments import AttachedFile, Attachment
from hybridchat.domain.budget import Verdict
from hybridchat.domain.chat import (
    Conversation,
    Disclosure,
    Effort,
    Message,
    MessageState,
    Parameters,
    Privacy,
    Purpose,
    Reasoning,
    Role,
    is_off_record,
)
from hybridchat.domain.estimate import Size, message_size
from hybridchat.domain.pricing import CostEstimate
from hybridchat.domain.routing import Candidate, Decision
from hybridchat.domain.secrets.rules import Finding
from hybridchat.errors import UsageError
from hybridchat.ledger.records import NewWaiting
from hybridchat.session.ways import Way

if TYPE_CHECKING:
    from hybridchat.domain.tuning import Untaken
    from hybridchat.session.disclosing import Found
    from hybridchat.session.side_by_side import SideBySide
    from hybridchat.session.turn import Turn

_DEFAULT = Parameters()


class Plan(Struct, frozen=True):
    """What Enter will do with a draft, as the line over the composer shows it."""

    decision: Decision
    reasoning: Reasoning
    workload: str | None
    prompt_tokens: int  # estimate of draft and history, for the target's model
    counted_tokens: int = 0  # the same for any model, as context windows are compared with
    prompt_spread: tuple[int, int] | None = None  # between what they may well lie
    cost: CostEstimate | None = None  # None without a known price
    is_price_awaited: bool = False  # it is being looked up
    budget: Verdict | None = None  # of the target, or of the one that a budget forbids; None where no budget applies
    forbidden: Candidate | None = None  # whom a budget forbids
    left_out_turns: int = 0  # the oldest ones, that do not go along
    instead_of: str = ""  # a fallback: why the managed backend does not answer, in words
    ways: tuple[Way, ...] = ()  # what the user may do instead, when not SEND
    privacy: Privacy = Privacy.OPEN  # the conversation's, or the run's where that is stricter
    effort: Effort | None = None  # None: the model's own
    found: Found | None = None  # what a managed target would get by accident
    unread: tuple[str, ...] = ()  # names of attachments that a managed target would get and nobody can look through
    untaken: tuple[Untaken, ...] = ()  # settings that the target does not take

    @property
    def is_undecided(self) -> bool:
        """Whether the user must say what becomes of what was found."""
        return self.found is not None and self.found.disclosure is None


class Along(Struct, frozen=True):
    """What goes along with a message: new attachments, and those of earlier messages of the same ledger, which are
    loaded when it is sent."""

    attachments: tuple[Attachment, ...] = ()
    enclosed: tuple[AttachedFile, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.attachments or self.enclosed)

    def __add__(self, other: Along) -> Along:
        return Along(self.attachments + other.attachments, self.enclosed + other.enclosed)

    @property
    def files(self) -> tuple[AttachedFile, ...]:
        return (*self.enclosed, *(attachment.file for attachment in self.attachments))

    def without(self, file: AttachedFile) -> Along:
        attachments = tuple(attachment for attachment in self.attachments if attachment.file != file)
        return Along(attachments, tuple(one for one in self.enclosed if one != file))


NOTHING = Along()


class Draft(Struct, frozen=True):
    """A message on its way: its words and what was chosen for it alone."""

    text: str
    route: str | None = None
    model: str | None = None
    parameters: Parameters = Parameters()
    purpose: Purpose = Purpose.CHAT
    drop_turns: int = 0  # the oldest ones that the user lets be left out
    history: tuple[Message, ...] | None = None  # what goes before it; None: the chat's messages
    disclosure: Disclosure | None = None  # the user's word about secrets and personal data in it and its history
    agreed: Mapping[str, int] | None = None  # what may go as it is, by kind; None: whatever is found
    may_fall_back: bool = True  # where the config allows it at all
    rewords: Message | None = None  # a question of the branch, beside which this one stands
    answers: Message | None = None  # a question of the branch, which is only answered again
    along: Along = NOTHING
    loaded: Mapping[AttachedFile, Attachment] = {}  # what goes along with its history
    waited: str | None = None  # its words as they wait in the ledger, where two windows may want to send them

    @property
    def is_empty(self) -> bool:
        return not (self.text.strip() or self.along)

    @property
    def size(self) -> Size:
        return message_size(self.text, self.along.files)


def loaded(message: Message, draft: Draft) -> tuple[Attachment, ...]:
    """What went along with a message of the draft's history, as far as it is loaded."""
    return tuple(draft.loaded[file] for file in message.attachments if file in draft.loaded)


class Chat:
    """One conversation as it is open here; made by Session.new or Session.open, read-only for callers."""

    def __init__(
        self,
        *,
        privacy: Privacy,
        route: str,
        model: str | None = None,
        system: str = "",
        is_off_record: bool = False,
    ) -> None:
        self.is_off_record = is_off_record  # in memory only, to its end
        self.conversation: Conversation | None = None  # None until the first message is sent
        self.messages: list[Message] = []  # root → leaf of the active branch, the streaming reply included
        self.privacy = privacy
        self.route = route
        self.model = model
        self.system = system
        self.reasoning: Reasoning | None = None  # None: by the config's rules
        self.workload: str | None = None
        self.effort: Effort | None = None  # None: the model's own
        self.parameters = Parameters()  # but for the effort
        self.may_leave = False  # the user chose a managed route since the last answer
        self.queue: list[Draft] = []
        self.waiting: tuple[NewWaiting, ...] = ()  # of the queue, what is in the ledger: what it begins with
        self.told: tuple[str, ...] = ()  # the queue's words as they were last told
        self.turn: Turn | SideBySide | None = None
        self.is_sending = False  # the words are on their way to disk
        self.stop_wanted = False  # the user stopped it before the request was out
        self.found: dict[int, tuple[Finding, ...]] = {}  # by a text's hash
        self._counted = 0
        self._size = Size()
        self._size_before = 0, Size()  # of which message, and what is before it

    @classmethod
    def of(
        cls,
        conversation: Conversation,
        messages: list[Message],
        waiting_files: Mapping[int, tuple[AttachedFile, ...]] | None = None,
    ) -> Chat:
        """`waiting_files`: what goes along with messages that wait, by their place among them."""
        chat = cls(
            privacy=conversation.privacy,
            route=conversation.route,
            model=conversation.model,
            system=conversation.system,
            is_off_record=is_off_record(conversation.id),
        )
        chat.conversation = conversation
        chat.messages = messages
        chat.reasoning = conversation.reasoning
        chat.workload = conversation.workload
        chat.effort, chat.parameters = conversation.effort, conversation.parameters
        chat.wait_as(conversation, waiting_files or {})
        chat.told = conversation.waiting
        return chat

    def wait_as(self, stored: Conversation, files: Mapping[int, tuple[AttachedFile, ...]]) -> None:
        """The queue as the ledger has it; what was chosen here for a message holds on. `files` as for `of`."""
        chosen = {draft.text: draft for draft in self.queue}
        self.waiting = tuple(NewWaiting(text, enclosed=files.get(at, ())) for at, text in enumerate(stored.waiting))
        self.queue = [
            replace(chosen.get(one.text) or Draft(one.text), along=Along(enclosed=one.enclosed)) for one in self.waiting
        ]

    @property
    def id(self) -> int | None:
        return self.conversation.id if self.conversation else None

    @property
    def is_streaming(self) -> bool:
        return self.is_sending or self.turn is not None

    def require_rest(self) -> None:
        """Raises UsageError while a reply runs, or is about to."""
        if self.is_streaming:
            raise UsageError("a reply is running", "stop it, wait for its end, or go on in a fork")

    @property
    def leaf_id(self) -> int | None:
        return self.messages[-1].id if self.messages else None

    def history_size(self) -> Size:
        """Of all finished messages and the system prompt; each message is counted once, for every key press asks."""
        for message in self.messages[self._counted :]:
            if message.state is MessageState.STREAMING:
                break
            self._size += message_size(message.text, message.attachments)
            self._counted += 1
        return self._size + system_size(self.system)

    def size_before(self, message_id: int) -> Size:
        """Of the messages before that one and the system prompt; for every key press as well."""
        if self._size_before[0] != message_id:
            before = (message_size(message.text, message.attachments) for message in self.up_to(message_id)[:-1])
            self._size_before = message_id, sum(before, Size())
        return self._size_before[1] + system_size(self.system)

    def find(self, message_id: int | None) -> Message | None:
        """On the branch that is shown."""
        return next((message for message in self.messages if message.id == message_id), None)

    def up_to(self, message_id: int | None) -> list[Message]:
        """The branch with that message as its last; empty for None."""
        last = next((at for at, message in enumerate(self.messages, 1) if message.id == message_id), 0)
        return self.messages[:last]

    def show(self, messages: list[Message]) -> None:
        """Another branch than before."""
        self.messages, self._counted, self._size = messages, 0, Size()
        self._size_before = 0, Size()

    def replace(self, message: Message) -> None:
        """Puts the finished reply where the streaming one stood."""
        for index in range(len(self.messages) - 1, -1, -1):
            if self.messages[index].id == message.id:
                self.messages[index] = message
                return


def system_size(system: str) -> Size:
    return message_size(system) if system else Size()


def settings_of(chat: Chat) -> Parameters:
    """All that is set for the conversation."""
    return replace(chat.parameters, effort=chat.effort)


def tuned(chat: Chat, draft: Draft) -> Draft:
    """With the conversation's settings where the draft says nothing itself. A summary is not cut off by what ends a
    reply."""
    settings = settings_of(chat)
    if draft.purpose is Purpose.SUMMARY:
        settings = replace(settings, max_tokens=None, stop=())
    if settings == _DEFAULT or draft.parameters == settings:
        return draft
    from hybridchat.domain.tuning import over  # not before the first key: this file is needed by then

    return replace(draft, parameters=over(draft.parameters, settings))


def count_turns(messages: Sequence[Message]) -> int:
    return sum(message.role is Role.USER for message in messages)


def without_oldest(messages: Sequence[Message], turns: int) -> Sequence[Message]:
    """From the message of the user on that begins the turn after those."""
    if turns:
        starts = [index for index, message in enumerate(messages) if message.role is Role.USER]
        return messages[starts[turns] :] if turns < len(starts) else ()
    return messages


def left_out_before(messages: Sequence[Message]) -> int:
    """The turns that the newest reply had to do without: they stay left out. A summary's were another's turns."""
    newest = next((m.attempt for m in reversed(messages) if m.attempt), None)
    return 0 if newest is None or newest.purpose is Purpose.SUMMARY else newest.left_out_turns or 0

"""What Enter does, in one place: the line over the composer says it, and sending goes by it."""

from __future__ import annotations

from enum import StrEnum

from hybridchat.domain.routing import Outlook


class Enter(StrEnum):
    """The values are the words on the screen; those that end in "to" or "for" are followed by the target."""

    SEND = "Enter sends to"
    QUEUE = "Enter queues for"
    SEND_WAITING = "Enter sends what waits to"
    SEND_WAITING_QUEUE_THIS = "Enter queues this and sends what waits to"
    QUEUE_IN_VAIN = "Enter queues, but as it is now that cannot be sent"
    ASK = "Enter asks where to send"
    ASK_WAITING = "Enter asks where to send what waits"
    LATER = "Stop the reply, or send what waits: then Enter sends to"
    REFUSE = "Enter cannot send"
    REFUSE_WAITING = "Enter cannot send what waits"

    @property
    def asks(self) -> bool:
        return self in (Enter.ASK, Enter.ASK_WAITING)

    @property
    def refuses(self) -> bool:
        return self in (Enter.REFUSE, Enter.REFUSE_WAITING)


_AT_ONCE = {Outlook.SEND: Enter.SEND, Outlook.ASK: Enter.ASK, Outlook.REFUSE: Enter.REFUSE}


def what_enter_does(outlook: Outlook, *, is_streaming: bool, is_waiting: bool, has_draft: bool) -> Enter:
    """`outlook` is that of the message whose turn it is: the first that waits, unless a reply streams; else the draft.

    Where there is neither, it is what Enter will do with the words that are still to be typed.
    """
    if is_streaming:
        return Enter.QUEUE if outlook is Outlook.SEND else Enter.QUEUE_IN_VAIN
    if not is_waiting:
        return _AT_ONCE[outlook]
    match outlook:
        case Outlook.SEND:
            return Enter.SEND_WAITING_QUEUE_THIS if has_draft else Enter.SEND_WAITING
        case Outlook.ASK:
            return Enter.ASK_WAITING
        case Outlook.REFUSE:
            return Enter.REFUSE_WAITING

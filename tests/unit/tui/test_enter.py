"""What Enter does, in every combination of what it depends on."""

from __future__ import annotations

from itertools import product

import pytest

from hybridchat.domain.routing import Outlook
from hybridchat.tui.enter import Enter, what_enter_does

SEND, ASK, REFUSE = Outlook
YES, NO = True, False

TABLE = {  # streams, something waits, there is a draft, what the message whose turn it is would meet
    (NO, NO, NO, SEND): Enter.SEND,
    (NO, NO, NO, ASK): Enter.ASK,
    (NO, NO, NO, REFUSE): Enter.REFUSE,
    (NO, NO, YES, SEND): Enter.SEND,
    (NO, NO, YES, ASK): Enter.ASK,
    (NO, NO, YES, REFUSE): Enter.REFUSE,
    (NO, YES, NO, SEND): Enter.SEND_WAITING,
    (NO, YES, NO, ASK): Enter.ASK_WAITING,
    (NO, YES, NO, REFUSE): Enter.REFUSE_WAITING,
    (NO, YES, YES, SEND): Enter.SEND_WAITING_QUEUE_THIS,
    (NO, YES, YES, ASK): Enter.ASK_WAITING,
    (NO, YES, YES, REFUSE): Enter.REFUSE_WAITING,
    (YES, NO, NO, SEND): Enter.QUEUE,
    (YES, NO, NO, ASK): Enter.QUEUE_IN_VAIN,
    (YES, NO, NO, REFUSE): Enter.QUEUE_IN_VAIN,
    (YES, NO, YES, SEND): Enter.QUEUE,
    (YES, NO, YES, ASK): Enter.QUEUE_IN_VAIN,
    (YES, NO, YES, REFUSE): Enter.QUEUE_IN_VAIN,
    (YES, YES, NO, SEND): Enter.QUEUE,
    (YES, YES, NO, ASK): Enter.QUEUE_IN_VAIN,
    (YES, YES, NO, REFUSE): Enter.QUEUE_IN_VAIN,
    (YES, YES, YES, SEND): Enter.QUEUE,
    (YES, YES, YES, ASK): Enter.QUEUE_IN_VAIN,
    (YES, YES, YES, REFUSE): Enter.QUEUE_IN_VAIN,
}


@pytest.mark.parametrize("given", list(product((NO, YES), (NO, YES), (NO, YES), Outlook)), ids=str)
def test_every_combination(given: tuple[bool, bool, bool, Outlook]) -> None:
    is_streaming, is_waiting, has_draft, outlook = given
    does = what_enter_does(outlook, is_streaming=is_streaming, is_waiting=is_waiting, has_draft=has_draft)
    assert does is TABLE[given]
    assert not (does.asks and does.refuses)

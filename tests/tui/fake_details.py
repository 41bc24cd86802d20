"""What is known of a scripted reply: two attempts, the first of which failed."""

from __future__ import annotations

from msgspec.structs import replace

from hybridchat.domain.chat import Attempt, Message, Outcome, Role
from hybridchat.errors import UsageError
from hybridchat.ledger.store import AttemptDetails, SentRequest
from hybridchat.session.details import ReplyDetails

BODY = (
    '{"model":"tiny","messages":[{"role":"system","content":"Be brief."},{"role":"user","content":"Does SQLite let me '
    'read while another process writes?"}],"stream":true,"temperature":0.2}'
)


class FakeReplies:
    async def read(self, messages: list[Message], message_id: int | None = None) -> ReplyDetails:
        replies = [m for m in messages if m.role is Role.ASSISTANT and message_id in (None, m.id, m.parent_id)]
        if not replies:
            raise UsageError("there is no reply to look into", "send a message, or point at another one")
        return details_of(replies[-1])


def details_of(reply: Message) -> ReplyDetails:
    if reply.attempt is None:
        return ReplyDetails(reply, ())
    last = replace(
        reply.attempt,
        attempt_no=2,
        latency_ms=2_900.0,
        load_ms=None,
        queue_ms=12.0,
        prompt_ms=40.0,
        prompt_tokens=1_204,
        cached_tokens=1_024,
        route_reason="a local backend can answer; table local-first",
    )
    failed = replace(last, attempt_no=1, outcome=Outcome.ERROR, error_kind="overloaded", ttft_ms=None, latency_ms=31.0)
    failed = replace(failed, queue_ms=None, prompt_ms=None, completion_tokens=None, prompt_tokens=None)
    return ReplyDetails(
        reply,
        (
            _of(failed, "lab was overloaded — try again"),
            _of(last, request=SentRequest("/v1/chat/completions", BODY, is_exact=True)),
        ),
    )


def _of(attempt: Attempt, note: str = "", request: SentRequest | None = None) -> AttemptDetails:
    return AttemptDetails(attempt=attempt, cost_usd=None, cost_detail="", note=note, request=request)

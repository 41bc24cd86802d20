"""One call to a backend, for what reads its figures."""

from __future__ import annotations

from hybridchat.domain.chat import Attempt, Outcome, Privacy, Proof, Purpose, Zone

ANSWERED = Attempt(
    attempt_id=1,
    conversation_id=1,
    message_id=2,
    started_at="2026-11-21T08:30:00.000Z",
    purpose=Purpose.CHAT,
    backend="lab",
    kind="vllm",
    model="tiny",
    zone=Zone.DEVICE,
    proof=Proof.VOUCHED,
    privacy=Privacy.OPEN,
    outcome=Outcome.OK,
)

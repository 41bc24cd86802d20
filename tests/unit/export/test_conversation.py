"""A conversation as markdown and as json."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from hybridchat.domain.attachments import AttachedFile
from hybridchat.domain.chat import (
    Attempt,
    Conversation,
    Message,
    MessageState,
    Outcome,
    Privacy,
    Proof,
    Purpose,
    Role,
    Zone,
)
from hybridchat.export.conversation import FORMATS, Along, close_fence

NOTES = AttachedFile("ab12", "notes.txt", "text/plain", 1234, text_characters=1234, text_tokens=308.5)
GOLDEN = Path(__file__).parents[2] / "golden"
TIME = "2026-11-21T08:30:00.125Z"

CONVERSATION = Conversation(
    7, "Ledgers", TIME, TIME, Privacy.PRIVATE, system="Be brief.", active_leaf_id=4, message_count=4
)


def attempt(outcome: Outcome, zone: Zone, proof: Proof | None) -> Attempt:
    return Attempt(
        attempt_id=3,
        conversation_id=7,
        message_id=2,
        started_at=TIME,
        purpose=Purpose.CHAT,
        backend="lab",
        kind="vllm",
        model="tiny",
        zone=zone,
        proof=proof,
        privacy=Privacy.PRIVATE,
        outcome=outcome,
        ttft_ms=120.5,
        completion_tokens=9,
    )


MESSAGES = [
    Message(1, 7, None, Role.USER, "What is a *ledger*?", TIME, attachments=(NOTES,)),
    Message(
        *(
            2,
            7,
            1,
            Role.ASSISTANT,
            "A book.\n\n```python\nbook = []\n```",
            TIME,
            "The user asks\n\nabout books.",
            900.0,
        ),
        attempt=attempt(Outcome.OK, Zone.DEVICE, Proof.VOUCHED),
    ),
    Message(3, 7, 2, Role.USER, "Show more 😀", TIME),
    Message(
        *(4, 7, 3, Role.ASSISTANT, "~~~~\nunfinished", TIME, "", None, MessageState.FAILED),
        attempt=attempt(Outcome.ERROR, Zone.MANAGED, None),
        note="the connection broke",
    ),
]


@pytest.mark.parametrize(("name", "file"), [("markdown", "conversation.md"), ("json", "conversation.json")])
def test_golden(name: str, file: str) -> None:
    stream = io.StringIO()
    FORMATS[name].write(CONVERSATION, MESSAGES, stream, Along({NOTES.digest: b"hello"}))
    assert stream.getvalue() == (GOLDEN / file).read_text(encoding="utf-8")


def test_json_keeps_everything() -> None:
    stream = io.StringIO()
    FORMATS["json"].write(CONVERSATION, MESSAGES, stream, Along({NOTES.digest: b"hello"}))
    document = json.loads(stream.getvalue())
    assert (document["title"], document["privacy"], document["system"]) == ("Ledgers", "private", "Be brief.")
    assert [m["text"] for m in document["messages"]] == [m.text for m in MESSAGES]
    assert [m["parent_id"] for m in document["messages"]] == [None, 1, 2, 3]
    assert document["messages"][1]["attempt"]["ttft_ms"] == 120.5
    assert document["messages"][0]["attempt"] is None


@pytest.mark.parametrize(
    ("text", "closing"),
    [
        ("no code", ""),
        ("```\ncode\n```", ""),
        ("```\ncode", "\n```"),
        ("````md\n```\nnested\n```", "\n````"),
        ("~~~\n```\n~~~", ""),
        ("```py\ncode\n``` not the end", "\n```"),
        ("```inline``` is no fence", ""),
        ("    ```\nindented code is no fence", ""),
        ("``` a\n```\n```", "\n```"),
    ],
)
def test_an_unfinished_code_block_is_closed(text: str, closing: str) -> None:
    assert close_fence(text) == text + closing

"""What is known of a reply: its request is, byte for byte, what the server got; and the page that shows it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from hybridchat import wiring
from hybridchat.backends.base import Backend, BackendSpec
from hybridchat.config import Config
from hybridchat.domain.chat import Disclosure, Effort, Message, Parameters, Role, Zone
from hybridchat.ledger.store import open_ledger
from hybridchat.session.chat import Chat, Session
from hybridchat.session.details import ReplyDetails
from hybridchat.session.prices import PriceBook
from hybridchat.tui.screens.details import DetailsScreen
from hybridchat.tui.screens.dialogs import Prompt
from tests.fakes.http import FakeServer, Request, Responder
from tests.fakes.ollama import FakeOllama
from tests.fakes.wire import CHAT_COMPLETIONS, OLLAMA, WIRES, Wire, open_backend, spec_for
from tests.tui.conftest import Screenplay, Stage
from tests.tui.fake_session import FakeSession

PROMPT = "Answer in one line. " * 6
CARD = "4111 1111 1111 1111"


@asynccontextmanager
async def talking(wire: Wire, **fields: object) -> AsyncIterator[tuple[Session, FakeServer]]:
    """A session with one backend, which thinks and answers "So be it."."""

    async def handle(request: Request, respond: Responder) -> None:
        if request.path != wire.path:
            await respond.whole({"error": "not found"}, status=404)
            return
        await respond.begin(wire.content_type)
        await respond.chunk(wire.piece(thinking="Hm.") + wire.reply("So be ", "it."))
        await respond.finish()

    async with FakeOllama() if wire is OLLAMA else FakeServer(handle) as server:
        spec = spec_for(wire.kind, server.url, model="tiny" if wire is OLLAMA else "m", **fields)

        async def opened(wanted: BackendSpec) -> Backend:
            return open_backend(wanted)

        ledger = open_ledger(None)
        session = Session(
            config=Config(),
            specs={spec.id: spec},
            open_ledger=lambda _: ledger,
            prices=PriceBook(),
            open_backend=opened,
        )
        await session.start(watch=False, panel=False)
        try:
            yield session, server
        finally:
            await session.close()


async def ask(session: Session, chat: Chat, text: str, **how: object) -> Message:
    await session.send(chat, text, route="it", **how)  # type: ignore[arg-type]
    return await session.wait(chat)


def body_of(details: ReplyDetails) -> str:
    request = details.attempts[-1].request
    assert request is not None
    assert request.is_exact
    return request.body


@pytest.mark.parametrize("wire", WIRES, ids=lambda wire: wire.kind)
async def test_the_request_is_what_the_server_got(wire: Wire) -> None:
    async with talking(wire) as (session, server):
        chat = session.new(system=PROMPT)
        wish = Parameters(temperature=0.1, top_p=0.95, max_tokens=77, effort=Effort.LOW)
        await ask(
            session, chat, "a question\n\nof two paragraphs, with “quotes” and \\ and \N{SNOWMAN}", parameters=wish
        )
        await ask(session, chat, "and then?")
        await session.answer_again(chat, route="it")
        await session.wait(chat)
        sent = [request.body.decode() for request in server.sent(wire.path)]
        assert len(sent) == 3
        replies = [m.id for m in chat.messages if m.role is Role.ASSISTANT]
        assert body_of(await session.replies.read(chat.messages)) == sent[-1]
        first = await session.replies.read(chat.messages, replies[0])
        assert body_of(first) == sent[0]
        assert PROMPT.strip() in sent[0]
        of_question = await session.replies.read(chat.messages, chat.messages[0].id)
        assert of_question.message.id == replies[0]


async def test_what_was_masked_is_shown_as_it_left() -> None:
    async with talking(CHAT_COMPLETIONS, zone=Zone.MANAGED, proof=None) as (session, server):
        chat = session.new(route="it")
        await ask(session, chat, f"is {CARD} mine?", disclosure=Disclosure.MASKED)
        await ask(session, chat, f"and {CARD}, again?", disclosure=Disclosure.MASKED)
        body = body_of(await session.replies.read(chat.messages))
        assert body == server.sent(CHAT_COMPLETIONS.path)[-1].body.decode()
        assert CARD not in body
        assert "<" in body


async def test_off_the_record_it_is_in_memory_alone() -> None:
    async with talking(CHAT_COMPLETIONS) as (session, server):
        chat = session.new(off_record=True)
        await ask(session, chat, "a secret")
        assert body_of(await session.replies.read(chat.messages)) == server.sent(CHAT_COMPLETIONS.path)[0].body.decode()
        kept = session._ledger._read(lambda db: db.execute("SELECT count(*) FROM attempt_detail").fetchone())
        assert kept.result() == (0,)


async def test_the_page_over_the_real_session(play: Screenplay) -> None:
    async def demo() -> Session:
        return wiring.open_demo_session()

    async with play(open_session=demo, size=(120, 60)) as stage:
        await stage.until(lambda: "Enter sends to simulated-local" in stage.text)
        await stage.send("hello")
        await stage.until(lambda: "to first token" in stage.text)
        stage.screen.transcript.focus()
        await stage.type("d")
        await stage.until_top(DetailsScreen)
        for words in ("first token", "decoding", "█", "outcome", "unknown", "not kept", "simulated local"):
            await stage.until(lambda words=words: words in stage.text)  # type: ignore[misc]


async def opened(stage: Stage, session: FakeSession) -> None:
    await stage.screen.open_chat(session.add("chat", [(Role.USER, "why?"), (Role.ASSISTANT, "So.")]))
    await stage.until(lambda: "So." in stage.text)


async def test_every_attempt_and_the_way_to_a_file(play: Screenplay, tmp_path: object) -> None:
    session = FakeSession()
    async with play(session, size=(120, 60)) as stage:
        await opened(stage, session)
        stage.screen.action_details()
        await stage.until_top(DetailsScreen)
        await stage.until(lambda: "Attempt 2 of 2" in stage.text)
        await stage.press("end")
        await stage.until(lambda: "error (overloaded): lab was overloaded — try again" in stage.text)
        await stage.until(lambda: '"temperature": 0.2' in stage.text)
        await stage.press("c")
        await stage.until(lambda: stage.app.clipboard.startswith("{"))
        found = json.loads(stage.app.clipboard)
        assert [one["outcome"] for one in found["attempts"]] == ["error", "ok"]
        assert found["attempts"][1]["request"]["body"]["temperature"] == 0.2
        assert {"step": "queue", "length_ms": 12.0, "start_ms": 0.0, "by_server": True} in found["attempts"][1][
            "waterfall"
        ]
        stage.screen.action_details()
        await stage.until_top(DetailsScreen)
        await stage.press("s")
        prompt: Prompt = await stage.until_top(Prompt)
        prompt._input.value = f"{tmp_path}/reply.json"
        await stage.press("enter")
        await stage.until(lambda: "Saved to" in stage.text)


async def test_without_a_reply_it_says_so(play: Screenplay) -> None:
    async with play(FakeSession()) as stage:
        stage.screen.action_details()
        await stage.until(lambda: "there is no reply to look into" in stage.text)

"""Every fault of the matrix, through the command line, on every protocol that it concerns."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import pytest

from hybridchat import wiring
from hybridchat.ledger.reads import USAGE_COLUMNS
from hybridchat.ledger.store import open_ledger
from hybridchat.session.reply import Reply
from tests.fakes.http import FakeServer, Request, Responder
from tests.fakes.wire import CHAT_COMPLETIONS, WIRES, Wire
from tests.faults.cli import configure
from tests.faults.matrix import FAULTS, Asked, Fault, faults_markdown
from tests.unit.cli.conftest import Call, call, cli
from tests.unit.session.conftest import until

__all__ = ["call", "cli"]  # fixtures

CELLS = [
    pytest.param(fault, wire, id=f"{fault.number}-{fault.title}-{wire.kind}".replace(" ", "_"))
    for fault in FAULTS
    for wire in fault.wires
    if fault.script is not None and wire.kind not in fault.why_not
]


class Faulty(FakeServer):
    """Does what the fault says with each chat request, and knows no other path."""

    def __init__(self, fault: Fault, wire: Wire) -> None:
        super().__init__(self._handle)
        self._fault, self._wire = fault, wire
        self.asked = 0
        self.heard = asyncio.Event()

    async def _handle(self, request: Request, respond: Responder) -> None:
        if request.path != self._wire.path:
            await respond.whole({"error": "not found"}, status=404)
            return
        self.asked += 1
        assert self._fault.script is not None
        await self._fault.script(self._wire, respond, Asked(self.asked, self.heard))


def config_for(wire: Wire, url: str, more: str = "") -> str:
    return (
        f'[[backend]]\nid = "it"\nkind = "{wire.kind}"\nbase_url = "{url}"\nmodel = "m"\nzone = "managed"\n'
        f'key = "env:FAULT_KEY"\n{more}\n'
    )


def tell_what_is_heard(server: Faulty, monkeypatch: pytest.MonkeyPatch) -> None:
    loop, add = asyncio.get_running_loop(), Reply.add

    def heard(reply: Reply, text: str, *, is_thinking: bool) -> float | None:
        loop.call_soon_threadsafe(server.heard.set)  # the command line runs in a thread of its own
        return add(reply, text, is_thinking=is_thinking)

    monkeypatch.setattr(Reply, "add", heard)


@pytest.mark.parametrize(("fault", "wire"), CELLS)
async def test_a_cell(fault: Fault, wire: Wire, call: Call, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAULT_KEY", "k")
    monkeypatch.setattr("hybridchat.domain.retry.BACKOFF_FIRST_S", 0.0)
    monkeypatch.setattr("hybridchat.backends.streaming.MAX_REPLY_CHARACTERS", 12 << 20)
    if fault.number == "37":
        monkeypatch.setattr("hybridchat.backends.streaming.MAX_REPLY_CHARACTERS", 20_000)
    for limit_s in (1, 5, 25):
        shutil.rmtree(home, ignore_errors=True)
        async with Faulty(fault, wire) as server:
            configure(home, config_for(wire, server.url, fault.config.format(limit_s=limit_s)))
            tell_what_is_heard(server, monkeypatch)
            done = await call("ask", "--json", "hello")
        answer = done.json
        if answer["text"] or not fault.config:
            break
    seen = fault.seen
    assert (done.code, seen.says in done.err) == (seen.code, True), done.err
    assert "\x1b" not in done.err
    assert answer["text"].startswith(seen.text) if fault.number == "37" else answer["text"] == seen.text
    assert server.asked == seen.attempts
    ledger = open_ledger(home / "hybridchat.db")
    rows = [dict(zip(USAGE_COLUMNS, row, strict=True)) for row in ledger.usage_rows()]
    stored = ledger.branch(answer["conversation_id"]).result()
    ledger.close()
    assert [row["attempt_no"] for row in rows] == [*range(1, seen.attempts + 1)]
    assert (rows[-1]["outcome"], rows[-1]["error_kind"]) == (seen.outcome, seen.error_kind)
    assert {row["outcome"] for row in rows[:-1]} <= {"error"}
    assert {row["prompt_tokens"] for row in rows} == {None}  # these servers count nothing, so nothing is known
    assert [message.text for message in stored] == ["hello", answer["text"]]
    assert (stored[-1].thinking == "hm") == (fault.title == "thinking only")


async def test_36_enter_twice_and_esc(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two messages and a stop at once: each message is asked at most once, and in order."""
    monkeypatch.setenv("FAULT_KEY", "k")
    steady = next(fault for fault in FAULTS if fault.title == "no usage")
    async with Faulty(steady, CHAT_COMPLETIONS) as server:
        configure(home, config_for(CHAT_COMPLETIONS, server.url))
        session = wiring.load().open_session()
        await session.start(watch=False, panel=False)
        chat = session.new()
        sends = [asyncio.create_task(session.send(chat, text)) for text in ("one", "two")]
        await asyncio.sleep(0)
        await session.stop(chat)
        await asyncio.gather(*sends)
        await until(lambda: not chat.is_streaming)
        if chat.queue:  # a stopped reply holds back what waits
            await session.send(chat, "")
        await until(lambda: not chat.queue and not chat.is_streaming)
        await session.close()
    asked = [request.json()["messages"][-1]["content"] for request in server.requests]
    assert len(asked) == len(set(asked)) <= 2
    assert [message.text for message in chat.messages if message.role == "user"] == ["one", "two"]


def test_no_cell_is_empty_and_tests_of_their_own_exist() -> None:
    for row in faults_markdown().splitlines():
        assert "|  |" not in row
    assert {number for fault in FAULTS for number in fault.number.split(", ")} == {
        *(str(number) for number in range(1, 25)),
        *("36", "37", "38"),
    }
    for fault in FAULTS:
        assert (fault.script is None) == bool(fault.test), fault.title
        if fault.test:
            file, name = fault.test.split("::")
            assert f"def {name}(" in (Path(__file__).parent / file).read_text(encoding="utf-8")


def test_a_fault_concerns_every_protocol_or_lies_below_them() -> None:
    for fault in FAULTS:
        assert fault.wires in (WIRES, (CHAT_COMPLETIONS,))

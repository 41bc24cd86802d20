"""What somebody does to a tree, one thing after the other, and what must hold after each: see `test_tree.py`.

As a program (`python -m tests.faults.branching LEDGER SEED`) it does things at random until it is killed: it says each
before, and the messages that are there after it.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
from pathlib import Path

from hybridchat.domain.outline import Node, rows
from hybridchat.session.chat import Session
from hybridchat.session.state import Chat
from tests.fakes.scripted import Echoes

DEEDS = ("send", "reword", "again", "fork", "delete", "undo", "show", "new")
Alive = dict[int, str]  # message → how it begins


class Window:
    """One session over the ledger, with the chat that is on its screen; both from `start` on, which may come again."""

    session: Session
    chat: Chat

    def __init__(self, ledger: Path, echoes: Echoes) -> None:
        self._ledger, self._echoes = ledger, echoes

    async def start(self, conversation_id: int | None = None) -> None:
        self.session = self._echoes.session(self._ledger)
        await self.session.start(watch=False, panel=False)
        self.chat = self.session.new()
        if conversation_id is not None:
            self.chat = await self.session.open(conversation_id)

    async def nodes(self) -> dict[int, list[Node]]:
        """Of all conversations."""
        found = {}
        for conversation in await self.session.conversations(10_000):
            chat = await self.session.open(conversation.id)
            found[conversation.id] = await self.session.branches.outline(chat)
            check_tree(found[conversation.id], chat)
        return found

    async def do(self, deed: str, message_id: int | None, text: str) -> None:
        """Raises HybridchatError where that cannot be done; then nothing has changed."""
        session, chat = self.session, self.chat
        match deed:
            case "send":
                await session.send(chat, text)
                await session.wait(chat)
            case "reword" if message_id is not None:
                await session.send(chat, text, rewords=message_id)
                await session.wait(chat)
            case "again":
                await session.answer_again(chat, message_id)
                await session.wait(chat)
            case "fork" if message_id is not None:
                self.chat = await session.open(await session.branches.fork(chat, message_id))
            case "delete" if message_id is not None:
                if await session.delete_branch(chat, message_id) is None:
                    self.chat = session.new()
            case "show" if message_id is not None:
                await session.show_sibling(chat, message_id)
            case "undo":
                restored = await session.undo_delete()
                if restored is not None:
                    self.chat = await session.open(restored)
            case "new":
                self.chat = session.new()


def check_tree(nodes: list[Node], chat: Chat) -> None:
    """Every message is drawn, below what it follows; what is shown is one whole branch, to a message without another
    after it."""
    here = {node.id: node for node in nodes}
    assert nodes, "a conversation without a message"
    assert all(node.parent_id is None or node.parent_id in here for node in nodes)
    shown = [message.id for message in chat.messages]
    assert shown, "nothing of it is shown"
    assert sorted(row.node.id for row in rows(nodes, shown)) == sorted(here)
    assert [here[number].parent_id for number in shown] == [None, *shown[:-1]]
    assert shown[-1] not in {node.parent_id for node in nodes}


def alive_of(nodes: dict[int, list[Node]]) -> Alive:
    return {node.id: node.text for of in nodes.values() for node in of}


async def _go_on(ledger: Path, seed: int) -> None:
    rng = random.Random(seed)
    window = Window(ledger, Echoes())
    await window.start()
    while True:
        own = [message.id for message in window.chat.messages]
        every = [node.id for node in await window.session.branches.outline(window.chat)]
        deed = rng.choice(DEEDS)
        where = own if deed in ("reword", "again") else every
        message_id = rng.choice(where) if where else None
        print(json.dumps({"deed": deed, "message": message_id}), flush=True)
        try:
            await window.do(deed, message_id, f"words {rng.random()}")
        except Exception as error:  # noqa: BLE001 - such as another answer where nothing was asked
            print(json.dumps({"refused": str(error)}), flush=True)
        current = window.chat
        print(json.dumps({"alive": alive_of(await window.nodes())}), flush=True)
        window.chat = await window.session.open(current.id) if current.id is not None else current


if __name__ == "__main__":
    asyncio.run(_go_on(Path(sys.argv[1]), int(sys.argv[2])))

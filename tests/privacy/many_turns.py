"""One instance that asks many questions: `… -m tests.privacy.many_turns NAME TURNS`. Prints what went wrong, as JSON.

The session is the app's own, with its panel and its books.
"""

from __future__ import annotations

import asyncio
import json
import sys

from hybridchat import wiring
from hybridchat.session.events import Notice, SessionEvent

TURNS_IN_A_CHAT = 25


async def ask_all(name: str, turns: int) -> list[str]:
    told: list[str] = []

    def listen(event: SessionEvent) -> None:
        if isinstance(event, Notice):
            told.append(event.text)

    session = wiring.load().open_session()
    session.listen(listen)
    await session.start()
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    for number in range(turns):
        if number % TURNS_IN_A_CHAT == 0:
            chat = session.new()
        await session.send(chat, f"{name} {number}")
        reply = await session.wait(chat)
        if reply.note:
            told.append(reply.note)
    await session.close()
    return told


if __name__ == "__main__":
    print(json.dumps(asyncio.run(ask_all(sys.argv[1], int(sys.argv[2])))))

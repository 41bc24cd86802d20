"""Scenarios about what "local" means: an Ollama that forwards, servers on loopback, and who stands in front of them."""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
from contextlib import closing
from typing import Any

from tests.fakes.captures import capture
from tests.fakes.http import Request, Responder
from tests.fakes.ollama import FakeOllama
from tests.fakes.serve import serving
from tests.privacy.sandbox import World

QUESTION = "these words must stay here"
CTRL_Q = "\x11"
CLOUD_NAMES = ("x:cloud", "X:20B-Cloud", "x: cloud", "gpt-oss:120b-cloud")
PINNED = ("ask", "--local-only", "--backend", "here", "--json")


def entry(port: int, kind: str = "ollama", more: str = "", model: str = "tiny") -> str:
    """A backend called "here"; the sandbox's own come after it."""
    lines = (f'kind = "{kind}"', f'base_url = "http://127.0.0.1:{port}"', f'model = "{model}"', more)
    return '[[backend]]\nid = "here"\n' + "\n".join(lines) + "\n\n"


class FreshStub(FakeOllama):
    """The stub is made after the first look at the list, under a name that says nothing: nobody can know before."""

    looks = 0

    async def _handle(self, request: Request, respond: Responder) -> None:
        if request.path != "/api/tags":
            await super()._handle(request, respond)
            return
        listed = json.loads(capture("ollama/tags").body)
        self.looks += 1
        if self.looks == 1:
            listed["models"] = [model for model in listed["models"] if not model.get("remote_host")]
        await respond.whole(listed)


async def a_stub_that_forwards(world: World) -> dict[str, Any]:
    async with FakeOllama() as known, FreshStub() as fresh:
        done = []
        for ollama in (known, fresh):
            world.configure(entry(ollama.port, more="vouched = true"))
            done.append(await world.hybridchat(*PINNED, "--model", "harmless", QUESTION))
        return {
            "codes": [one.code for one in done],
            "said": [one.err for one in done],
            "asked": [[request.json()["model"] for request in one.requests if request.body] for one in (known, fresh)],
            "told": [any(QUESTION.encode() in request.body for request in one.requests) for one in (known, fresh)],
        }


async def cloud_names(world: World) -> dict[str, Any]:
    async with FakeOllama() as ollama:
        world.configure(entry(ollama.port, more="vouched = true"))
        done = [await world.hybridchat(*PINNED, "--model", name, QUESTION) for name in CLOUD_NAMES]
        world.write_config(entry(ollama.port, more="vouched = true", model=CLOUD_NAMES[0]))
        shown = await asyncio.to_thread(_in_vain, world)
        return {
            "codes": [one.code for one in done],
            "said": [one.err for one in done],
            "shown": shown,
            "bodies": [
                request.body.decode() for request in ollama.requests if request.body and b"messages" in request.body
            ],
        }


def _in_vain(world: World) -> str:
    """What the app shows when only a cloud model is there and the run is pinned; Enter is pressed all the same."""
    from tests.tui.terminal import Terminal

    with Terminal(["--local-only"], env=world.env) as terminal:
        terminal.wait_for("Write a message")
        terminal.wait_for("Enter cannot send")
        terminal.type(f"{QUESTION}\r")
        shown = terminal.wait_for(lambda text: QUESTION in text and "Ollama's cloud" in text)
        terminal.type(CTRL_Q)
        terminal.wait_for_exit()
    return shown


async def a_chunk_that_reveals(world: World) -> dict[str, Any]:
    """Through `ask`, then in the app: a second message must find it managed."""
    async with FakeOllama() as ollama:
        ollama.chat = "chat-forwarded"
        world.configure(entry(ollama.port, more="vouched = true"))
        done = await world.hybridchat(*PINNED, QUESTION)
        with closing(sqlite3.connect(world.home / "hybridchat.db")) as ledger:
            row = ledger.execute("SELECT zone, proof, outcome, error_kind FROM usage").fetchone()
        before = len(ollama.sent("/api/chat"))
        world.write_config(entry(ollama.port, more="vouched = true"))
        shown = await asyncio.to_thread(_twice, world, ollama)
        return {
            "code": done.code,
            "said": done.err,
            "row": row,
            "shown": shown,
            "questions": [before, len(ollama.sent("/api/chat")) - before],
        }


def _twice(world: World, ollama: FakeOllama) -> str:
    from tests.tui.terminal import Terminal

    with Terminal(["--local-only"], env=world.env) as terminal:
        terminal.wait_for("Enter sends to here")
        terminal.type(f"{QUESTION}\r")
        terminal.wait_for("now counts as managed")
        terminal.type("a second message\r")
        terminal.wait_for("Enter cannot send")
        terminal.type("\x1bi")
        shown = terminal.wait_for("Esc closes")
        terminal.type("\x1b")
        terminal.wait_for(lambda text: "Esc closes" not in text)
        terminal.type(CTRL_Q)
        terminal.wait_for_exit()
    return shown


async def degrees(world: World) -> dict[str, Any]:
    """One after the other at "here": Ollama's own program, a tunnel to it, others; each is asked in a pinned run."""
    found: dict[str, Any] = {}

    async def ask(name: str, port: int, *, kind: str = "ollama", more: str = "") -> None:
        world.configure(entry(port, kind, more, "tiny" if kind == "ollama" else "fake"))
        done = await world.hybridchat(*PINNED, QUESTION)
        found[name] = (done.code, json.loads(done.out)["proof"] if done.out else None, done.err)

    programs = world.folder / "programs"
    with serving("ollama", programs, "ollama") as own:
        await ask("ollama", own)
        with serving("ssh", programs, "forward", str(own)) as tunnel:
            await ask("tunnel", tunnel)
            await ask("tunnel, in the config", tunnel, more="vouched = true")
            world.configure(entry(tunnel))
            nobody = await world.hybridchat("backends", "vouch", "here")
            given = await world.hybridchat("backends", "vouch", "here", "--yes", "--json")
            found["word"] = (nobody.code, given.code, json.loads(given.out)["peer"]["executable"])
            await ask("tunnel, vouched", tunnel)
        with serving("socat", programs, "forward", str(own), str(tunnel)):
            await ask("another tunnel", tunnel)
            await ask("another tunnel, again", tunnel)
    with serving("vllm", programs, "completions") as other:
        await ask("a server", other, kind="openai-compatible")
        await ask("a server, in the config", other, kind="openai-compatible", more="vouched = true")
    return found


async def replaced(world: World) -> dict[str, Any]:
    """Between a look and the question another program takes the port, and leads to a server that would answer."""
    from hybridchat.domain.chat import Privacy
    from hybridchat.wiring import load

    os.environ |= world.env
    programs = world.folder / "programs"
    async with FakeOllama() as behind:
        with serving("ollama", programs, "ollama") as port:
            world.write_config(entry(port))
            session = load(local_only=True).open_session()
            await session.start(watch=False, panel=False)
            before = session.standing("here").proof
        with serving("ssh", programs, "forward", str(behind.port), str(port)):
            chat = session.new(privacy=Privacy.LOCAL_ONLY)
            await session.send(chat, QUESTION)
            reply = await session.wait(chat)
            await session.close()
        heard = [request.path for request in behind.requests]
    return {"before": before, "note": reply.note, "after": session.standing("here").proof, "heard": heard}


async def asked_in_the_app(world: World) -> dict[str, Any]:
    """Once per backend, and not again in a later run; the answer no sends nothing."""
    with serving("vllm", world.folder / "programs", "completions") as port:
        world.write_config(entry(port, "openai-compatible", model="fake"))
        return await asyncio.to_thread(_asked, world)


def _asked(world: World) -> dict[str, Any]:
    from tests.tui.terminal import Terminal

    with Terminal(["--local-only"], env=world.env) as terminal:
        terminal.wait_for("Enter asks where to send")
        terminal.type(f"{QUESTION}\r")
        question = terminal.wait_for("No (n)")
        terminal.type("n")
        terminal.wait_for(lambda text: "Do you know" not in text and "No (n)" not in text)
        after_no = terminal.wait_for(QUESTION)
        terminal.type("\r")
        terminal.wait_for("No (n)")
        terminal.type("y")
        answered = terminal.wait_for("to first token")
        terminal.type(CTRL_Q)
        terminal.wait_for_exit()
    with Terminal(["--local-only"], env=world.env) as terminal:
        later = terminal.wait_for("Enter sends to here")
        terminal.type("\x1bi")
        meaning = terminal.wait_for("Esc closes")
        terminal.type("\x1b")
        terminal.wait_for(lambda text: "Esc closes" not in text)
        terminal.type(CTRL_Q)
        terminal.wait_for_exit()
    return {"question": question, "after_no": after_no, "answered": answered, "later": later, "meaning": meaning}

"""What is done in the sandbox. Each returns what the test looks at, as JSON can hold it."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import ssl
import subprocess
import urllib.request
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from hybridchat.cli.app import COMMANDS as SECTIONS
from tests.fakes.completions import TOKENS
from tests.fakes.http import FakeServer, Request, Responder
from tests.fakes.ollama import FakeOllama
from tests.privacy.links import links_and_images as links_and_images
from tests.privacy.sandbox import FAR, KEY, World
from tests.unit.domain.test_address import REFUSED

QUESTION = "these words must stay here"
CTRL_Q = "\x11"
EVERY_COMMAND = [name for names in SECTIONS.values() for name in names]
REDIRECTS = (301, 302, 303, 307, 308)
OTHERWISE_SPELT = (
    *("HTTP://LocalHost:{}", "http://LOCALHOST:{}/v1/", "http://[::ffff:127.0.0.1]:{}", "http://[::FFFF:7f00:1]:{}/v1"),
)


async def noticing(world: World) -> dict[str, Any]:
    """Each decoy and counter is really reached, by plain means."""

    os.environ["RES_OPTIONS"] = "timeout:1 attempts:1"

    def knock() -> None:
        with suppress(OSError):
            proxies = urllib.request.ProxyHandler({"http": f"http://127.0.0.1:{world.proxy.port}"})
            urllib.request.build_opener(proxies).open("http://managed.invalid", timeout=0.2)
        for port in (world.socks.port, world.rented.port):
            socket.create_connection(("127.0.0.1", port)).close()
        if world.in_namespace:
            context = ssl.create_default_context()
            with suppress(OSError), socket.create_connection((FAR, 443), timeout=0.5) as tcp:
                context.wrap_socket(tcp, server_hostname="managed.invalid")
            with suppress(OSError):
                socket.getaddrinfo("managed.invalid", 443)
            with suppress(OSError):
                socket.create_connection(("198.51.100.7", 443), timeout=0.5)

    await asyncio.to_thread(knock)
    async with asyncio.timeout(10.0):
        while not all(world.seen().values()):  # noqa: ASYNC110 - decoys read in tasks of their own
            await asyncio.sleep(0.01)
    return {}


# What the app has, by its keys, and what its dialog alone says; those that list what the others say come last.
TOUR = (
    *(("\x0f", "Enter opens · F2 renames"), ("\x12", "Route of this chat"), ("\x0c", "Privacy of this chat")),
    *(("\x1bk", "A key for which backend?"), ("\x1bm", "Budgets")),
    *(("\x1bg", "How much the model may think"), ("\x1bOR", "Kind of task"), ("\x1bOQ", "Rename this chat")),
    ("\x1b[24~", "Ctrl+S keeps"),
    *(("\x1bv", "Tree of this chat"), ("\x1br", "Answer again, by")),
    *(("\x10", "Search for commands"), ("\x1bOP", "Send to where the line above says")),
)
# What the command line does with a pinned conversation, among all the backends that it must not go to …
COMMANDS = (
    *(
        "list --json",
        "search words --json",
        "show 1 --json",
        "show 1 --details --json",
        "show 1 --tree --json",
        "show 1 --message 2",
        "rename 1 other",
        "fork 1",
        "stats --json",
        "compare --local-only --backends home,home --models fake,other words --json",
        "stats votes",
        "budget",
        "advise",
    ),
    *("export conversation 1", "export usage --format csv", "backends list", "keys list", "local status", "backup"),
    *("restore", "ask --continue --local-only again", "escalate --conversation 1 --backend home"),
    *("fork 1 --with-turns all --yes", "export conversation 1 --format json -o {folder}/talk.json", "fork 1 --at 2"),
    *("delete 1 --yes", "ask --continue --local-only --file {folder}/talk.json again"),
    *("import {folder}/talk.json", "mark 2 --star", "completion bash"),
    *("presets", "prompts init", "prompts list --json", "prompts fill rewrite --var text=words"),
    *("ask --local-only --prompt rewrite --var text=words --temperature 1 --num-ctx 512",),
)
REFUSED_COMMANDS = (
    "compare --local-only --backends home,rented words",
    "escalate --conversation 1",
    "escalate --conversation 1 --backend rented",
)
# … and what looks at every backend of the config, where none is elsewhere.
LOOKS = ("doctor", "models list", "backends test", "keys test", "audit --json")
PINNED_LOOKS = ("--local-only doctor", "--local-only models list", "--local-only backends list")


async def a_session(world: World) -> dict[str, Any]:
    """The app, pinned, with all that it has; then the command line goes on."""
    turns = await asyncio.to_thread(in_the_app, world, ["--local-only"], 2, tour=TOUR)
    again = await world.program("ask", "--continue", "--local-only", QUESTION)
    audit = await world.hybridchat("audit", "--json")
    return {"turns": turns, "code": again.code, "audit": audit.out.strip()}


async def every_command(world: World) -> dict[str, Any]:
    """Over a pinned conversation, and then over a config without any other place."""
    first = await world.hybridchat("ask", "--local-only", QUESTION)
    refused = [await world.hybridchat(*command.split()) for command in REFUSED_COMMANDS]
    done = [await world.hybridchat(*command.format(folder=world.folder).split()) for command in COMMANDS]
    pinned = [await world.hybridchat(*command.split()) for command in PINNED_LOOKS]
    world.configure_home_alone()
    looks = [await world.hybridchat(*command.split()) for command in LOOKS]
    return {
        "first": first.code,
        "refused": [one.code for one in refused],
        "failed": [(c, one.err) for c, one in zip(COMMANDS, done, strict=True) if one.code],
        "looks": [(command, one.err) for command, one in zip(LOOKS, looks, strict=True) if one.code],
        "pinned": [(command, one.err) for command, one in zip(PINNED_LOOKS, pinned, strict=True) if one.code > 1],
        "audit": looks[-1].out.strip(),
        "missing": sorted(set(EVERY_COMMAND) - {c.split()[0] for c in (*COMMANDS, *LOOKS)} - {"demo"}),
    }


async def ten_turns(world: World) -> dict[str, Any]:
    """A local-only run over a config that would route to managed backends, with a price, a private host and a watch."""
    private = f'[[backend]]\nid = "lan"\nkind = "openai-compatible"\nbase_url = "http://{FAR}:443"\nprivate = true\n'
    rule = '[[route.rule]]\ncontains = ["words"]\nreasoning = "high"\n'
    world.configure(rule + (private if world.in_namespace else ""))
    return {"turns": await asyncio.to_thread(in_the_app, world, ["--local-only"], 10)}


def in_the_app(
    world: World, arguments: list[str], turns: int, *, tour: Sequence[tuple[str, str]] = (), **env: str
) -> int:
    """How many questions got their whole reply; before the last, each dialog of the tour is opened. Blocks."""
    from tests.tui.terminal import Terminal

    before = len(world.local.sent("/v1/chat/completions"))

    def asked() -> int:
        return len(world.local.sent("/v1/chat/completions")) - before

    with Terminal(arguments, env={**world.env, **env}) as terminal:
        terminal.wait_for("Enter sends to home")
        for turn in range(turns):
            if tour and turn == turns - 1:
                terminal.wait_for("to first token")
                for key, title in tour:
                    terminal.type(key)
                    terminal.wait_for(title)
                    terminal.type("\x1b")
                    terminal.wait_for(lambda text, title=title: title not in text)  # type: ignore[misc]
            terminal.type(f"{QUESTION} {turn}\r")
            terminal.wait_until(lambda turn=turn: asked() > turn)  # type: ignore[misc]
        last = f"{QUESTION} {turns - 1}"
        terminal.wait_for(lambda text: "to first token" in text.rpartition(last)[2])
        terminal.type(CTRL_Q)
        terminal.wait_for_exit()
    return asked()


PROXIES = ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")


async def proxies(world: World) -> dict[str, Any]:
    """Each of the variables alone, with a proxy for HTTP and one for SOCKS; then all of them, and the app."""
    http, socks = f"http://127.0.0.1:{world.proxy.port}", f"socks5://127.0.0.1:{world.socks.port}"
    given = [{name: url} for name in PROXIES for url in (http, socks)]
    given += [dict.fromkeys(PROXIES, url) | {"NO_PROXY": "elsewhere.example"} for url in (http, socks)]
    done = [await world.hybridchat("ask", "--local-only", QUESTION, **env) for env in given]
    in_app = await asyncio.to_thread(in_the_app, world, ["--local-only"], 1, **given[-1])
    return {
        "in_the_app": in_app,
        "codes": [one.code for one in done],
        "replies": [one.out.strip() == "".join(TOKENS[:20]).strip() for one in done],
    }


async def redirects(world: World) -> dict[str, Any]:
    """The local server looks well, and sends each question elsewhere, by another status each time."""
    statuses = iter((*REDIRECTS, 307))

    async def redirect(request: Request, respond: Responder) -> None:
        if not request.path.endswith("/chat/completions"):
            await respond.whole({"data": [{"id": "fake"}]}, 200 if request.path.endswith("/models") else 404)
            return
        location = f"location: http://127.0.0.1:{world.rented.port}/\r\ncontent-length: 0\r\n"
        await respond.raw(f"HTTP/1.1 {next(statuses)} Moved\r\n{location}\r\n".encode())

    async with FakeServer(redirect) as server:
        lines = f'id = "moved"\nkind = "openai-compatible"\nbase_url = "{server.url}"\nmodel = "fake"\nvouched = true\n'
        world.write_config(f"[[backend]]\n{lines}")
        done = [await world.hybridchat("ask", "--local-only", QUESTION) for _ in REDIRECTS]
        shown = await asyncio.to_thread(failing_in_the_app, world, "moved")
    return {"codes": [one.code for one in done], "said": [one.err for one in done], "shown": shown}


def failing_in_the_app(world: World, backend: str) -> str:
    """The screen when the reply has failed. Blocks."""
    from tests.tui.terminal import Terminal

    with Terminal(["--local-only"], env=world.env) as terminal:
        terminal.wait_for(f"Enter sends to {backend}")
        terminal.type(f"{QUESTION}\r")
        shown = terminal.wait_for("redirects to")
        terminal.type(CTRL_Q)
        terminal.wait_for_exit()
    return shown


async def local_is_down(world: World) -> dict[str, Any]:
    """Pinned by the flag, by the config, and asked for a managed backend by name."""
    world.configure('[privacy]\ndefault = "local_only"\n')
    await world.local.__aexit__()
    asked = (
        ["--local-only"],
        [],
        ["--backend", "rented"],
        ["--local-only", "--backend", "far"],
        ["--backend", "managed"],
    )
    done = [await world.hybridchat("ask", *flags, QUESTION) for flags in asked]
    return {"codes": [one.code for one in done], "said": [one.err for one in done]}


async def addresses_of_the_environment(world: World) -> dict[str, Any]:
    """They name decoys; the config names an Ollama here, which is no place for a key."""
    elsewhere = f"http://127.0.0.1:{world.rented.port}"
    names = ("OLLAMA_HOST", "OPENAI_BASE_URL", "OPENAI_API_BASE", "ANTHROPIC_BASE_URL", "ANTHROPIC_API_URL")
    async with FakeOllama() as ollama:
        entry = f'id = "ollama"\nkind = "ollama"\nbase_url = "{ollama.url}"\nmodel = "tiny"\nvouched = true\n'
        world.write_config(f"[[backend]]\n{entry}")
        env = {**dict.fromkeys(names, elsewhere), "OLLAMA_API_KEY": KEY}
        done = [
            await world.hybridchat("ask", "--local-only", QUESTION, **env),
            await world.hybridchat("models", "show", "tiny", **env),
            await world.hybridchat("models", "list", **env),
            await world.hybridchat("doctor", **env),
        ]
        shown = await asyncio.to_thread(a_reply_in_the_app, world, env)
        headers = [request.headers for request in ollama.requests]
        (world.home / "config.toml").unlink()
        offered = await asyncio.to_thread(first_screen, world, {**env, "OLLAMA_HOST": "http://ollama.invalid:11434"})
    return {"codes": [one.code for one in done], "headers": headers, "shown": shown, "offered": offered}


def a_reply_in_the_app(world: World, env: Mapping[str, str]) -> str:
    """The screen with a pinned reply. Blocks."""
    from tests.tui.terminal import Terminal

    with Terminal(["--local-only"], env={**world.env, **env}) as terminal:
        terminal.wait_for("Enter sends to ollama")
        terminal.type(f"{QUESTION}\r")
        shown = terminal.wait_for("tok/s")
        terminal.type(CTRL_Q)
        terminal.wait_for_exit()
    return shown


def first_screen(world: World, env: Mapping[str, str]) -> str:
    """What is offered where there is no config. Blocks."""
    from tests.tui.terminal import Terminal

    with Terminal(env={**world.env, **env}) as terminal:
        terminal.wait_for("OPENAI_API_KEY")
        shown = terminal.wait_for("ollama.invalid")
        terminal.type(CTRL_Q)
        terminal.wait_for_exit()
    return shown


async def addresses_that_look_local(world: World) -> dict[str, Any]:
    """Each that must be refused; then those that are loopback, spelt as one does not write it."""

    async def ask(url: str) -> int:
        entry = f'id = "x"\nkind = "openai"\nbase_url = {json.dumps(url)}\nmodel = "fake"\nvouched = true\n'
        world.write_config(f"[[backend]]\n{entry}")
        return (await world.hybridchat("ask", "--local-only", QUESTION)).code

    refused = {url: await ask(url) for url in REFUSED}
    answered = {url: await ask(url.format(world.local.port)) for url in OTHERWISE_SPELT}
    return {"not_refused": [url for url, code in refused.items() if code != 2], "answered": list(answered.values())}


async def localhost_is_elsewhere(world: World) -> dict[str, Any]:
    """The hosts file leads localhost to another machine, where a decoy listens on the same port."""
    from tests.fakes.decoy import Decoy

    hosts = world.folder / "hosts"
    hosts.write_text(f"{FAR} localhost\n")
    await asyncio.to_thread(subprocess.run, ["mount", "--bind", hosts, "/etc/hosts"], check=True, capture_output=True)
    async with Decoy(FAR, world.local.port) as decoy:
        leads_to = socket.getaddrinfo("localhost", 1, socket.AF_INET)[0][4][0]
        entry = f'id = "home"\nkind = "openai-compatible"\nbase_url = "http://localhost:{world.local.port}"\n'
        world.write_config(f'[[backend]]\n{entry}model = "fake"\nvouched = true\n')
        done = await world.hybridchat("ask", "--local-only", QUESTION)
        in_app = await asyncio.to_thread(in_the_app, world, ["--local-only"], 1)
        return {"leads_to": leads_to, "code": done.code, "in_the_app": in_app, "decoy": decoy.seen}


async def without_the_guard(world: World) -> dict[str, Any]:
    damaged = str(Path(__file__).parent / "no_guard")
    path = os.pathsep.join([damaged, *filter(None, [os.environ.get("PYTHONPATH")])])
    done = await world.program("ask", "--local-only", QUESTION, PYTHONPATH=path)
    return {"code": done.code, "said": done.err, "requests": len(world.local.requests)}

"""Pins in the sandbox. Each function returns what its test looks at, as JSON can hold it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hybridchat.cli.app import COMMANDS
from tests.fakes.completions import FakeCompletions
from tests.privacy.sandbox import World
from tests.privacy.scenarios import CTRL_Q, QUESTION
from tests.privacy.watching import watch
from tests.tui.terminal import ROOT, Terminal

CTRL_L, CTRL_R, ALT_E, ESCAPE = "\x0c", "\x12", "\x1be", "\x1b"
SECRET = "what was said under the pin"
# Every command of the program at least once; those that are not here run without an argument.
ARGUMENTS: dict[str, tuple[tuple[str, ...], ...]] = {
    "ask": ((QUESTION,), ("--continue", QUESTION), ("--backend", "rented", QUESTION), ("--key-from", "env:X", "hi")),
    "compare": (
        ("--backends", "home,rented", QUESTION),
        ("--backends", "home,home", "--models", "fake,other", QUESTION),
    ),
    "escalate": ((), ("--backend", "rented")),
    "search": (("words",),),
    "show": (("1",), ("1", "--json")),
    "rename": (("1", "another title"),),
    "fork": (("1",), ("1", "--with-turns", "all", "--yes"), ("1", "--privacy", "open")),
    "delete": (("1", "--yes"),),
    "restore": (("1",),),
    "models": ((), ("show", "tiny"), ("pull",), ("pull", "qwen3-0.6b"), ("pull", "tiny", "--backend", "far-ollama")),
    "local": ((), ("up", "vllm", "--model", "maker/model"), ("load", "tiny"), ("unload", "tiny"), ("down",)),
    "backends": (
        *((), ("show", "rented"), ("test",), ("test", "rented", "--round-trip"), ("rm", "named")),
        *(("add", "openai"), ("add", "https://managed.invalid", "--kind", "openai", "--model", "m")),
    ),
    "keys": ((), ("test",), ("set", "rented"), ("rm", "rented")),
    "doctor": ((), ("--round-trip",)),
    "export": (("conversation", "1"), ("usage",)),
    "completion": (("zsh",),),
    "prompts": (("init",), (), ("show", "review"), ("fill", "rewrite", "--var", "text=words")),
}


async def every_command(world: World) -> dict[str, Any]:
    """`hybridchat --local-only COMMAND` over a config with every kind of place and key; the conversation is open."""
    _configure(world)
    await world.hybridchat("ask", "--backend", "home", QUESTION)
    watch(str(world.folder / "noted"))
    done = []
    for name in [name for names in COMMANDS.values() for name in names]:
        for arguments in ARGUMENTS.get(name, ((),)):
            said = await world.hybridchat("--local-only", name, *arguments)
            done.append((name, *arguments, said.code))
    return {"done": done, "noted": _noted(world), "asked": (world.folder / "asked").exists()}


async def without_a_screen(world: World) -> dict[str, Any]:
    """`--local-only --plain` with all its commands; what refuses ends a pipe, and so has one of its own."""
    _configure(world)
    stays = "\n".join(
        f"/{name}" for name in ("list", "find words", "standing", "tune seed 4", "stats", "budget", "show", "again")
    )
    leaves = ("/other", "/route rented\nno", "/route managed\nno", "/privacy open")
    codes = []
    for lines in (f"{QUESTION}\n{stays}", *leaves):
        begun = () if lines.startswith(QUESTION) else ("-c",)
        said = await world.program("--local-only", "--plain", *begun, stdin=f"{lines}\n".encode(), **_watched(world))
        codes.append(said.code)
    return {"codes": codes, "noted": _noted(world), "asked": (world.folder / "asked").exists()}


async def the_app(world: World) -> dict[str, Any]:
    """Ten turns in it, with all that works in the background, and every key that could lead away."""
    _configure(world)

    def play() -> int:
        with Terminal(["--local-only"], env=world.env | _watched(world), columns=160) as terminal:
            terminal.wait_for("Enter sends to home")
            for turn in range(10):
                terminal.type(f"{QUESTION} {turn}\r")
                terminal.wait_until(lambda turn=turn: len(_questions(world.local)) > turn)  # type: ignore[misc]
            terminal.wait_for(lambda text: "to first token" in text.rpartition(f"{QUESTION} 9")[2])
            terminal.type(ALT_E)
            terminal.wait_for("this conversation is local only")
            terminal.type(CTRL_R)
            terminal.wait_for("barred: managed")
            terminal.type(ESCAPE)
            terminal.type(CTRL_Q)
            terminal.wait_for_exit()
        return len(_questions(world.local))

    turns = await asyncio.to_thread(play)
    return {"turns": turns, "noted": _noted(world), "asked": (world.folder / "asked").exists()}


async def the_watch(world: World) -> dict[str, Any]:
    """The same, without the flag: all of it is noticed."""
    _configure(world)
    os.environ["RES_OPTIONS"] = "timeout:1 attempts:1"
    watch(str(world.folder / "noted"))
    await world.hybridchat("backends", "test", "named", "by-program", "by-keyring")
    return {"noted": _noted(world), "asked": (world.folder / "asked").exists()}


def _configure(world: World) -> None:
    """Whatever can work in the background, and places and keys that would each be noticed."""
    head = (
        '[route]\ntable = "article"\n[[route.rule]]\ncontains = ["words"]\nreasoning = "high"\nworkload = "chat"\n'
        "[budget]\nconversation = 5.0\nday = 5.0\nmonth = 50.0\nlower_max_tokens = true\n"
        '[privacy]\ncount_off_the_record = true\n[privacy.patterns]\ncustomer = "C-[0-9]{6}"\n'
        '[ui]\npanel = "side"\nshow_thinking = true\n'
    )
    world.configure(head)
    private = f"http://192.0.2.1:{443 if world.in_namespace else world.rented.port}"
    more = (
        ("by-program", "openai", "https://managed.invalid", f'key = "command:touch {world.folder / "asked"}"'),
        ("by-keyring", "anthropic", "https://managed.invalid", 'key = "keyring"'),
        ("lan", "openai-compatible", private, f'private = true\nkey = "command:touch {world.folder / "asked"}"'),
        ("far-ollama", "ollama", private, "private = true"),
        ("here", "vllm", "http://127.0.0.1:9", f'key = "command:touch {world.folder / "asked"}"'),
    )
    entries = (f'[[backend]]\nid = "{i}"\nkind = "{k}"\nbase_url = "{u}"\nmodel = "fake"\n{m}\n' for i, k, u, m in more)
    file = world.home / "config.toml"
    world.write_config(file.read_text(encoding="utf-8") + "\n".join(entries))


def _watched(world: World) -> dict[str, str]:
    path = (str(Path(__file__).parent / "watched"), str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")]))
    return {"PYTHONPATH": os.pathsep.join(path), "HYBRIDCHAT_TEST_WATCH": str(world.folder / "noted")}


def _noted(world: World) -> list[str]:
    file = world.folder / "noted"
    return file.read_text(encoding="utf-8").splitlines() if file.exists() else []


def _questions(server: FakeCompletions) -> list[list[str]]:
    return [[m["content"] for m in request.json()["messages"]] for request in server.sent("/v1/chat/completions")]


# --- a folder


async def in_a_folder(world: World) -> dict[str, Any]:
    """The config sends to a managed backend; the folder does not let it."""
    folder = world.folder / "clients" / "acme"
    folder.mkdir(parents=True)
    async with FakeCompletions(tokens=5) as rented:
        _managed(world, rented, "article")
        before = await world.hybridchat("ask", "elsewhere")
        (world.folder / "clients" / ".hybridchat.toml").write_text("local_only = true\nroute = 1\n")

        def play() -> str:
            env = {**world.env, "PYTHONPATH": os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))}
            with Terminal(env=env, cwd=folder, columns=80, rows=24) as terminal:
                terminal.wait_for("local only: stays on this device")
                terminal.wait_for(lambda text: "ignored: route" in text and "pinned by" in text)
                shown: str = terminal.text
                terminal.type(CTRL_L)
                terminal.wait_for("Privacy of this chat")
                terminal.wait_for(lambda text: "pinned by" in text.partition("Privacy of this chat")[2])
                terminal.type(ESCAPE)
                terminal.wait_for(lambda text: "Privacy of this chat" not in text)
                terminal.type(f"{SECRET}\r")
                terminal.wait_until(lambda: _questions(world.local))
                terminal.wait_for("to first token")
                terminal.type(CTRL_Q)
                terminal.wait_for_exit()
            return shown

        shown = await asyncio.to_thread(play)
        os.chdir(folder)
        done = [
            await world.hybridchat("ask", "--json", SECRET),
            await world.hybridchat("ask", "--conversation", "1", "--backend", "home", SECRET),
            await world.hybridchat("ask", "--backend", "rented", SECRET),
        ]
        os.chdir(ROOT)
        after = await world.hybridchat("ask", "--conversation", "1", "--backend", "rented", "elsewhere again")
        return {
            "codes": [one.code for one in (before, *done, after)],
            "shown": shown,
            "route": done[0].out,
            "left": _questions(rented),
        }


def _managed(world: World, rented: FakeCompletions, table: str = "local-first") -> None:
    world.configure(f'[route]\ntable = "{table}"\n')
    file = world.home / "config.toml"
    old = f'base_url = "http://127.0.0.1:{world.rented.port}"'
    text = file.read_text(encoding="utf-8").replace(old, f'base_url = "{rented.url}"', 1)
    world.write_config(text.replace('kind = "openai"', 'kind = "openai-compatible"', 1))


# --- switching


async def pinned_while_it_streams(world: World) -> dict[str, Any]:
    """A managed reply without an end; then the pin, and another question."""
    async with FakeCompletions(tokens=100_000, tokens_per_s=20) as rented:
        _managed(world, rented, "article")

        def play(was_cancelled: Callable[[], bool]) -> None:
            with Terminal(env=world.env, columns=80, rows=24) as terminal:
                terminal.wait_for("Enter sends to rented")
                terminal.type(f"{QUESTION}\r")
                terminal.wait_for("A heading")
                terminal.type(CTRL_L)
                terminal.wait_for("Privacy of this chat")
                terminal.type("local only\r")
                terminal.wait_until(was_cancelled)
                terminal.wait_for("local only: stays on this device")
                terminal.wait_for("this turn left this machine")
                terminal.type(CTRL_Q)
                terminal.wait_for_exit()

        await asyncio.to_thread(play, rented.hung_up.is_set)
        commands = (
            *(["show", "1"], ["export", "conversation", "1", "--format", "json"], ["export", "usage"]),
            *(["ask", "--continue", "--backend", "rented", "more"], ["ask", "--continue", "--backend", "home", "more"]),
        )
        done = [await world.hybridchat(*command) for command in commands]
        return {
            "said": [one.out for one in done],
            "codes": [one.code for one in done],
            "left": len(_questions(rented)),
        }


async def unpinned(world: World) -> dict[str, Any]:
    """Loosened in the app with nothing going along, with one turn of two, and by the command line."""
    async with FakeCompletions(tokens=5) as rented:
        _managed(world, rented)
        for text in ("first ", "second "):
            pinned = ["--continue"] if text == "second " else ["--local-only"]
            await world.hybridchat("ask", *pinned, text + SECRET)

        def play(keys: str, question: str) -> None:
            with Terminal(["-c"], env=world.env, columns=80, rows=24) as terminal:
                terminal.wait_for("local only: stays on this device")
                terminal.type(CTRL_L)
                terminal.wait_for("Privacy of this chat")
                terminal.type("open\r")
                terminal.wait_for("What goes along: nothing")
                terminal.wait_for("you: first what was said under the pin")
                terminal.type(f"{keys}\r")
                terminal.wait_for("open: may leave your machines")
                terminal.wait_for("(forked)")
                terminal.type(CTRL_R)
                terminal.wait_for("Route of this chat")
                terminal.type("managed\r")
                terminal.wait_for("Enter sends to rented")
                terminal.type(f"{question}\r")
                terminal.wait_for("to first token")
                terminal.type(CTRL_Q)
                terminal.wait_for_exit()

        await asyncio.to_thread(play, "", "anew")
        await world.hybridchat("ask", "--conversation", "1", "third " + SECRET)  # so that it is the last one again
        await asyncio.to_thread(play, " ", "with the first")
        shown = await world.hybridchat("fork", "1", "--privacy", "open", "--with-turns", "1")
        made = await world.hybridchat("fork", "1", "--privacy", "open")
        asked = await world.hybridchat("ask", "--conversation", "4", "--backend", "rented", "by the command line")
        loosened = await world.hybridchat("ask", "--conversation", "1", "--backend", "rented", "never")
        return {
            "codes": [one.code for one in (shown, made, asked, loosened)],
            "shown": shown.out,
            "left": _questions(rented),
        }


# --- what is not there


async def local_is_down_in_the_app(world: World) -> dict[str, Any]:
    """Nobody at home answers, and keys for elsewhere are there."""
    await world.local.__aexit__()

    def play() -> str:
        with Terminal(["--local-only"], env=world.env, columns=80, rows=24) as terminal:
            terminal.wait_for("Enter cannot send")
            terminal.type(f"{QUESTION}\r")
            terminal.wait_for("error: ")
            shown: str = terminal.text
            terminal.type(CTRL_Q)
            terminal.wait_for_exit()
        return shown

    return {"shown": await asyncio.to_thread(play)}


async def the_app_without_its_guard(world: World) -> dict[str, Any]:
    damaged = str(Path(__file__).parent / "no_guard")
    path = os.pathsep.join([damaged, *filter(None, [os.environ.get("PYTHONPATH")])])

    def play() -> tuple[int, str]:
        with Terminal(["--local-only"], env={**world.env, "PYTHONPATH": path}) as terminal:
            return terminal.wait_for_exit(), terminal.text

    code, said = await asyncio.to_thread(play)
    return {"code": code, "said": said, "requests": len(world.local.requests)}

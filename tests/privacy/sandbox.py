"""Runs one scenario of `tests.privacy.scenarios` and prints what came of it as JSON: `… -m tests.privacy.sandbox NAME`.

In a network namespace of its own (`--namespace`) there is nothing but loopback, where decoys stand for the rest of the
world: a name server at the address that this system asks, and a machine at 192.0.2.1. The kernel counts what else
wanted to leave, by whatever process or library. Without a namespace, the tests' audit hook judges.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

from tests.fakes.completions import FakeCompletions
from tests.fakes.decoy import Decoy, NameDecoy
from tests.faults.cli import Done, run

KEY = "sk-canary-of-the-sandbox"
FAR = "192.0.2.1"
NAMESPACE = ("unshare", "--map-root-user", "--net", "--mount", "--")


class World:
    """A local server, decoys for everything else, and a home whose config knows both."""

    def __init__(self, folder: Path, *, in_namespace: bool) -> None:
        self.folder, self.in_namespace = folder, in_namespace
        self.home = folder / "home"
        self.proxy, self.socks, self.rented = Decoy(), Decoy(), Decoy()
        self.far = Decoy(FAR, 443) if in_namespace else None
        self.names = NameDecoy() if in_namespace else None
        self.local = FakeCompletions(tokens=20)
        self.env = {"HYBRIDCHAT_HOME": str(self.home), "OPENAI_API_KEY": KEY, "ANTHROPIC_API_KEY": KEY}

    def configure(self, head: str = "") -> None:
        """The local server vouched for, and every kind of place that a pinned conversation must not reach."""
        far = f"https://{FAR}" if self.in_namespace else f"http://127.0.0.1:{self.rented.port}"
        entries = (
            ("home", "openai-compatible", self.local.url, "vouched = true"),
            (
                "rented",
                "openai",
                f"http://127.0.0.1:{self.rented.port}",
                'zone = "managed"\nkey = "env:OPENAI_API_KEY"',
            ),
            ("far", "anthropic", far, 'zone = "managed"\nkey = "env:ANTHROPIC_API_KEY"'),
            ("named", "openai", "https://managed.invalid", 'key = "env:OPENAI_API_KEY"'),
        )
        lines = (
            f'[[backend]]\nid = "{i}"\nkind = "{k}"\nbase_url = "{u}"\nmodel = "fake"\n{m}\n' for i, k, u, m in entries
        )
        self.write_config(head + "\n".join(lines))

    def configure_home_alone(self) -> None:
        entry = f'id = "home"\nkind = "openai-compatible"\nbase_url = "{self.local.url}"\nmodel = "fake"\n'
        self.write_config(f"[[backend]]\n{entry}vouched = true\n")

    def write_config(self, text: str) -> None:
        self.home.mkdir(exist_ok=True)
        (self.home / "config.toml").write_text(text, encoding="utf-8")

    async def hybridchat(self, *arguments: str, **env: str) -> Done:
        """The command line in this process, which is in the namespace: a program of its own takes longer."""
        os.environ |= {**self.env, **env}
        try:
            return await asyncio.to_thread(_call, arguments)
        finally:
            for name in env:
                del os.environ[name]

    async def program(self, *arguments: str, stdin: bytes | None = None, **env: str) -> Done:
        return await run(*arguments, stdin=stdin, **{**self.env, **env})

    def seen(self) -> dict[str, int]:
        """What got anywhere but to the local server; `unroutable` is the kernel's count."""
        decoys = {"proxy": self.proxy, "socks": self.socks, "rented": self.rented, "far": self.far, "names": self.names}
        counted = {name: decoy.seen for name, decoy in decoys.items() if decoy is not None}
        return {**counted, "unroutable": unroutable()} if self.in_namespace else counted


def _call(arguments: tuple[str, ...]) -> Done:
    from hybridchat.cli import app

    with redirect_stdout(StringIO()) as out, redirect_stderr(StringIO()) as err:
        code = app.run(arguments)
    return Done(code, out.getvalue(), err.getvalue())


def unroutable() -> int:
    """Of this namespace: what wanted to leave and found no way, IPv4 and IPv6."""
    names, values = (line.split() for line in Path("/proc/net/snmp").read_text().splitlines() if line.startswith("Ip:"))
    v6 = re.search(r"^Ip6OutNoRoutes\s+(\d+)$", Path("/proc/net/snmp6").read_text(), re.MULTILINE)
    return int(values[names.index("OutNoRoutes")]) + (int(v6[1]) if v6 else 0)


def enter_namespace() -> None:
    """Loopback up; this system's name servers and 192.0.2.1 are here, too."""
    servers = re.findall(r"^nameserver (\d+\.\d+\.\d+\.\d+)$", Path("/etc/resolv.conf").read_text(), re.MULTILINE)
    commands = ["link set lo up", *(f"address add {address}/32 dev lo" for address in dict.fromkeys([*servers, FAR]))]
    for command in commands:
        if "/127." not in command and " 127." not in command:
            subprocess.run(["ip", *command.split()], check=True, capture_output=True)


@asynccontextmanager
async def world(*, in_namespace: bool) -> AsyncIterator[World]:
    with tempfile.TemporaryDirectory() as folder:
        made = World(Path(folder), in_namespace=in_namespace)
        async with AsyncExitStack() as stack:
            for listener in (made.proxy, made.socks, made.rented, made.local, made.far, made.names):
                if listener is not None:
                    await stack.enter_async_context(listener)
            made.configure()
            yield made


async def play(name: str, *, in_namespace: bool) -> dict[str, Any]:
    """`name`: of a function in `tests.privacy.scenarios`, or in the module that stands before it."""
    module, _, function = name.rpartition(".")
    scenario = getattr(importlib.import_module(f"tests.privacy.{module or 'scenarios'}"), function)
    async with world(in_namespace=in_namespace) as made:
        found = await scenario(made)
        return {"found": found, "seen": made.seen()}


if __name__ == "__main__":
    wants_namespace = "--namespace" in sys.argv
    if wants_namespace:
        enter_namespace()
    print(json.dumps(asyncio.run(play(sys.argv[1], in_namespace=wants_namespace))))

"""A server in a process of its own, under any program's name, because who answers is what hybridchat looks at.

`with serving("ollama", folder, "ollama") as port:` runs a copy of this Python that is called ollama.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]


@contextmanager
def serving(program: str, folder: Path, *what: str) -> Iterator[int]:
    """The port of `ollama [PORT]`, `completions [PORT]` or `forward TO_PORT [PORT]`, until the end of the block."""
    executable = folder / program
    if not executable.exists():
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(Path(sys.executable).resolve(), executable)
    libraries = os.pathsep.join(filter(None, (sysconfig.get_config_var("LIBDIR"), os.environ.get("LD_LIBRARY_PATH"))))
    paths = os.pathsep.join([str(ROOT), *(path for path in sys.path if path)])
    env = {**os.environ, "PYTHONHOME": sys.base_prefix, "PYTHONPATH": paths, "LD_LIBRARY_PATH": libraries}
    command = [str(executable), "-m", "tests.fakes.serve", *what]
    with subprocess.Popen(command, cwd=ROOT, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None and process.stdout is not None
        try:
            yield int(process.stdout.readline())
        finally:
            process.kill()


async def serve(what: str, *ports: int) -> None:
    """Prints its port; ends with its standard input, so that it never outlives who started it."""
    from tests.fakes.completions import FakeCompletions
    from tests.fakes.ollama import FakeOllama

    loop = asyncio.get_running_loop()
    parent_is_gone = loop.run_in_executor(None, sys.stdin.read)
    match what:
        case "ollama":
            async with FakeOllama(*ports) as ollama:
                print(ollama.port, flush=True)
                await parent_is_gone
        case "completions":
            async with FakeCompletions(port=ports[0] if ports else 0, tokens=5) as completions:
                print(completions.port, flush=True)
                await parent_is_gone
        case "forward":
            server = await asyncio.start_server(_forwarding_to(ports[0]), "127.0.0.1", *ports[1:])
            async with server:
                print(server.sockets[0].getsockname()[1], flush=True)
                await parent_is_gone


def _forwarding_to(port: int) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]:
    """As `ssh -L` does: bytes both ways, nothing of its own."""

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(1 << 16):
                writer.write(data)
                await writer.drain()
        except ConnectionError:
            pass
        finally:
            writer.close()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(pump(reader, far_writer), pump(far_reader, writer))

    return connected


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1], *map(int, sys.argv[2:])))

"""The embedded engine's process: llama.cpp's own HTTP server on a Unix socket (Windows: on loopback, with a key).

Run as `python -m hybridchat.backends.embedded_worker`. It reads one line of JSON settings from standard input and,
unless detached, ends when that input does: the parent is gone then.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading

import msgspec


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What the worker is told. Exactly one of `socket` and `port` says where it listens."""

    model_file: str
    model_name: str
    context_window: int  # tokens
    socket: str | None = None
    port: int | None = None
    api_key: str | None = None
    detached: bool = False


def main() -> None:
    settings = msgspec.json.decode(sys.stdin.buffer.readline(), type=Settings)
    os.umask(0o177)  # the socket is made with 0600
    _no_core_dumps()
    if not settings.detached:
        _die_with_parent()
    server = serve(settings)
    threading.Event().wait()  # llama.cpp answers in threads of its own, until this process ends
    del server


def serve(settings: Settings) -> object:
    """Starts llama.cpp; returns once the model is loaded. It holds the interpreter's lock until then."""
    import xllamacpp  # type: ignore[import-untyped]

    params = xllamacpp.CommonParams()
    params.model.path = settings.model_file
    params.model_alias = {settings.model_name}
    params.n_ctx = settings.context_window
    params.hostnames = [settings.socket or "127.0.0.1"]
    params.port = settings.port or 1  # unused with a socket, but it must not be 0
    if settings.api_key:
        params.api_keys = [settings.api_key]
    params.endpoint_metrics = True
    params.ui = False
    params.cache_ram_mib = 0  # else up to 8 GiB of old prompts stay in memory, beyond what was said to be needed
    return xllamacpp.Server(params)


def _no_core_dumps() -> None:
    if sys.platform != "win32":
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _die_with_parent() -> None:
    if sys.platform == "linux":
        # The thread below cannot run while the model loads; the kernel can.
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
    threading.Thread(target=_watch_input, daemon=True).start()


def _watch_input() -> None:
    while sys.stdin.buffer.read(4096):
        pass
    os._exit(0)


if __name__ == "__main__":
    main()

"""An Ollama that answers byte for byte as a real one did: `tiny` is local, `harmless` is forwarded to another host."""

from __future__ import annotations

from tests.fakes.captures import capture
from tests.fakes.http import FakeServer, Request, Responder

_GET = {
    "/": "root",
    "/api/version": "version",
    "/api/status": "status",
    "/api/tags": "tags",
    "/api/ps": "ps",
    "/v1/models": "v1-models",
}

# The one answer without a capture: a pull that works, in the shape that Ollama's API reference gives.
PULLED = b"""{"status":"pulling manifest"}
{"status":"pulling 9765ea866247","digest":"sha256:9765ea866247","total":1000}
{"status":"pulling 9765ea866247","digest":"sha256:9765ea866247","total":1000,"completed":400}
{"status":"pulling 9765ea866247","digest":"sha256:9765ea866247","total":1000,"completed":1000}
{"status":"pulling b5f07c217fd5","digest":"sha256:b5f07c217fd5","total":50,"completed":50}
{"status":"verifying sha256 digest"}
{"status":"writing manifest"}
{"status":"success"}
"""


class FakeOllama(FakeServer):
    """`chat` and `ps` can be set to another capture's name, to see what a client makes of it."""

    def __init__(self, port: int = 0) -> None:
        super().__init__(self._handle, port)
        self.chat: str | None = None
        self.ps = "ps"

    async def _handle(self, request: Request, respond: Responder) -> None:
        answer = self._answer_to(request)
        if answer == "pull":
            await respond.begin("application/x-ndjson")
            await respond.chunk(PULLED)
            await respond.finish()
        else:
            await respond.raw(capture(f"ollama/{answer}").as_sent())

    def _answer_to(self, request: Request) -> str:
        if request.method == "GET":
            return self.ps if request.path == "/api/ps" else _GET.get(request.path, "not-found-path")
        body = request.json()
        model = body.get("model") or body.get("name")
        match request.path:
            case "/api/chat":
                return self.chat or _chat(model, body)
            case "/api/show":
                return _SHOW.get(model, "error-unknown-model")
            case "/api/pull":
                return "pull" if model == "tiny" else "pull-no-network"
            case "/api/delete":
                return "delete" if model == "tiny2" else "delete-unknown"
            case "/v1/chat/completions":
                return "v1-chat-stream" if model == "tiny" else "v1-chat-forwarded"
        return "not-found-path"


_SHOW = {
    "tiny": "show-local",
    "tiny:latest:local": "show-local",
    "harmless": "show-forwarding-stub",
    "harmless:latest": "show-forwarding-stub",
    "harmless:latest:local": "show-forwarding-stub-local-suffix",
}

_CHAT = {
    "tiny": "chat-stream",
    "tiny:latest": "chat-stream",
    "tiny:latest:local": "chat-stream-local-suffix",
    "harmless": "chat-forwarded",
    "harmless:latest": "chat-forwarded",
    "harmless:latest:local": "chat-forwarded-refused",
    "gpt-oss:120b-cloud:local": "chat-cloud-and-local",
}


def _chat(model: str, body: dict[str, object]) -> str:
    if not body["messages"]:
        return "unload" if body.get("keep_alive") == 0 else "load"
    if body.get("think"):
        return "chat-think-unsupported"
    return _CHAT.get(model, "error-unknown-model")

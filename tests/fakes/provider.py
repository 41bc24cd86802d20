"""A provider that answers to one key: it lists models, and gives one token to who asks."""

from __future__ import annotations

import json
from typing import Any

from hybridchat.config import providers as known
from hybridchat.config.providers import Provider
from tests.fakes.http import FakeServer, Request, Responder
from tests.fakes.wire import CHAT_COMPLETIONS

KEY = "sk-right-4711"


class FakeProvider(FakeServer):
    """`open_list`: the models are listed to everybody. `refusal`: the status for another key."""

    def __init__(
        self, *models: str, header: str = "authorization", open_list: bool = False, refusal: int = 401
    ) -> None:
        super().__init__(self._handle)
        self.open_list = open_list
        self.refusal = refusal
        self._listed: list[dict[str, Any]] = [{"id": model, "object": "model"} for model in models]
        self._credentials = header, f"Bearer {KEY}" if header == "authorization" else KEY

    async def _handle(self, request: Request, respond: Responder) -> None:
        name, value = self._credentials
        is_list = request.path.partition("?")[0].endswith("/models")
        if request.headers.get(name) != value and not (is_list and self.open_list):
            error = {"message": f"Incorrect API key provided: {request.headers.get(name)}", "code": "invalid_api_key"}
            await respond.whole({"error": error}, status=self.refusal)
        elif is_list:
            await respond.whole(json.dumps({"object": "list", "data": self._listed}).encode())
        elif request.path.endswith("/key"):
            await respond.whole({"data": {"label": "mine"}})
        elif request.method == "POST" and request.path.endswith("/chat/completions"):
            await respond.begin(CHAT_COMPLETIONS.content_type)
            await respond.chunk(CHAT_COMPLETIONS.reply("Hi"))
            await respond.finish()
        else:
            await respond.whole({"error": {"message": "not found"}}, status=404)


def at_server(provider: str, server: FakeServer) -> tuple[Provider, ...]:
    """What is known of providers, with that one's host moved to a server of the tests; it stays a managed one."""
    import msgspec

    moved = []
    for entry in known.providers():
        if entry.id == provider:
            path = entry.base_url.split("/", 3)[3]
            entry = msgspec.structs.replace(entry, base_url=f"{server.url}/{path}", zone="managed")
        moved.append(entry)
    return tuple(moved)

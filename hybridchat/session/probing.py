"""The smallest question there is, to see whether a backend really answers. Nothing of it is in the ledger."""

from __future__ import annotations

from contextlib import aclosing

from hybridchat.backends.base import Backend
from hybridchat.domain.audit import Errand
from hybridchat.domain.chat import ChatMessage, ChatRequest, Kind, Parameters, Role
from hybridchat.domain.events import Failed, Finished
from hybridchat.errors import ErrorKind
from hybridchat.net.audit import on_errand

DEADLINE_S = 60.0
_LEAST_TOKENS = {Kind.OPENAI_RESPONSES: 16}  # OpenAI takes no smaller limit there


async def ask_one_token(backend: Backend, model: str) -> Failed | None:
    """Why it did not answer with a token, or None. A managed backend charges for it."""
    request = ChatRequest(
        model=model,
        messages=(ChatMessage(Role.USER, "Say hi."),),
        parameters=Parameters(max_tokens=_LEAST_TOKENS.get(backend.spec.kind, 1)),
        deadline_s=DEADLINE_S,
    )
    with on_errand(Errand(purpose="round trip")):
        async with aclosing(backend.chat(request)) as stream:
            async for event in stream:
                if isinstance(event, Failed):
                    return event
                if isinstance(event, Finished):
                    return None
    return Failed(ErrorKind.CUT_SHORT, "the stream ended without an end mark", "look into the server's log")

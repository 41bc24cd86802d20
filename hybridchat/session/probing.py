"""The smallest question there is, to see whether a backend really answers. Nothing of it is in the ledger."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import aclosing

from hybridchat.backends.base import Backend, BackendSpec
from hybridchat.domain.audit import Errand
from hybridchat.domain.chat import ChatMessage, ChatRequest, Kind, Parameters, Role
from hybridchat.domain.events import Failed, Finished
from hybridchat.domain.pricing import MILLION, format_usd
from hybridchat.errors import ErrorKind
from hybridchat.net.audit import on_errand
from hybridchat.session.prices import PriceBook

DEADLINE_S = 60.0
PROMPT_TOKENS = 16  # about: the two words, and what the model's template puts around them
_LEAST_TOKENS = {Kind.OPENAI_RESPONSES: 16}  # OpenAI takes no smaller limit there


def charges(prices: PriceBook, specs: Iterable[BackendSpec]) -> str:
    """What asking the managed ones of them costs, as one line to be said before it is done; "" without any. Loads the
    price list."""
    each = [
        f"{spec.id} ({spec.model or 'its model'}, {_price(prices, spec)})" for spec in specs if not spec.zone.is_local
    ]
    if not each:
        return ""
    return f"a question for one token is charged, and in no budget or statistics: {', '.join(each)}"


def _price(prices: PriceBook, spec: BackendSpec) -> str:
    price = prices.quote(spec, spec.model) if spec.model else None
    if price is None:
        return "price unknown"
    usd = PROMPT_TOKENS * price.input_usd + _LEAST_TOKENS.get(spec.kind, 1) * price.output_usd
    return f"≈ {format_usd(usd / MILLION)}"


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

"""What vendors' usage objects cost: through our decoders and price book, and as the price list itself reads them."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, NamedTuple

import pytest
from genai_prices.data_snapshot import get_snapshot
from hypothesis import given
from hypothesis import strategies as st

from hybridchat.backends.anthropic import AnthropicDecoder
from hybridchat.backends.chat_completions import ChatCompletionsDecoder
from hybridchat.backends.failures import failed
from hybridchat.backends.gemini import GeminiDecoder
from hybridchat.backends.responses import ResponsesDecoder
from hybridchat.backends.streaming import Decoder, believable
from hybridchat.domain.chat import CostBasis
from hybridchat.domain.events import Failed, Usage
from hybridchat.session.prices import PriceBook
from tests.unit.session.test_prices import DEAL, spec

AT = datetime(2026, 6, 1, 12, tzinfo=UTC)
Json = dict[str, Any]


def on_error(body: bytes) -> Failed:
    return failed(body, backend="it")


def sse(*values: Json) -> bytes:
    return b"".join(b"data: " + json.dumps(value).encode() + b"\n\n" for value in values)


class Api(NamedTuple):
    """How one vendor tells its counts: at the end of a stream, and as a whole response that the price list reads."""

    provider: str
    url: str
    flavor: str
    models: tuple[str, ...]
    decoder: Callable[[], Decoder]
    usage: Callable[[int, int, int, int, int], Json]  # prompt, cached, written, answer, thinking
    stream: Callable[[Json], bytes]
    whole: Callable[[Json], Json] = lambda usage: {"usage": usage}


def chat_usage(prompt: int, cached: int, written: int, answer: int, thinking: int) -> Json:
    return {
        "prompt_tokens": prompt,
        "completion_tokens": answer + thinking,
        "total_tokens": prompt + answer + thinking,
        "prompt_tokens_details": {"cached_tokens": cached, "cache_write_tokens": written},
        "completion_tokens_details": {"reasoning_tokens": thinking},
    }


def xai_usage(prompt: int, cached: int, written: int, answer: int, thinking: int) -> Json:
    """The completion without its thinking."""
    return chat_usage(prompt, cached, 0, answer, thinking) | {"completion_tokens": answer}


def responses_usage(prompt: int, cached: int, written: int, answer: int, thinking: int) -> Json:
    return {
        "input_tokens": prompt,
        "output_tokens": answer + thinking,
        "input_tokens_details": {"cached_tokens": cached, "cache_write_tokens": written},
        "output_tokens_details": {"reasoning_tokens": thinking},
    }


def anthropic_usage(prompt: int, cached: int, written: int, answer: int, thinking: int) -> Json:
    """What the cache read and wrote beside the input; half of what it wrote for an hour."""
    hour = written // 2
    return {
        "input_tokens": prompt - cached - written,
        "cache_read_input_tokens": cached,
        "cache_creation_input_tokens": written,
        "cache_creation": {"ephemeral_5m_input_tokens": written - hour, "ephemeral_1h_input_tokens": hour},
        "output_tokens": answer + thinking,
        "output_tokens_details": {"thinking_tokens": thinking},
    }


def anthropic_stream(usage: Json) -> bytes:
    """Cumulative: what the later events repeat or raise is never added."""
    output = usage["output_tokens"]
    return sse(
        {"type": "message_start", "message": {"model": "m", "usage": {**usage, "output_tokens": 1}}},
        {"type": "message_delta", "delta": {}, "usage": {"output_tokens": output // 2}},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": usage},
        {"type": "message_stop"},
    )


def gemini_usage(prompt: int, cached: int, written: int, answer: int, thinking: int) -> Json:
    """Candidates without thoughts."""
    counts = {"promptTokenCount": prompt, "candidatesTokenCount": answer, "thoughtsTokenCount": thinking}
    return {**counts, "cachedContentTokenCount": cached, "totalTokenCount": prompt + answer + thinking}


def gemini_stream(usage: Json) -> bytes:
    """On each chunk, so far."""
    content = {"parts": [{"text": "hi"}]}
    return sse(
        {"candidates": [{"content": content}], "usageMetadata": {**usage, "candidatesTokenCount": 1}},
        {"candidates": [{"content": content, "finishReason": "STOP"}], "usageMetadata": usage},
    )


def chat_stream(usage: Json) -> bytes:
    return sse({"choices": [{"index": 0, "delta": {"content": "hi"}, "finish_reason": "stop"}]}, {"usage": usage})


def responses_stream(usage: Json) -> bytes:
    return sse({"type": "response.completed", "response": {"status": "completed", "usage": usage}})


def chat(provider: str, url: str, flavor: str, *models: str, usage: Callable[..., Json] = chat_usage) -> Api:
    return Api(provider, url, flavor, models, lambda: ChatCompletionsDecoder(on_error), usage, chat_stream)


APIS = (
    chat("openai", "https://api.openai.com/v1", "chat", "gpt-4o", "gpt-4.1-mini", "o3"),
    chat("openrouter", "https://openrouter.ai/api/v1", "chat", "openai/gpt-4o", "anthropic/claude-sonnet-4"),
    chat("groq", "https://api.groq.com/openai/v1", "default", "llama-3.3-70b-versatile"),
    chat("mistral", "https://api.mistral.ai/v1", "default", "mistral-small-latest"),
    chat("deepseek", "https://api.deepseek.com", "chat", "deepseek-chat"),
    chat("x-ai", "https://api.x.ai/v1", "chat", "grok-4", usage=xai_usage),
    Api(
        *("openai", "https://api.openai.com/v1", "responses", ("gpt-4o", "o3")),
        lambda: ResponsesDecoder(on_error),
        responses_usage,
        responses_stream,
    ),
    Api(
        *("anthropic", "https://api.anthropic.com", "default", ("claude-sonnet-4-5", "claude-opus-4-1")),
        lambda: AnthropicDecoder(on_error),
        anthropic_usage,
        anthropic_stream,
    ),
    Api(
        *("google", "https://generativelanguage.googleapis.com/v1beta", "default"),
        ("gemini-2.5-pro", "gemini-2.5-flash"),
        lambda: GeminiDecoder(on_error),
        gemini_usage,
        gemini_stream,
        lambda usage: {"usageMetadata": usage},
    ),
)
COUNTS = (  # prompt, cached, written, answer, thinking
    *((1200, 0, 0, 100, 0), (1200, 1000, 0, 100, 0), (1200, 200, 600, 100, 0), (1200, 0, 0, 100, 900)),
    *((1, 0, 0, 0, 0), (1, 0, 0, 1, 0), (0, 0, 0, 1, 1), (90_001, 90_000, 0, 8191, 1), (7, 3, 3, 0, 5)),
    *((200_000, 0, 0, 10, 0), (200_001, 0, 0, 10, 0), (400_000, 300_000, 50_001, 12, 8000), (128_001, 1, 1, 1, 1)),
    (123_457, 23_457, 50_000, 6789, 4321),
)


def attempts() -> Iterator[tuple[Api, str, tuple[int, ...]]]:
    for api in APIS:
        yield from ((api, *rest) for rest in itertools.product(api.models, COUNTS))


def test_hundreds_of_attempts_cost_what_the_price_list_reads_from_the_vendors_own_objects() -> None:
    providers = {provider.id: provider for provider in get_snapshot().providers}
    tried = 0
    for api, model, counts in attempts():
        usage, provider = api.usage(*counts), providers[api.provider]
        _, theirs = provider.extract_usage(api.whole(usage), api_flavor=api.flavor)
        info = provider.find_model(model, all_providers=list(providers.values()))
        assert info is not None, (api.provider, model)
        expected = info.calc_price(theirs, provider, genai_request_timestamp=AT).total_price
        decoder = api.decoder()
        ours = next(e for e in reversed([*decoder.feed(api.stream(usage)), *decoder.end()]) if isinstance(e, Usage))
        cost = PriceBook().cost_of(spec(api.url), model, believable(ours), AT)
        assert (cost.usd, cost.basis) == (expected, CostBasis.PRICED), (api.provider, api.flavor, model, counts)
        tried += 1
    assert tried >= 200


@pytest.mark.parametrize(
    ("url", "model", "usage", "usd"),
    [
        # 700 · 3 + 200 · 0.30 + 60 · 3.75 + 40 · 6 + 10 · 15
        (
            *("https://api.anthropic.com", "claude-sonnet-4-5"),
            Usage(1000, 200, 100, 10, 8, cache_write_1h_tokens=40),
            "0.002775",
        ),
        # a cliff: 200,000 at 1.25 and 10, one more token, and all of it at 2.50 and 15
        ("https://generativelanguage.googleapis.com", "gemini-2.5-pro", Usage(200_000, 0, None, 100), "0.251"),
        ("https://generativelanguage.googleapis.com", "gemini-2.5-pro", Usage(200_001, 0, None, 100), "0.5015025"),
        # thinking is part of the 1,000: 1,000 · 2.50 as output, and once
        ("https://generativelanguage.googleapis.com", "gemini-2.5-flash", Usage(0, 0, None, 1000, 900), "0.0025"),
        # 1,000 · 2.50 + 200 · 1.25 + 100 · 10
        ("https://api.openai.com/v1", "gpt-4o", Usage(1200, 200, None, 100), "0.00375"),
        # a price per request beside that per token: 0.012 + 10 · 1 + 10 · 1
        ("https://api.perplexity.ai", "sonar", Usage(10, None, None, 10), "0.01202"),
        # its thinking has a price of its own: 100 · 8 + 900 · 3
        ("https://api.perplexity.ai", "sonar-deep-research", Usage(0, None, None, 1000, 900), "0.0035"),
    ],
)
def test_by_hand(url: str, model: str, usage: Usage, usd: str) -> None:
    assert PriceBook().cost_of(spec(url), model, usage, AT).usd == Decimal(usd)


def test_a_deal_holds_for_the_name_that_was_asked_for() -> None:
    usage = Usage(prompt_tokens=10, completion_tokens=10)
    for answered in ("ft:gpt-4o:mine", "gpt-4o"):
        cost = PriceBook().cost_of(spec(prices={"mine": DEAL}), answered, usage, AT, requested="mine")
        assert (cost.usd, cost.basis) == (Decimal("0.00003"), CostBasis.CONFIGURED)
    own = PriceBook().cost_of(spec(), "a name of the server's own", usage, AT, requested="gpt-4o")
    assert own.basis is CostBasis.PRICED
    neither = PriceBook().cost_of(spec(), "a name of the server's own", usage, AT, requested="no-such-model")
    assert "does not know a name of the server's own" in neither.detail


_COUNT = st.none() | st.integers(-(2**70), 2**70) | st.integers(0, 10_000)


@given(usage=st.builds(Usage, _COUNT, _COUNT, _COUNT, _COUNT, _COUNT, cache_write_1h_tokens=_COUNT))
def test_any_usage_gives_a_price_or_says_why_not(usage: Usage) -> None:
    books = [
        ("gpt-4o", spec()),
        ("claude-sonnet-4-5", spec("https://api.anthropic.com")),
        ("mine", spec(prices={"mine": DEAL})),
    ]
    for model, where in books:
        cost = PriceBook().cost_of(where, model, usage, AT)
        if cost.usd is None:
            assert cost.basis is CostBasis.UNKNOWN
            assert cost.detail
        else:
            assert 0 <= cost.usd <= 1_000_000

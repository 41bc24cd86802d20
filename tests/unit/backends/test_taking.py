"""What a backend, or its model, takes of a conversation's settings: what is said is what the request then carries."""

from __future__ import annotations

import json
from typing import Any

import pytest

from hybridchat.backends import anthropic_request, chat_completions, gemini_request, ollama, responses
from hybridchat.backends.base import BackendSpec
from hybridchat.backends.facts import effort_fields, facts, takes_sampling
from hybridchat.backends.taking import carried, untaken
from hybridchat.domain.address import parse_base_url
from hybridchat.domain.chat import (
    ChatMessage,
    ChatRequest,
    Effort,
    Kind,
    ModelInfo,
    Parameters,
    Proof,
    Role,
    Zone,
)
from hybridchat.domain.tuning import SETTINGS, given
from hybridchat.errors import UsageError

ALL = Parameters(temperature=0.25, top_p=0.5, max_tokens=77, seed=7, stop=("HALT",), num_ctx=4242, effort=Effort.HIGH)
MARKS = {"temperature": 0.25, "top_p": 0.5, "max_tokens": 77, "seed": 7, "stop": ["HALT"], "num_ctx": 4242}


def spec(kind: Kind, url: str = "http://127.0.0.1:9") -> BackendSpec:
    return BackendSpec(id="b", kind=kind, address=parse_base_url(url), zone=Zone.DEVICE, proof=Proof.VOUCHED)


def body(of: BackendSpec, model: str, parameters: Parameters) -> dict[str, Any]:
    """As the backend writes it."""
    request = ChatRequest(model, (ChatMessage(Role.USER, "hi"),), parameters)
    model_of = of.kind, of.address.host, model, parameters.effort
    fields, may_sample = effort_fields(*model_of), takes_sampling(*model_of)
    match of.kind:
        case Kind.OLLAMA:
            raw = ollama.request_body(request, model, parameters.num_ctx, fields)
        case Kind.ANTHROPIC:
            most = parameters.max_tokens or 1000
            raw = anthropic_request.request_body(request, max_tokens=most, fields=fields, may_sample=may_sample)
        case Kind.GEMINI:
            raw = gemini_request.request_body(request, fields=fields, may_sample=may_sample)
        case Kind.OPENAI_RESPONSES:
            raw = responses.request_body(request, of)
        case _:
            raw = chat_completions.request_body(request, of.kind, of.address.host)
    return dict(json.loads(raw))


def values(tree: Any) -> list[Any]:
    if isinstance(tree, dict):
        return [value for inner in tree.values() for value in (inner, *values(inner))]
    return [value for inner in tree for value in values(inner)] if isinstance(tree, list) else []


MODELS = [
    (Kind.VLLM, "http://127.0.0.1:9", "tiny"),
    (Kind.LLAMACPP, "http://127.0.0.1:9", "tiny"),
    (Kind.OLLAMA, "http://127.0.0.1:9", "tiny"),
    (Kind.OPENAI, "https://api.openai.com", "gpt-5"),
    (Kind.OPENAI, "https://api.openai.com", "gpt-4.1"),
    (Kind.OPENAI_RESPONSES, "https://api.openai.com", "gpt-5"),
    (Kind.ANTHROPIC, "https://api.anthropic.com", "claude-opus-4-7"),
    (Kind.ANTHROPIC, "https://api.anthropic.com", "claude-3-5-haiku"),
    (Kind.GEMINI, "https://generativelanguage.googleapis.com", "gemini-2.5-flash"),
]


@pytest.mark.parametrize(("kind", "url", "model"), MODELS)
def test_what_is_said_to_be_carried_is_in_the_request(kind: Kind, url: str, model: str) -> None:
    of = spec(kind, url)
    refused = {one.name for one in untaken(of, model, ALL) if one.is_refused}
    sent = Parameters(**{name: value for name, value in given(ALL).items() if name not in refused})
    written = values(body(of, model, sent))
    said = given(carried(of, model, ALL))
    for name, mark in MARKS.items():
        assert (mark in written) == (name in said), name
    without = body(of, model, Parameters(**{name: value for name, value in given(sent).items() if name != "effort"}))
    if "effort" not in said:
        assert body(of, model, sent) == without
    if refused:
        with pytest.raises(UsageError):
            body(of, model, ALL)


def why(of: BackendSpec, model: str, parameters: Parameters, info: ModelInfo | None = None) -> dict[str, str]:
    return {one.name: one.why for one in untaken(of, model, parameters, info)}


def test_each_is_left_out_for_a_reason() -> None:
    openai = spec(Kind.OPENAI, "https://api.openai.com")
    assert why(openai, "gpt-5", Parameters(temperature=0.1)) == {"temperature": "gpt-5 takes none"}
    at = Parameters(temperature=0.1, effort=Effort.HIGH)
    assert why(openai, "gpt-5.2", at) == {"temperature": "gpt-5.2 takes it with effort off only"}
    assert why(openai, "gpt-5.2", Parameters(temperature=0.1, effort=Effort.OFF)) == {}
    assert why(openai, "gpt-4.1", Parameters(effort=Effort.HIGH)) == {"effort": "no way is known to tell gpt-4.1"}
    assert why(openai, "gpt-4.1", Parameters(num_ctx=1)) == {"num_ctx": "openai has no such setting"}
    claude = spec(Kind.ANTHROPIC, "https://api.anthropic.com")
    hot = untaken(claude, "claude-3-5-haiku", Parameters(temperature=1.5))
    assert [(one.why, one.is_refused) for one in hot] == [("anthropic takes at most 1", True)]
    assert untaken(claude, "claude-3-5-haiku", Parameters(temperature=1.0)) == ()
    told = ModelInfo("tiny", capabilities=("completion",))
    assert why(spec(Kind.OLLAMA), "tiny", Parameters(effort=Effort.LOW), told) == {"effort": "tiny cannot think"}
    assert why(spec(Kind.OLLAMA), "tiny", Parameters(effort=Effort.LOW)) == {}


def test_the_facts_name_settings() -> None:
    for kind in Kind:
        settings = facts().settings.get(kind)
        assert settings is None or {*settings.left_out, *settings.refused} <= SETTINGS.keys()
    assert {kind for kind in Kind if kind not in facts().settings} == {Kind.OLLAMA}

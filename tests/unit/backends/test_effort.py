"""How much to think, in each API's own words: the table's rules."""

from __future__ import annotations

from typing import Any

import pytest

from hybridchat.backends.facts import effort_fields, effort_rules, takes_sampling
from hybridchat.domain.chat import Effort, Kind

OPENAI, OPENROUTER = "api.openai.com", "openrouter.ai"
OFF, LOW, MEDIUM, HIGH = Effort.OFF, Effort.LOW, Effort.MEDIUM, Effort.HIGH
SUMMARY = {"include": ["reasoning.encrypted_content"], "reasoning": {"summary": "auto"}}

CASES: list[tuple[Kind, str, str, Effort | None, dict[str, Any]]] = [
    (Kind.OPENAI, OPENAI, "gpt-4o", HIGH, {}),
    (Kind.OPENAI, OPENAI, "gpt-5.1", None, {}),
    (Kind.OPENAI, OPENAI, "gpt-5.1", OFF, {"reasoning_effort": "none"}),
    (Kind.OPENAI, OPENAI, "gpt-5-mini", OFF, {"reasoning_effort": "minimal"}),
    (Kind.OPENAI, OPENAI, "gpt-5", OFF, {"reasoning_effort": "minimal"}),
    (Kind.OPENAI, OPENAI, "gpt-5-chat-latest", HIGH, {}),
    (Kind.OPENAI, OPENAI, "o4-mini", OFF, {"reasoning_effort": "low"}),
    (Kind.OPENAI, OPENAI, "o1-mini", HIGH, {}),
    (Kind.OPENAI, OPENAI, "gpt-6-sol", HIGH, {"reasoning_effort": "high"}),
    (Kind.OPENAI, OPENAI, "gpt-5.2-pro", LOW, {}),
    (Kind.OPENAI, "me.openai.azure.com", "gpt-5.4", LOW, {"reasoning_effort": "low"}),
    (Kind.OPENAI_COMPATIBLE, "litellm.example", "openai/gpt-5.4", LOW, {"reasoning_effort": "low"}),
    (Kind.OPENAI_COMPATIBLE, "litellm.example", "llama-3", LOW, {}),
    (Kind.OPENAI_COMPATIBLE, OPENROUTER, "anthropic/claude-opus-5", OFF, {"reasoning": {"effort": "none"}}),
    (Kind.OPENAI_COMPATIBLE, OPENROUTER, "anything", None, {}),
    (Kind.OPENAI_COMPATIBLE, "api.deepseek.com", "deepseek-flash", OFF, {"thinking": {"type": "disabled"}}),
    (Kind.OPENAI_COMPATIBLE, "api.mistral.ai", "mistral-small-latest", LOW, {"reasoning_effort": "high"}),
    (Kind.OPENAI_COMPATIBLE, "api.mistral.ai", "magistral-medium-latest", LOW, {}),
    (Kind.OPENAI_COMPATIBLE, "api.groq.com", "qwen/qwen3-32b", None, {"reasoning_format": "parsed"}),
    (Kind.OPENAI_COMPATIBLE, "api.groq.com", "openai/gpt-oss-20b", MEDIUM, {"reasoning_effort": "medium"}),
    (Kind.OPENAI_COMPATIBLE, "api.groq.com", "llama-3.3-70b", MEDIUM, {}),
    (Kind.OPENAI_COMPATIBLE, "api.x.ai", "grok-4.3", OFF, {"reasoning_effort": "none"}),
    (Kind.OPENAI_COMPATIBLE, "api.x.ai", "grok-4", HIGH, {}),
    (Kind.OPENAI_RESPONSES, OPENAI, "gpt-5.4", None, SUMMARY),
    (Kind.OPENAI_RESPONSES, OPENAI, "gpt-5.4", OFF, {**SUMMARY, "reasoning": {"effort": "none"}}),
    (Kind.OPENAI_RESPONSES, OPENAI, "o3", LOW, {**SUMMARY, "reasoning": {"effort": "low", "summary": "auto"}}),
    (Kind.OPENAI_RESPONSES, OPENAI, "gpt-4.1", HIGH, {}),
    (Kind.OPENAI_RESPONSES, "127.0.0.1", "tiny", HIGH, {}),
    (Kind.VLLM, "127.0.0.1", "tiny", OFF, {"chat_template_kwargs": {"enable_thinking": False, "thinking": False}}),
    (Kind.VLLM, "127.0.0.1", "openai/gpt-oss-20b", OFF, {"reasoning_effort": "low"}),
    (Kind.OLLAMA, "127.0.0.1", "gpt-oss:20b", HIGH, {"think": "high"}),
    (Kind.OLLAMA, "127.0.0.1", "hf.co/unsloth/Qwen3-8B-GGUF:Q4_K_M", LOW, {"think": True}),
    (Kind.ANTHROPIC, "api.anthropic.com", "claude-haiku-4-5", None, {}),
    (Kind.ANTHROPIC, "api.anthropic.com", "claude-haiku-4-5", OFF, {}),
    (Kind.ANTHROPIC, "api.anthropic.com", "claude-3-5-haiku-latest", HIGH, {}),
    (
        Kind.ANTHROPIC,
        "api.anthropic.com",
        "claude-sonnet-4-5-20250929",
        LOW,
        {"thinking": {"type": "enabled", "budget_tokens": 2048}},
    ),
    (Kind.ANTHROPIC, "api.anthropic.com", "claude-opus-5", OFF, {"thinking": {"type": "disabled"}}),
    (Kind.ANTHROPIC, "127.0.0.1", "tiny", HIGH, {}),
    (
        Kind.GEMINI,
        "generativelanguage.googleapis.com",
        "gemini-2.5-flash",
        OFF,
        {"thinkingConfig": {"thinkingBudget": 0}},
    ),
    (
        Kind.GEMINI,
        "generativelanguage.googleapis.com",
        "models/gemini-3.8-flash",
        OFF,
        {"thinkingConfig": {"thinkingLevel": "LOW"}},
    ),
    (Kind.GEMINI, "generativelanguage.googleapis.com", "gemini-2.5-flash-image", HIGH, {}),
    (Kind.SIMULATED, "", "any", HIGH, {}),
]


@pytest.mark.parametrize(("kind", "host", "model", "effort", "fields"), CASES)
def test_each_api_is_told_in_its_own_way(
    kind: Kind, host: str, model: str, effort: Effort | None, fields: dict[str, Any]
) -> None:
    assert effort_fields(kind, host, model, effort) == fields


ANTHROPICS_ALWAYS_THINKING = ("claude-opus-5-5", "claude-fable-5-1", "claude-mythos-5", "claude-haiku-5-5")


@pytest.mark.parametrize("model", ANTHROPICS_ALWAYS_THINKING)
def test_a_model_that_cannot_stop_thinking_gets_its_least(model: str) -> None:
    fields = effort_fields(Kind.ANTHROPIC, "api.anthropic.com", model, OFF)
    assert fields["output_config"] == {"effort": "low"}
    assert fields["thinking"]["type"] == "adaptive"


@pytest.mark.parametrize(
    ("kind", "model", "effort", "taken"),
    [
        (Kind.OPENAI, "gpt-4o", HIGH, True),
        (Kind.OPENAI, "o3", None, False),
        (Kind.OPENAI, "gpt-5.4", None, False),
        (Kind.OPENAI_RESPONSES, "gpt-5.4", OFF, True),
        (Kind.ANTHROPIC, "claude-haiku-4-5", None, True),
        (Kind.ANTHROPIC, "claude-haiku-4-5", LOW, False),
        (Kind.ANTHROPIC, "claude-opus-5", OFF, False),
        (Kind.VLLM, "tiny", HIGH, True),
    ],
)
def test_where_temperature_is_taken(kind: Kind, model: str, effort: Effort | None, taken: bool) -> None:
    assert takes_sampling(kind, OPENAI, model, effort) is taken


def test_no_rule_hides_behind_an_earlier_one() -> None:
    """Each rule is the first that fits for some model: its own patterns, spelt out."""
    rules = effort_rules()
    for rule in rules:
        names = [
            (kind, host.replace("*", ""), _spell(pattern))
            for kind in rule.kinds
            for host in rule.hosts
            for pattern in rule.models
        ]
        assert any(next(r for r in rules if r.fits(*name)) is rule for name in names), rule


def _spell(pattern: str) -> str:
    """A name that the pattern fits: the last letter of each class, nothing or `x` for a star."""
    text = pattern if pattern == "*" else pattern.strip("*")
    while "[" in text:
        head, _, rest = text.partition("[")
        letters, _, tail = rest.partition("]")
        text = f"{head}{letters[-1]}{tail}"
    return text.replace("*", "x")

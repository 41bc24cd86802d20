"""How much to think: the table's rules against what the vendors' own types allow."""

from __future__ import annotations

from typing import get_args

from anthropic.types import MessageCreateParams
from google.genai.types import GenerateContentConfig
from openai.types.shared import ReasoningEffort
from pydantic import TypeAdapter

from hybridchat.backends.facts import effort_rules
from hybridchat.domain.chat import Effort, Kind


def test_openais_values_are_those_of_its_own_types() -> None:
    allowed = {value for literal in get_args(ReasoningEffort) for value in get_args(literal)}
    for rule in effort_rules():
        if Kind.OPENAI in rule.kinds and rule.hosts == ("*",):
            for fields in (rule.off, rule.low, rule.medium, rule.high):
                assert {*fields} <= {"reasoning_effort"}
                assert {*fields.values()} <= allowed


def test_anthropics_fields_are_those_of_its_own_types() -> None:
    for rule in effort_rules():
        if rule.kinds != (Kind.ANTHROPIC,):
            continue
        for effort in (None, *Effort):
            fields = {**rule.always, **(getattr(rule, effort) if effort else {})}
            body = {"model": "m", "max_tokens": 99_999, "messages": [], **fields}
            assert TypeAdapter(MessageCreateParams).validate_python(body)


def test_geminis_fields_are_those_of_its_own_types() -> None:
    for rule in effort_rules():
        if rule.kinds != (Kind.GEMINI,):
            continue
        for effort in Effort:
            fields = {**rule.always, **getattr(rule, effort)}
            assert GenerateContentConfig.model_validate(fields).model_dump(exclude_unset=True).keys() == {
                "thinking_config" for _ in fields
            }

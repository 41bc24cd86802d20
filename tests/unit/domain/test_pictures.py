"""What pictures cost, and who takes them: only where the APIs' makers say so."""

from __future__ import annotations

import pytest

from hybridchat.domain.attachments import PDF, AttachedFile
from hybridchat.domain.chat import Kind
from hybridchat.domain.pictures import UNKNOWN_HIGH, tokens_of, why_not_taken


@pytest.mark.parametrize(
    ("pixels", "tokens"),
    [((200, 200), 54), ((1000, 1000), 1334), ((1092, 1092), 1590), ((8000, 8000), 1600), ((8000, 100), 41)],
)
def test_anthropics_rule(pixels: tuple[int, int], tokens: int) -> None:
    counted = tokens_of(Kind.ANTHROPIC, [pixels])
    assert (counted.tokens, counted.is_known) == (tokens, True)
    assert counted.low <= counted.tokens <= counted.high <= 4784


def test_whoever_has_no_rule_may_cost_the_most_that_is_known() -> None:
    counted = tokens_of(Kind.OPENAI, [(10, 10), (0, 0)])
    assert (counted.is_known, counted.high) == (False, 2 * UNKNOWN_HIGH)
    assert tokens_of(Kind.ANTHROPIC, [(0, 0)]).is_known is False
    assert tokens_of(Kind.OPENAI, []).high == 0


def picture(media_type: str = "image/png", size_bytes: int = 10, width: int = 10) -> AttachedFile:
    return AttachedFile("d", "it", media_type, size_bytes, width=width, height=10)


@pytest.mark.parametrize(
    ("kind", "sees", "file", "why"),
    [
        (Kind.OLLAMA, False, picture(), "m cannot see pictures such as it"),
        (Kind.OLLAMA, None, picture(), ""),
        (Kind.OLLAMA, False, AttachedFile("d", "it", "text/plain", 1, 1, 0.25), ""),
        (Kind.LLAMACPP, True, AttachedFile("d", "it", PDF, 1, pages=2), "it is a document without text"),
        (Kind.ANTHROPIC, None, AttachedFile("d", "it", PDF, 1, pages=2), ""),
        (Kind.GEMINI, None, picture("image/gif"), "it has a format that gemini does not take"),
        (Kind.ANTHROPIC, True, picture(size_bytes=6_000_000), "it has 6.0 MB, and anthropic takes 5.0 MB"),
        (Kind.ANTHROPIC, True, picture(width=9000), "it has 9,000 pixels on an edge, and anthropic takes 8,000"),
    ],
)
def test_who_takes_what(kind: Kind, sees: bool | None, file: AttachedFile, why: str) -> None:
    assert why_not_taken(kind, "m", sees, file).startswith(why)
    assert bool(why_not_taken(kind, "m", sees, file)) is bool(why)

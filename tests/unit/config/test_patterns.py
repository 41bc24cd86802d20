"""The user's own patterns: refused in one line, or bounded whatever they are."""

from __future__ import annotations

import pytest

from hybridchat.config import parse_config
from hybridchat.config import patterns as own
from hybridchat.config.patterns import OwnPatterns, problem_of
from hybridchat.config.secrets import make_scanner
from hybridchat.domain.secrets.rules import Finding


def test_what_they_match_is_found_by_their_name() -> None:
    scanner = make_scanner({"customer": r"\bC-\d{4}\b", "über": "größe ?[0-9]+"})
    assert scanner.scan("ä C-1234\nGröße, größe 12") == (Finding("customer", 2, 8), Finding("über", 16, 24))


@pytest.mark.parametrize("pattern", ["[", "(?P<x", "(?=x)", "a{1,5000}", "x*", ""])
def test_a_pattern_that_cannot_be_used_is_one_line_at_the_start(pattern: str) -> None:
    config, problems = parse_config(f"[privacy.patterns]\nbad = '{pattern}'\ngood = 'x+'\n")
    assert [(problem.line, problem.key) for problem in problems] == [(2, "privacy.patterns.bad")]
    assert "\n" not in str(problems[0])
    assert config.privacy.patterns == {}


def test_a_name_needs_a_letter() -> None:
    assert len(parse_config("[privacy.patterns]\n'-' = 'x+'\n")[1]) == 1


@pytest.mark.parametrize("pattern", ["(a+)+$", "(.*)*x", "(a|a)*b", "a(.*b)?", "(x?){300}(a?){300}a{300}b"])
def test_what_time_does_not_suffice_for_counts_as_found(pattern: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock is stopped: each look at it costs a millisecond."""
    now = iter(range(10**6))
    monkeypatch.setattr(own.time, "thread_time", lambda: next(now) / 1000)
    assert problem_of(pattern) is None
    findings = list(OwnPatterns({"slow": pattern}).find("b" * 100_000))
    assert findings[-1] == Finding("slow", findings[-1].start, 100_000)
    assert next(now) < 30


def test_a_match_across_the_stretches_of_a_long_line_is_found() -> None:
    line = "-" * 1995 + "C-1234567890" + "-" * 5000
    assert OwnPatterns({"customer": r"C-\d{10}"}).find(line).__next__() == Finding("customer", 1995, 2007)

"""The scanner as the config wants it: the shipped rules of `data/secrets.toml`, and the user's own patterns."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path

import msgspec

from hybridchat.domain.secrets.rules import Rules
from hybridchat.domain.secrets.scan import Scanner


@cache
def shipped_rules() -> Rules:
    path = Path(__file__).parent.parent / "data" / "secrets.toml"
    return msgspec.toml.decode(path.read_bytes(), type=Rules)


def make_scanner(patterns: Mapping[str, str]) -> Scanner:
    """`patterns` are the config's own."""
    if not patterns:
        return Scanner(shipped_rules())
    from hybridchat.config.patterns import OwnPatterns

    return Scanner(shipped_rules(), OwnPatterns(patterns).find)

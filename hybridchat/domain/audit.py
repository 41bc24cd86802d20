"""What leaves this device, as the audit keeps it: where to, how much and why, never a word of it."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from hybridchat.domain.chat import Zone


class Errand(Struct, frozen=True, kw_only=True):
    """Why a request is made. An attempt's purpose is chat, ask or summary; others are look (health, lists of models),
    key test, round trip, models (managing an Ollama's) and pull."""

    purpose: str
    conversation_id: int | None = None
    message_id: int | None = None
    attempt_id: int | None = None
    masked: Mapping[str, int] = {}  # kind of finding → how many were replaced before sending
    overridden: Mapping[str, int] = {}  # kind of finding → how many go as they are, because the user said so


class Departure(Struct, frozen=True, kw_only=True):
    """A request that is about to leave."""

    host: str
    port: int
    zone: Zone
    backend: str | None
    body_bytes: int | None  # None: only known once it was sent
    errand: Errand

"""A damaged installation: the pool drops the guard that it is given. For a program that a test starts."""

from __future__ import annotations

from typing import Any

import httpcore2

_make = httpcore2.AsyncConnectionPool.__init__


def _without_guard(pool: httpcore2.AsyncConnectionPool, *given: Any, **named: Any) -> None:
    _make(pool, *given, **{**named, "network_backend": None})


httpcore2.AsyncConnectionPool.__init__ = _without_guard  # type: ignore[method-assign]

"""The scripted session of the session's own tests serves here, too."""

from __future__ import annotations

from tests.unit.session.conftest import build

__all__ = ["build"]

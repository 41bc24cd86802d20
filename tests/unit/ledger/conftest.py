"""A ledger of the test's own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from hybridchat.ledger.store import Ledger
from tests.unit.ledger.helpers import opened


@pytest.fixture
def path(home: Path) -> Path:
    return home / "hybridchat.db"


@pytest.fixture
def ledger(path: Path) -> Iterator[Ledger]:
    with opened(path) as ledger:
        yield ledger

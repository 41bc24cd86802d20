"""The ledger of `tests/unit/ledger` and the sessions of `tests/unit/session`, for programs that share one."""

from tests.unit.ledger.conftest import ledger as ledger
from tests.unit.ledger.conftest import path as path
from tests.unit.session.conftest import build as build

"""The ledger of `tests/unit/ledger`, for programs that share one."""

from tests.unit.ledger.conftest import ledger as ledger
from tests.unit.ledger.conftest import path as path

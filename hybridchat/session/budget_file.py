"""The budgets in the config file: kept there, and read again when another window, or an editor, has changed it."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

from hybridchat.config import BackendBudget, BudgetConfig, Config, load_config
from hybridchat.config.problems import grave
from hybridchat.domain.budget import Limit, Scope


class BudgetSettings(NamedTuple):
    """`[budget]`, and each backend's own `[backend.budget]` by its id."""

    general: BudgetConfig
    of_backends: Mapping[str, BackendBudget]

    @classmethod
    def of(cls, config: Config) -> BudgetSettings:
        return cls(config.budget, {backend.id: backend.budget for backend in config.backend})

    def limits(self) -> tuple[Limit, ...]:
        """Those that are set, the general ones first."""
        general = [Limit(scope, usd) for scope in Scope if (usd := getattr(self.general, scope)) is not None]
        own = [
            Limit(scope, usd, backend)
            for backend, budget in self.of_backends.items()
            for scope in (Scope.DAY, Scope.MONTH)
            if (usd := getattr(budget, scope)) is not None
        ]
        return (*general, *own)


class BudgetFile:
    """Both methods touch the disk: call them in a worker thread."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen = self._stamp()

    def keep(self, scope: Scope, usd: Decimal | None, backend: str | None) -> None:
        """Raises as `config_edit.set_budget`."""
        from hybridchat.config_edit import set_budget

        set_budget(self._path, scope, usd, backend)

    def changed(self) -> BudgetSettings | None:
        """What the file says by now; None where it has not changed, or cannot be read: then what was said holds."""
        stamp = self._stamp()
        if stamp is None or stamp == self._seen:
            return None
        config, problems = load_config(self._path)
        if grave(problems) or self._stamp() != stamp:  # changed or gone while it was read: the next look sees
            return None
        self._seen = stamp
        return BudgetSettings.of(config)

    def _stamp(self) -> tuple[int, int, int] | None:
        try:
            found = self._path.stat()
        except OSError:
            return None
        if not found.st_size:  # an editor empties a file before it writes it
            return None
        return found.st_ino, found.st_mtime_ns, found.st_size

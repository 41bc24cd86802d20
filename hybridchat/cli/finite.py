"""Numbers on the command line."""

from __future__ import annotations

import math
from typing import Any

import click


class FiniteRange(click.FloatRange):
    """`nan` is in every range, because no comparison with it holds; and nothing here can be infinite."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        number: float = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value!r} is not a finite number", param, ctx)
        return number


class Counted(click.types.IntParamType):
    """Ids, limits and the like: from 1 on, as far as SQLite counts."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        number: int = super().convert(value, param, ctx)
        if not 0 < number < 2**63:
            self.fail(f"{value!r} is not from 1 to {2**63 - 1}", param, ctx)
        return number

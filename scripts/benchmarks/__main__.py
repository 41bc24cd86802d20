"""`scripts/bench [--json] [GROUP…]`."""

from __future__ import annotations

import argparse
import importlib
import json
import os
import platform
import sys

from scripts.benchmarks.measure import Row

GROUPS = ("start", "stream", "history", "ledger", "import", "route", "secrets", "privacy", "ask", "decoding", "managed")
SIGNS = {True: "✓", False: "✗ OVER", None: ""}


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/bench", description="Measures the budgets of docs/budgets.md.")
    parser.add_argument("groups", nargs="*", metavar="GROUP", help=", ".join(GROUPS))
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    if unknown := set(arguments.groups) - set(GROUPS):
        parser.error(f"{', '.join(sorted(unknown))}: choose from {', '.join(GROUPS)}")
    measured: list[Row] = []
    for group in arguments.groups or GROUPS:
        for row in importlib.import_module(f"scripts.benchmarks.{group}").rows():
            measured.append(row)
            if not arguments.json:
                print(line(row), flush=True)
    if arguments.json:
        print(json.dumps({"machine": machine(), "rows": [{**row._asdict(), "holds": row.holds} for row in measured]}))
    else:
        print(machine())
    return int(any(row.holds is False for row in measured))


def line(row: Row) -> str:
    sign = "≥" if row.at_least else "≤"
    budget = f"{sign} {row.budget:g} {row.unit}" if row.budget is not None else ""
    return f"{row.what:<55} {row.value:>9.3g} {row.unit:<4} {budget:<12} {SIGNS[row.holds]:<7} n={row.n}"


def machine() -> str:
    load = os.getloadavg()[0]
    return f"{platform.platform()}, {os.cpu_count()} CPUs, Python {platform.python_version()}, load {load:.1f}"


if __name__ == "__main__":
    sys.exit(main())

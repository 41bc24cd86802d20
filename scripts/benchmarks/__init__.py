"""The budgets, measured on the real program: `scripts/bench`."""

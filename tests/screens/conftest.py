"""The app of `tests/tui`, for what goes through all of its screens or has the real session behind it."""

from tests.tui.conftest import play as play

"""The app of `tests/tui`, for what goes through all of its screens."""

from tests.tui.conftest import play as play

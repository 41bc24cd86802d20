"""For a program that a test starts: what a local-only run must not even begin is noted in a file."""

from __future__ import annotations

import os

from tests.privacy.watching import watch

watch(os.environ["HYBRIDCHAT_TEST_WATCH"])

"""Work that takes as long as it takes."""

from __future__ import annotations

BESIDE = "beside"  # name of a worker that goes on beside what is typed: no key waits for it

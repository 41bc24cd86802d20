"""Starting without a config: what was found, what can be pulled, and what is then written."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from msgspec import Struct

from hybridchat.backends.discovery import Discovery, Found


class OfferedModel(Struct, frozen=True, kw_only=True):
    """An open-weight model for the embedded engine. Unknown is None."""

    name: str  # the name that `pull` takes
    title: str
    licence: str
    size_bytes: int | None
    memory_bytes: int | None  # needed to run it
    pulled_bytes: int = 0  # already here: a pull goes on from there; size_bytes means complete
    problem: str = ""  # why the hub could not say the size, in one line with the remedy


class PullProgress(Struct, frozen=True, kw_only=True):
    done_bytes: int
    total_bytes: int | None
    bytes_per_s: float | None = None
    detail: str = ""  # "downloading", "checking the checksum"…


class Setup(Protocol):
    """All methods run on the event loop; they raise HybridchatError with a remedy."""

    async def discover(self) -> Discovery:
        """Looks at loopback and the environment, in parallel, under half a second."""
        ...

    async def accept(self, found: Sequence[Found], *, vouched: Sequence[str] = ()) -> None:
        """Writes them to the config, with comments; `vouched` are the ids that the user knows to compute here, which
        holds for the programs that answer there now."""
        ...

    async def catalog(self) -> tuple[OfferedModel, ...]:
        """The few models offered for the embedded engine; works without a network (sizes may then be unknown)."""
        ...

    async def pull(self, model: str, on_progress: Callable[[PullProgress], None]) -> None:
        """Downloads (going on where it stopped), checks, and adds the embedded backend to the config.

        Cancelling the task keeps what came for a later resume.
        """
        ...


__all__ = ["Discovery", "Found", "OfferedModel", "PullProgress", "Setup"]

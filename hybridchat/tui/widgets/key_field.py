"""A field for an API key: what is typed or pasted shows as dots, and leaves it in no other way than being used."""

from __future__ import annotations

from textual.widgets import Input


class KeyField(Input):
    """An Input would copy and cut what it hides, and so hand it to the terminal."""

    def __init__(self, placeholder: str) -> None:
        super().__init__(placeholder=placeholder, password=True, compact=True)

    def action_copy(self) -> None:
        """A key is never copied."""

    def action_cut(self) -> None:
        """Nor cut."""

"""The config of somebody with a server at home and a rented one, both played by `fakes/completions.py`."""

from __future__ import annotations

from pathlib import Path


def lab(url: str) -> str:
    return f'[[backend]]\nid = "lab"\nkind = "openai-compatible"\nbase_url = "{url}"\nmodel = "fake"\nvouched = true\n'


def rented(url: str) -> str:
    """At 1,000 USD per million tokens of a question, and 2,000 of an answer."""
    entry = f'id = "rented"\nkind = "openai-compatible"\nbase_url = "{url}"\nmodel = "fake"\nzone = "managed"\n'
    return f'[[backend]]\n{entry}[backend.price."fake"]\ninput = 1000\noutput = 2000\n'


def write_config(home: Path, *parts: str) -> None:
    home.mkdir(mode=0o700)
    (home / "config.toml").write_text("".join(parts), encoding="utf-8")

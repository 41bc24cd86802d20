"""The config's keys as the settings show them."""

from __future__ import annotations

import tomllib
from pathlib import Path

from hybridchat.config import BackendConfig, Config
from hybridchat.config.fields import docstrings, fields, table_meanings

FIELDS = {field.key: field for field in fields()}


def test_every_key_of_every_single_table_with_its_meaning() -> None:
    default = Config()
    tables = [name for name in Config.__struct_fields__ if name not in ("backend", "preset")]
    assert list(table_meanings()) == tables
    assert all(table_meanings().values())
    assert list(FIELDS) == [f"{t}.{name}" for t in tables for name in getattr(default, t).__struct_fields__]
    assert [field.key for field in FIELDS.values() if not field.meaning] == []


def test_what_kind_of_value_each_takes() -> None:
    sorts = {"ui.show_thinking": "switch", "ui.theme": "text", "ui.text_width": "number", "budget.day": "number"}
    sorts |= {"ui.panel": "choice", "vllm.arguments": "list", "vllm.command": "text", "route.rule": "tables"}
    sorts |= {"privacy.patterns": "tables", "advise.strict_privacy": "switch"}
    assert {key: FIELDS[key].sort for key in sorts} == sorts
    assert FIELDS["ui.panel"].choices == ("auto", "side", "line", "off")
    assert FIELDS["ui.panel"].default == FIELDS["ui.panel"].of(Config()) == "auto"


def test_the_new_files_examples_name_every_key() -> None:
    template = Path(__file__).parents[3] / "hybridchat/data/config.toml"
    text = template.read_text(encoding="utf-8")
    assert tomllib.loads(text) == {}
    assert [key for key, field in FIELDS.items() if f"{field.name} = " not in text and field.sort != "tables"] == []


def test_without_sources_there_are_no_meanings(monkeypatch) -> None:  # type: ignore[no-untyped-def] # noqa: ANN001
    def no_source(struct: type) -> str:
        raise OSError("could not get source code")

    assert docstrings(BackendConfig)["id"]
    monkeypatch.setattr("inspect.getsource", no_source)
    assert docstrings(BackendConfig) == {}

"""Configured backends and where their keys come from, without dialling anything."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.cli.conftest import Cli

CONFIG = """# mine
[[backend]]
id = "lab"
kind = "vllm"
base_url = "http://127.0.0.1:8000/v1"

[[backend]]
id = "openai"  # theirs
kind = "openai"
base_url = "https://api.openai.com"
key = "env:MY_OPENAI"

[[backend]]
id = "safe"
kind = "openai-compatible"
base_url = "https://example.com"
key = "command:pass show example"

[[backend]]
id = "ring"
kind = "openai-compatible"
base_url = "https://example.org"
key = "keyring"

[[backend]]
id = "own"
kind = "embedded"
"""


@pytest.fixture
def config(home: Path) -> Path:
    home.mkdir()
    file = home / "config.toml"
    file.write_text(CONFIG)
    return file


def test_list_says_where_each_computes(cli: Cli, config: Path) -> None:
    rows = {row["id"]: row for row in cli("backends", "list", "--json").json}
    assert list(rows) == ["lab", "openai", "safe", "ring", "own"]
    assert (rows["lab"]["zone"], rows["lab"]["proof"]) == ("device", "assumed")
    assert (rows["openai"]["zone"], rows["openai"]["proof"]) == ("managed", None)
    assert (rows["own"]["zone"], rows["own"]["base_url"]) == ("device", None)
    assert "http://127.0.0.1:8000/v1" in cli("backends", "list").out


def test_add_keeps_what_is_there(cli: Cli, config: Path) -> None:
    said = cli("backends", "add", "two", "--kind", "llamacpp", "--url", "http://127.0.0.1:8080", "--vouched")
    assert (said.code, said.out) == (0, "")
    assert config.read_text().startswith('# mine\n[[backend]]\nid = "lab"')
    assert "# theirs" in config.read_text()
    added = cli("backends", "list", "--json").json[-1]
    assert (added["id"], added["proof"]) == ("two", "vouched")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["lab", "--kind", "vllm", "--url", "http://127.0.0.1:1"], "lab"),
        (["new", "--kind", "vllm", "--url", "http://user@127.0.0.1:1"], "base_url"),
        (["new", "--kind", "vllm"], "base_url"),
        (["new", "--kind", "anything", "--url", "http://127.0.0.1:1"], "'vllm'"),
    ],
)
def test_add_refuses_what_would_be_a_mistake(arguments: list[str], said: str, cli: Cli, config: Path) -> None:
    done = cli("backends", "add", *arguments)
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert said in done.err
    assert config.read_text() == CONFIG


def test_the_first_backend_makes_a_config_that_explains_itself(cli: Cli, home: Path) -> None:
    assert cli("backends", "add", "lab", "--kind", "vllm", "--url", "http://127.0.0.1:8000").code == 0
    assert "#" in (home / "config.toml").read_text()
    assert [row["id"] for row in cli("backends", "list", "--json").json] == ["lab"]


def test_keys_list_tells_places_and_never_keys(cli: Cli, config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_OPENAI", "canary-4711")
    said = cli("keys", "list")
    origins = {row["backend"]: row["origin"] for row in cli("keys", "list", "--json").json}
    assert "canary-4711" not in said.out + said.err + str(origins)
    assert origins["openai"] == "the environment's MY_OPENAI"
    assert origins["safe"] == "what the program pass prints"
    assert origins["ring"] == "the keyring"
    assert origins["own"] == "none is needed"
    monkeypatch.delenv("MY_OPENAI")
    assert "MY_OPENAI has no key" in cli("keys", "list").out


@pytest.mark.parametrize("action", ["set", "rm"])
def test_keys_of_an_unknown_backend(action: str, cli: Cli, config: Path) -> None:
    said = cli("keys", action, "nope")
    assert (said.code, said.err) == (
        2,
        "hybridchat: unknown backend 'nope' — give one of: lab, openai, safe, ring, own\n",
    )

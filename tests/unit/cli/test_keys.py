"""`keys`, and what else `backends` does: shown, tried, removed; no key is ever printed."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from hybridchat.config import load_config
from hybridchat.errors import EXIT_REFUSED
from tests.fakes.keyrings import InstallKeyring, Locked, MemoryKeyring
from tests.fakes.provider import KEY, FakeProvider
from tests.faults.cli import configure
from tests.unit.cli.conftest import Call


@pytest.fixture
def ring(install_keyring: InstallKeyring) -> MemoryKeyring:
    ring = MemoryKeyring()
    install_keyring(ring)
    return ring


@pytest.fixture
async def server() -> AsyncIterator[FakeProvider]:
    async with FakeProvider("m") as fake:
        yield fake


@pytest.fixture
def file(home: Path, server: FakeProvider) -> Path:
    home.mkdir()
    file = home / "config.toml"
    file.write_text(
        f'# mine\n[[backend]]\nid = "b"\nkind = "openai-compatible"\nzone = "managed"\nmodel = "m"\n'
        f'base_url = "{server.url}"\nkey = "keyring"\n'
        f'proxy = "http://me:canary@127.0.0.1:9"\n[[backend]]\nid = "named"\nkind = "openai-compatible"\n'
        f'base_url = "{server.url}"\nkey = "env:LAB_KEY"\n'
    )
    return file


def pipe(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text.encode())))


async def test_set_list_and_rm(
    call: Call, file: Path, server: FakeProvider, ring: MemoryKeyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipe(monkeypatch, f" {KEY}\n")
    said = await call("keys", "set", "b", "--json")
    assert (said.code, said.json) == (0, {"backend": "b", "origin": "the keyring", "host": server.url})
    assert ring.kept == {("hybridchat", server.url): KEY}
    rows = {row["backend"]: row for row in (await call("keys", "--json")).json}
    assert rows["b"] == {"backend": "b", "origin": "the keyring", "host": server.url}
    assert "LAB_KEY has no key" in rows["named"]["origin"]
    removed = await call("keys", "rm", "b", "--json")
    assert (removed.json["removed"], ring.kept) == (True, {})
    assert (await call("keys", "rm", "b", "--json")).json["removed"] is False


async def test_set_where_another_place_comes_first_keeps_nothing(
    call: Call, file: Path, ring: MemoryKeyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAB_KEY", "sk-old")
    pipe(monkeypatch, KEY)
    said = await call("keys", "set", "named")
    assert (said.code, said.out, ring.kept) == (1, "", {})
    assert "the environment's LAB_KEY comes before the keyring — change the key there" in said.err
    assert KEY not in said.err


async def test_set_without_a_key_or_a_terminal_keeps_nothing(
    call: Call, file: Path, ring: MemoryKeyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipe(monkeypatch, "\n")
    said = await call("keys", "set", "b")
    assert (said.code, said.out, ring.kept) == (2, "", {})
    assert said.err == "hybridchat: no key for b was given — pipe it in, or type it in a terminal\n"


async def test_set_without_a_keyring_that_can_be_used(
    call: Call, file: Path, install_keyring: InstallKeyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    install_keyring(Locked())
    pipe(monkeypatch, KEY)
    said = await call("keys", "set", "b")
    assert (said.code, said.err.count("\n"), KEY in said.err) == (1, 1, False)


async def test_a_flag_comes_before_environment_and_keyring(
    call: Call, server: FakeProvider, home: Path, ring: MemoryKeyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = '[[backend]]\nid = "b"\nkind = "openai-compatible"\nbase_url = "{}"\nmodel = "m"\nkey = "env:OLD"\n'
    configure(home, text.format(server.url))
    monkeypatch.setenv("OLD", "sk-old")
    monkeypatch.setenv("NEW", KEY)
    assert (await call("ask", "--backend", "b", "hi")).code == 1
    assert (await call("ask", "--backend", "b", "--key-from", "env:NEW", "hi")).out == "Hi\n"
    ring.kept["hybridchat", server.url] = KEY
    assert (await call("ask", "--backend", "b", "--key-from", "keyring", "hi")).code == 0
    pasted = await call("ask", "--backend", "b", "--key-from", KEY, "hi")
    assert (pasted.code, KEY in pasted.err) == (2, False)
    nobodys = await call("ask", "--key-from", "env:NEW", "hi")
    assert (nobodys.code, nobodys.err) == (2, "hybridchat: --key-from is for one backend — add --backend ID\n")


async def test_a_key_that_the_config_names_does_not_move_with_the_address(
    call: Call, home: Path, server: FakeProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    def config(url: str) -> str:
        return (
            '[[backend]]\nid = "az"\nkind = "openai-compatible"\nzone = "managed"\nmodel = "m"\n'
            f'base_url = "{url}"\nkey = "env:AZ_KEY"\n'
        )

    monkeypatch.setenv("AZ_KEY", KEY)
    configure(home, config(server.url))
    assert (await call("keys", "test", "az")).code == 0
    async with FakeProvider("m") as elsewhere:
        configure(home, config(elsewhere.url))
        asked = await call("ask", "--backend", "az", "hi")
        tried = await call("keys", "test", "az")
        examined = await call("backends", "test", "az")
        assert (asked.code, tried.code, examined.code) == (EXIT_REFUSED, 1, 1)
        for said in (asked.err, tried.out, examined.out):
            assert f"was for {server.url}" in said
            assert "`hybridchat keys confirm az`" in said
        assert elsewhere.requests == []
        confirmed = await call("keys", "confirm", "az", "--json")
        assert confirmed.json == {"backend": "az", "key": "env", "host": elsewhere.url}
        assert (await call("ask", "--backend", "az", "hi")).code == 0
        assert elsewhere.requests[-1].headers["authorization"] == f"Bearer {KEY}"
        await call("backends", "rm", "az")
        configure(home, config(server.url))
        assert (await call("keys", "test", "az")).code == 0, "it was written anew"


async def test_there_is_nothing_to_confirm_of_a_key_that_lies_under_its_host(call: Call, file: Path) -> None:
    said = await call("keys", "confirm", "b")
    assert (said.code, said.err.count("\n")) == (2, 1)


async def test_test_says_what_the_server_says(
    call: Call, server: FakeProvider, home: Path, ring: MemoryKeyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = '[[backend]]\nid = "{}"\nkind = "openai-compatible"\nbase_url = "{}"\nzone = "managed"\nkey = "env:{}"\n'
    configure(
        home,
        text.format("right", server.url, "RIGHT")
        + text.format("wrong", server.url, "WRONG")
        + text.format("none", server.url, "NONE")
        + text.format("away", "http://127.0.0.1:9", "RIGHT"),
    )
    monkeypatch.setenv("RIGHT", KEY)
    monkeypatch.setenv("WRONG", "sk-wrong-0815")
    said = await call("keys", "test", "--json")
    assert said.code == 1
    assert {row["backend"]: row["state"] for row in said.json} == {
        "right": "works",
        "wrong": "refused",
        "none": "missing",
        "away": "unreachable",
    }
    assert (await call("keys", "test", "right")).code == 0
    assert KEY not in said.out + said.err
    assert "sk-wrong" not in said.out + said.err


async def test_show_says_all_but_secrets(call: Call, file: Path, server: FakeProvider) -> None:
    shown = (await call("backends", "show", "b", "--json")).json
    assert (shown["base_url"], shown["zone"], shown["key"]) == (server.url, "managed", "keyring")
    assert shown["proxy"] == "set"
    said = await call("backends", "show", "b")
    assert "canary" not in said.out + str(shown)
    assert (await call("backends", "show", "nope")).code == 2


async def test_backends_are_tried_one_by_one(
    call: Call, server: FakeProvider, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = '[[backend]]\nid = "{}"\nkind = "openai-compatible"\nbase_url = "{}"\nmodel = "m"\nkey = "env:RIGHT"\n'
    configure(home, text.format("good", server.url) + text.format("away", "http://127.0.0.1:9"))
    monkeypatch.setenv("RIGHT", KEY)
    good = await call("backends", "test", "good", "--round-trip", "--json")
    assert (good.code, [finding["state"] for finding in good.json]) == (0, ["ok"])
    assert len(server.sent("/v1/chat/completions")) == 1
    assert good.err == "", "nobody charges for a server of one's own"
    every = await call("backends", "test")
    assert (every.code, every.out.startswith("ok     good: "), "broken away: " in every.out) == (1, True, True)
    assert (await call("backends", "test", "nope")).code == 2


@pytest.mark.parametrize("command", ["backends test", "doctor"])
async def test_what_a_question_costs_is_said_before_it_is_asked(
    command: str, call: Call, server: FakeProvider, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = '[[backend]]\nid = "{}"\nkind = "openai-compatible"\nbase_url = "{}"\nmodel = "{}"\n'
    entry += 'zone = "managed"\nkey = "env:RIGHT"\n'
    price = "[backend.price.m]\ninput = 100\noutput = 400\n"
    configure(home, entry.format("dear", server.url, "m") + price + entry.format("odd", server.url, "other"))
    monkeypatch.setenv("RIGHT", KEY)
    said = await call(*command.split(), "--round-trip", "--json")
    words = "a question for one token is charged, and in no budget or statistics: "
    assert said.err == f"{words}dear (m, ≈ $0.0020), odd (other, price unknown)\n"
    assert (await call(*command.split(), "--json")).err == ""
    assert "charged" not in (await call("--local-only", *command.split(), "--round-trip")).err


async def test_rm_takes_the_key_along_unless_another_uses_it(
    call: Call, file: Path, server: FakeProvider, ring: MemoryKeyring
) -> None:
    ring.kept["hybridchat", server.url] = KEY
    said = await call("backends", "rm", "b")
    assert (said.code, ring.kept) == (0, {})
    assert [entry.id for entry in load_config(file)[0].backend] == ["named"]


async def test_rm_leaves_a_key_that_another_backend_uses(call: Call, home: Path, ring: MemoryKeyring) -> None:
    text = '[[backend]]\nid = "{}"\nkind = "openai-compatible"\nbase_url = "https://host.example"\nkey = "keyring"\n'
    configure(home, text.format("one") + text.format("two"))
    ring.kept["hybridchat", "https://host.example:443"] = KEY
    assert (await call("backends", "rm", "one")).code == 0
    assert len(ring.kept) == 1
    assert (await call("backends", "rm", "two")).code == 0
    assert ring.kept == {}

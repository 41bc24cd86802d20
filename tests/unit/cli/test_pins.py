"""Pins on the command line: by folder, for a whole run, and the fork that loosens one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import NamedTuple

import pytest

from hybridchat.cli import app
from tests.fakes.completions import FakeCompletions
from tests.faults.cli import backend, configure
from tests.unit.cli.conftest import Call, Cli


class Sides(NamedTuple):
    lab: FakeCompletions
    cloud: FakeCompletions


@pytest.fixture
async def sides(home: Path) -> AsyncIterator[Sides]:
    """A local backend that is vouched for, and one that counts as managed."""
    async with FakeCompletions(text="from lab", tokens=2) as lab, FakeCompletions(text="from cloud", tokens=2) as cloud:
        entries = backend(lab.url, more="vouched = true") + backend(cloud.url, id="cloud", more='zone = "managed"')
        configure(home, entries)
        yield Sides(lab, cloud)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A pinned one, in which the program stands."""
    folder = tmp_path / "acme"
    folder.mkdir()
    (folder / ".hybridchat.toml").write_text("local_only = true\n")
    monkeypatch.chdir(folder)
    return folder


def asked(server: FakeCompletions) -> list[list[str]]:
    return [[m["content"] for m in request.json()["messages"]] for request in server.sent("/v1/chat/completions")]


# --- by folder


async def test_a_question_in_a_pinned_folder_stays_here_and_says_why(call: Call, sides: Sides, folder: Path) -> None:
    answer = (await call("ask", "--json", "words")).json
    assert answer["backend"] == "lab"
    assert answer["route"][-1] == "pinned by its folder"
    refused = [await call("ask", "--backend", "cloud", "words"), await call("escalate")]
    assert [done.code for done in refused] == [3, 3]
    assert str(folder) in refused[0].err
    assert asked(sides.cloud) == []
    assert (await call("delete", "1", "--yes")).code == 0
    assert (await call("audit", "--residue", folder.name)).code == 0, "usage rows stay, without any text of the user's"


async def test_what_began_elsewhere_is_pinned_with_its_next_message_here(
    call: Call, sides: Sides, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".hybridchat.toml").write_text("local_only = false\n")
    monkeypatch.chdir(tmp_path)
    assert "loosens nothing" in (await call("ask", "--backend", "cloud", "elsewhere")).err
    (tmp_path / ".hybridchat.toml").write_text("local_only = true\n")
    done = await call("ask", "--continue", "--backend", "cloud", "here")
    assert (done.code, (await call("list", "--json")).json[0]["privacy"]) == (3, "open"), "what is refused pins nothing"
    assert (await call("ask", "--continue", "--backend", "lab", "here")).code == 0
    assert (await call("list", "--json")).json[0]["privacy"] == "local_only"
    assert asked(sides.cloud) == [["elsewhere"]]


async def test_a_listed_folder_and_one_that_is_missing(
    call: Call, sides: Sides, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = (home / "config.toml").read_text(encoding="utf-8")
    configure(home, f'[privacy]\nlocal_only_folders = ["{tmp_path}/clients", "{tmp_path}/lost"]\n{config}')
    (tmp_path / "clients" / "acme").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "clients" / "acme")
    done = await call("ask", "--backend", "cloud", "words")
    assert done.code == 3
    assert f"there is no folder {tmp_path}/lost" in done.err
    assert f"pinned by {tmp_path}/clients in privacy.local_only_folders" in done.err
    assert asked(sides.cloud) == []


async def test_a_file_from_a_pinned_folder_pins_the_question(
    call: Call, sides: Sides, folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    (folder / "notes.txt").write_text("of a client")
    (tmp_path / "link.txt").symlink_to(folder / "notes.txt")
    for file in (folder / "notes.txt", tmp_path / "link.txt"):
        assert (await call("ask", "--backend", "cloud", "--file", str(file), "sum up")).code == 3
    assert asked(sides.cloud) == []
    assert (await call("ask", "--backend", "cloud", "words alone")).code == 0


async def test_the_doctor_says_what_pins_here_and_which_folder_is_missing(
    call: Call, sides: Sides, home: Path, folder: Path
) -> None:
    config = (home / "config.toml").read_text(encoding="utf-8")
    configure(home, f'[privacy]\nlocal_only_folders = ["{folder}-lost"]\n{config}')
    said = (await call("doctor")).out
    assert f"ok     this folder: pinned by {folder / '.hybridchat.toml'}: what is written here stays" in said
    assert f"note   folders: privacy.local_only_folders: there is no folder {folder}-lost — correct it" in said


# --- a whole run


@pytest.mark.parametrize(
    "arguments",
    [
        *(["keys"], ["keys", "list"], ["keys", "test"], ["keys", "set", "cloud"], ["keys", "rm", "cloud"]),
        *(["models", "pull", "qwen3-0.6b"], ["local", "up", "vllm", "--model", "maker/model"]),
        *(
            ["backends", "add", "openai"],
            ["backends", "add", "https://gpu.example:8443", "--private", "--kind", "vllm"],
        ),
        *(["ask", "--backend", "cloud", "words"], ["escalate"]),
    ],
    ids=" ".join,
)
async def test_a_local_only_run_refuses_what_would_leave(call: Call, sides: Sides, arguments: list[str]) -> None:
    assert (await call("ask", "a question")).code == 0
    done = await call("--local-only", *arguments)
    assert (done.code, done.out, done.err.count("\n")) == (3, "", 1)
    assert "local" in done.err
    assert sides.cloud.requests == []


async def test_a_local_only_run_looks_at_nothing_managed(call: Call, sides: Sides) -> None:
    done = [await call("--local-only", *command) for command in (["models"], ["backends", "test"], ["doctor"])]
    assert "this run is local only" in done[0].err + done[1].out + done[2].out
    assert "keyring: not looked at" in done[2].out
    assert sides.cloud.requests == []


def test_only_the_chats_own_flags_stand_before_no_command(cli: Cli) -> None:
    assert cli("--local-only", "list").code == 0
    assert cli("--theme", "x", "list").code == 2


def test_every_command_takes_the_flag_from_one_place() -> None:
    """A command that reads the config by itself would miss `hybridchat --local-only COMMAND`."""
    folder = Path(app.__file__).parent
    direct = {file.name for file in folder.glob("*.py") if "wiring.load(" in file.read_text(encoding="utf-8")}
    assert direct == {"store.py", "chat.py", "proving.py"}


# --- the fork


async def test_privacy_16_a_fork_takes_nothing_along_unless_it_is_told_to(call: Call, sides: Sides) -> None:
    await call("ask", "--local-only", "--system", "be brief", "first secret")
    await call("ask", "--continue", "second secret")
    done = await call("fork", "1", "--privacy", "open")
    assert (done.code, done.out) == (0, "")
    assert done.err == "nothing goes along\nconversation 2 goes on from 1; it is open\n"
    assert (await call("ask", "--conversation", "2", "--backend", "cloud", "anew")).code == 0
    assert asked(sides.cloud) == [["anew"]]
    rows = {row["id"]: (row["privacy"], row["title"]) for row in (await call("list", "--json")).json}
    assert rows == {1: ("local_only", "first secret"), 2: ("open", "first secret (forked)")}


async def test_privacy_16_what_would_go_is_printed_and_waits_for_a_yes(call: Call, sides: Sides) -> None:
    await call("ask", "--local-only", "--system", "be brief", "first secret")
    await call("ask", "--continue", "second secret")
    shown = await call("fork", "1", "--privacy", "open", "--with-turns", "1", "--with-system")
    assert shown.code == 3
    assert shown.out == (
        "--- system prompt, 8 bytes\nbe brief\n--- turn 2, user, 13 bytes\nsecond secret\n"
        "--- turn 2, assistant, 8 bytes\nfrom lab\n"
    )
    assert "3 messages would go along, 29 bytes" in shown.err
    assert "no fork was made" in shown.err
    asked_for = await call("fork", "1", "--privacy", "open", "--with-turns", "all", "--json")
    assert (asked_for.code, asked_for.json["conversation_id"], asked_for.json["text_bytes"]) == (3, None, 41)
    assert len((await call("list", "--json")).json) == 1
    made = await call("fork", "1", "--privacy", "open", "--with-turns", "1", "--yes", "--json")
    assert made.json == {
        "conversation_id": 2,
        "forked_from": 1,
        "privacy": "open",
        "text_bytes": 21,
        "goes_along": [
            {"turn": 2, "role": "user", "text": "second secret"},
            {"turn": 2, "role": "assistant", "text": "from lab"},
        ],
    }
    await call("ask", "--conversation", "2", "--backend", "cloud", "anew")
    assert asked(sides.cloud) == [["second secret", "from lab", "anew"]]


async def test_a_fork_stays_as_private_as_it_was_unless_it_is_told_to(call: Call, sides: Sides) -> None:
    await call("ask", "--local-only", "secret")
    done = await call("fork", "1", "--with-turns", "all", "--yes", "--json")
    assert done.json["privacy"] == "local_only"
    assert (await call("ask", "--conversation", "2", "--backend", "cloud", "anew")).code == 3


async def test_a_fork_from_a_message_is_as_private_and_says_so(call: Call, sides: Sides) -> None:
    await call("ask", "--local-only", "secret")
    done = await call("fork", "1", "--at", "1", "--json")
    assert (done.json["conversation_id"], done.json["privacy"]) == (2, "local_only")
    assert [one["text"] for one in done.json["goes_along"]] == ["secret"]
    assert "secret (forked)" in (await call("list")).out
    assert (await call("ask", "--conversation", "2", "--backend", "cloud", "anew")).code == 3


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["1", "--at", "99"], 2, "no message 99 in this conversation"),
        (["1", "--at", "1", "--privacy", "open"], 2, "stays as private"),
        (["1", "--with-turns", "some"], 2, "give a number, or all"),
        (["9"], 2, "no conversation 9"),
        (["1", "--privacy", "public"], 2, "Invalid value for '--privacy'"),
    ],
)
async def test_a_fork_that_cannot_be(call: Call, sides: Sides, arguments: list[str], code: int, said: str) -> None:
    await call("ask", "words")
    done = await call("fork", *arguments)
    assert (done.code, done.out, done.err.count("\n")) == (code, "", 1)
    assert said in done.err


async def test_a_pinned_folder_lets_no_fork_be_looser(call: Call, sides: Sides, folder: Path) -> None:
    await call("ask", "secret")
    done = await call("fork", "1", "--privacy", "open")
    assert (done.code, str(folder) in done.err) == (3, True)
    assert (await call("--local-only", "fork", "1", "--privacy", "private")).code == 3

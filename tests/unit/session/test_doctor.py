"""Each finding says what is, and what to do where something is not."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from hybridchat.config import Config
from hybridchat.config.problems import Problem
from hybridchat.domain.address import parse_base_url
from hybridchat.domain.chat import HealthState, Kind, ModelInfo, Zone
from hybridchat.domain.events import Event, Failed, Finished, Started
from hybridchat.errors import ErrorKind
from hybridchat.paths import Paths, shipped_themes_dir
from hybridchat.session import doctor, volume
from hybridchat.session.doctor import Finding, State
from hybridchat.session.volume import Encryption
from tests.unit.session.conftest import Build, spec

LAB = spec("lab", Zone.DEVICE)
AZURE = parse_base_url("https://mine.openai.azure.com/openai/v1")


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    return Paths(tmp_path, tmp_path)


def test_config(paths: Paths) -> None:
    assert doctor.examine_config(paths, [])[0].state is State.NOTE
    paths.config_file.touch()
    assert doctor.examine_config(paths, []) == [Finding("config", State.OK, str(paths.config_file))]
    problem = Problem("config.toml", 3, "ui.them", "there is no such key", "did you mean theme?")
    (found,) = doctor.examine_config(paths, [problem])
    detail = "config.toml:3: ui.them: there is no such key"
    assert found == Finding("config", State.BROKEN, detail, "did you mean theme?")


def test_ledger(paths: Paths) -> None:
    assert doctor.examine_ledger(paths, "").state is State.OK
    assert doctor.examine_ledger(paths, "from a newer hybridchat").state is State.BROKEN


@pytest.mark.parametrize(
    ("is_encrypted", "state", "words"),
    [
        (True, State.OK, "encrypted: dm-crypt"),
        (False, State.NOTE, "not encrypted: dm-crypt"),
        (None, State.NOTE, "whether it is encrypted cannot be told: dm-crypt"),
    ],
)
def test_disk_and_swap(
    is_encrypted: bool | None, state: State, words: str, paths: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(volume, "of_folder", lambda folder: Encryption(is_encrypted, "dm-crypt"))
    monkeypatch.setattr(volume, "of_swap", lambda: None)
    (disk,) = doctor.examine_disk(paths)
    assert (disk.subject, disk.state, disk.detail) == ("disk", state, words)
    monkeypatch.setattr(volume, "of_swap", lambda: Encryption(is_encrypted, "dm-crypt"))
    assert [found.subject for found in doctor.examine_disk(paths)] == ["disk", "swap"]


def test_theme(paths: Paths) -> None:
    shipped = doctor.theme_names(paths)
    assert shipped == sorted(file.stem for file in shipped_themes_dir().glob("*.toml"))
    assert doctor.examine_theme(paths, shipped[0]).state is State.OK
    assert doctor.examine_theme(paths, "mine").state is State.BROKEN
    paths.themes_dir.mkdir()
    (paths.themes_dir / "mine.toml").touch()
    assert doctor.examine_theme(paths, "mine").state is State.OK


def test_embedded(paths: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "find_spec", lambda name: None)
    assert doctor.examine_embedded(paths).remedy == "pip install 'hybridchat[embedded]'"
    monkeypatch.setattr(doctor, "find_spec", lambda name: name)
    assert doctor.examine_embedded(paths).detail == "installed, no model yet"
    paths.models_dir.mkdir()
    (paths.models_dir / "tiny.gguf").touch()
    assert doctor.examine_embedded(paths).state is State.OK


def test_vllm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert doctor.examine_vllm(None).state is State.NOTE
    assert doctor.examine_vllm(str(tmp_path / "absent")).state is State.BROKEN
    program = tmp_path / "vllm"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    assert doctor.examine_vllm(None) == Finding("vLLM", State.OK, str(program))
    assert doctor.examine_vllm(str(program)).state is State.OK


@pytest.mark.parametrize(
    ("environment", "encoding", "expected"),
    [
        ({"TERM": "xterm-256color", "COLORTERM": "truecolor"}, "utf-8", "xterm-256color, 120×40, 24-bit colours"),
        ({"TERM": "xterm-256color"}, "UTF-8", "xterm-256color, 120×40, 256 colours"),
        ({"TERM": "linux"}, "UTF-8", "linux, 120×40, 16 colours"),
        ({"TERM": "xterm", "NO_COLOR": "1"}, "UTF-8", "xterm, 120×40, no (NO_COLOR) colours"),
    ],
)
def test_terminal(environment: dict[str, str], encoding: str, expected: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "get_terminal_size", lambda: (120, 40))
    found = doctor.examine_terminal(environment, encoding, is_terminal=True)
    assert found[0] == Finding("terminal", State.OK, expected)
    assert [finding.subject for finding in found] == ["terminal", "clipboard"]


def test_a_poor_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "get_terminal_size", lambda: (30, 8))
    found = doctor.examine_terminal({"TERM": "vt100"}, "ascii", is_terminal=True)
    assert [finding.subject for finding in found] == ["terminal", "terminal", "characters", "clipboard"]
    assert doctor.examine_terminal({"TERM": "dumb"}, "utf-8", is_terminal=True)[0].state is State.BROKEN
    assert doctor.examine_terminal({}, "utf-8", is_terminal=False)[0].state is State.NOTE


async def test_a_backend_that_answers(build: Build) -> None:
    world = await build(LAB)
    found = await doctor.examine_backend(world.session.fleet, LAB, round_trip=False)
    assert found == Finding("backend lab", State.OK, "scripted, device (vouched: vouched = true in config.toml)")
    assert world.backends["lab"].requests == []


@pytest.mark.parametrize(
    ("changes", "wanted", "listed", "is_there"),
    [
        ({"zone": Zone.MANAGED, "proof": None}, "claude-x", "claude-x-20260101", True),
        ({"zone": Zone.MANAGED, "proof": None}, "a/b:nitro", "a/b", True),
        ({"zone": Zone.MANAGED, "proof": None}, "claude-y", "claude-x-20260101", False),
        ({"zone": Zone.DEVICE}, "tiny", "tiny-2", False),
        ({"zone": Zone.DEVICE, "kind": Kind.LLAMACPP}, "tiny", "/models/other.gguf", True),
        ({"zone": Zone.MANAGED, "proof": None, "address": AZURE}, "my-deployment", "gpt-4.1", True),
    ],
)
async def test_whether_a_model_is_meant_by_a_list(
    changes: dict[str, Any], wanted: str, listed: str, is_there: bool, build: Build
) -> None:
    place = replace(LAB, model=wanted, **changes)
    world = await build(place)
    world.backends["lab"].models = (ModelInfo(listed),)
    found = await doctor.examine_backend(world.session.fleet, place, round_trip=False)
    assert found.state is (State.OK if is_there else State.BROKEN)


async def test_a_backend_that_is_down_or_lacks_its_model(build: Build) -> None:
    world = await build(LAB)
    scripted = world.backends["lab"]
    scripted.models = (ModelInfo("other"),)
    found = await doctor.examine_backend(world.session.fleet, LAB, round_trip=False)
    assert (found.state, found.detail, found.remedy) == (State.BROKEN, "has no model 'tiny'", "choose one of: other")
    scripted.state = HealthState.UNHEALTHY
    assert (await doctor.examine_backend(world.session.fleet, LAB, round_trip=False)).state is State.BROKEN
    scripted.state = HealthState.LOADING
    assert (await doctor.examine_backend(world.session.fleet, LAB, round_trip=False)).state is State.NOTE


@pytest.mark.parametrize(
    ("script", "state", "said"),
    [
        ((Started("tiny"), Finished("length")), State.OK, "answered one token"),
        ((Failed(ErrorKind.AUTH, "401", "set the key"),), State.BROKEN, "401"),
        ((Started("tiny"),), State.BROKEN, "without an end mark"),
    ],
)
async def test_a_round_trip_costs_one_token_and_leaves_no_row(
    script: tuple[Event, ...], state: State, said: str, build: Build
) -> None:
    world = await build(LAB)
    world.backends["lab"].script = script
    found = await doctor.examine_backend(world.session.fleet, LAB, round_trip=True)
    assert found.state is state
    assert said in found.detail
    (request,) = world.backends["lab"].requests
    assert (request.model, request.parameters.max_tokens) == ("tiny", 1)
    assert list(world.ledger.usage_rows()) == []


async def test_everything_is_looked_at(build: Build, paths: Paths) -> None:
    world = await build(LAB)
    found = await doctor.examine(paths=paths, config=Config(), problems=(), ledger_notice="", fleet=world.session.fleet)
    subjects = [finding.subject for finding in found]
    assert subjects[:3] == ["config", "ledger", "keyring"]
    assert {"theme", "embedded engine", "vLLM", "backend lab"} <= set(subjects)
    without = await doctor.examine(paths=paths, config=Config(), problems=(), ledger_notice="locked", fleet=None)
    assert without[-1] == Finding("backends", State.NOTE, "not looked at", "mend the ledger first")


async def test_without_any_backend_it_says_how_to_get_one(build: Build, paths: Paths) -> None:
    world = await build()
    found = await doctor.examine(paths=paths, config=Config(), problems=(), ledger_notice="", fleet=world.session.fleet)
    assert found[-1] == Finding("backends", State.NOTE, "none is configured", "run `hybridchat` to set one up")


@pytest.mark.parametrize("zone", [Zone.MANAGED, Zone.PRIVATE])
async def test_a_local_only_run_does_not_call_broken_what_it_does_not_ask(
    zone: Zone, build: Build, paths: Paths
) -> None:
    other = spec("other", zone)
    world = await build(LAB, other, local_only=True)
    fleet = world.session.fleet
    found = await doctor.examine(
        paths=paths, config=Config(), problems=(), ledger_notice="", fleet=fleet, round_trip=True, local_only=True
    )
    told = {finding.subject: finding for finding in found}
    assert told["backend lab"].state is State.OK
    detail = f"{zone}, not asked, for this run is local only"
    assert told["backend other"] == Finding("backend other", State.NOTE, detail, "leave out --local-only to look at it")

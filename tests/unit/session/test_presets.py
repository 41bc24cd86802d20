"""Presets change a chat from its next message on, never loosen it, and can be saved from it."""

from __future__ import annotations

from pathlib import Path

import pytest

from hybridchat.config import PresetConfig, load_config
from hybridchat.domain.chat import Effort, Parameters, Privacy, Reasoning, Zone
from hybridchat.errors import UsageError
from hybridchat.session.chat import Session
from hybridchat.session.presets import Presets
from tests.unit.session.conftest import Build, spec

REVIEW = PresetConfig(
    name="Review",
    system="Be strict.",
    route="lab",
    model="coder",
    temperature=0.2,
    effort=Effort.HIGH,
    reasoning=Reasoning.HIGH,
    workload="code",
    privacy="private",
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "config.toml"


def write(file: Path, text: str) -> None:
    file.write_text(text)


async def presets_of(build: Build, file: Path | None = None, **options: object) -> tuple[Session, Presets]:
    world = await build(spec("lab", Zone.DEVICE), config_file=file, **options)
    return world.session, world.session.presets


async def test_a_preset_says_all_or_the_default(build: Build) -> None:
    session, presets = await presets_of(build)
    chat = session.new()
    await session.set_settings(chat, Parameters(seed=7, top_p=0.5), "before")
    assert await presets.choose(chat, REVIEW) == ""
    assert (chat.parameters, chat.effort, chat.system) == (Parameters(temperature=0.2), Effort.HIGH, "Be strict.")
    assert (chat.route, chat.model, chat.privacy) == ("lab", "coder", Privacy.PRIVATE)
    assert (chat.reasoning, chat.workload) == (Reasoning.HIGH, "code")
    await presets.choose(chat, PresetConfig(name="plain"))
    assert (chat.parameters, chat.effort, chat.system) == (Parameters(), None, "")
    assert (chat.route, chat.workload, chat.privacy) == ("lab", "code", Privacy.PRIVATE), "not said: as they were"


async def test_it_is_never_looser_than_the_run_or_what_was_said(build: Build) -> None:
    session, presets = await presets_of(build, local_only=True)
    loose = PresetConfig(name="loose", privacy="open")
    chat = session.new()
    assert await presets.choose(chat, loose) == "this chat stays local only, not open: this run is local only"
    assert chat.privacy is Privacy.LOCAL_ONLY
    session, presets = await presets_of(build)
    chat = session.new(privacy=Privacy.PRIVATE)
    await session.send(chat, "said in private")
    await session.wait(chat)
    assert await presets.choose(chat, loose) == "this chat stays private, not open: what was said stays so"
    assert chat.privacy is Privacy.PRIVATE
    await presets.choose(chat, PresetConfig(name="strict", privacy="local_only"))
    assert chat.privacy is Privacy.LOCAL_ONLY
    assert await presets.choose(session.new(privacy=Privacy.PRIVATE), loose) == "", "nothing was said yet"


async def test_a_chat_is_saved_as_a_preset_and_read_back(build: Build, file: Path) -> None:
    write(file, '# mine\n[[backend]]\nid = "lab"\nkind = "vllm"\nbase_url = "http://127.0.0.1:9"\n')
    session, presets = await presets_of(build, file)
    chat = session.new()
    await presets.choose(chat, REVIEW)
    saved = await presets.save(" Review ", chat)
    assert saved == REVIEW
    assert (await presets.list()).presets == (REVIEW,)
    assert load_config(file)[0].backend[0].id == "lab"
    await session.set_settings(chat, Parameters(temperature=1.0), "Be kind.")
    with pytest.raises(UsageError, match="there is a preset 'Review' already"):
        await presets.save("review", chat)
    await presets.save("review", chat, replace=True)
    (only,) = (await presets.list()).presets
    assert (only.name, only.temperature, only.system) == ("Review", 1.0, "Be kind.")
    with pytest.raises(UsageError, match="no name for a preset"):
        await presets.save("a/b", chat)
    assert load_config(file)[1] == []


async def test_it_is_read_anew_and_a_broken_one_says_why(build: Build, file: Path) -> None:
    session, presets = await presets_of(build, file)
    assert (await presets.list()).presets == ()
    write(file, '[[preset]]\nname = "a"\n\n[[preset]]\nname = "Hot"\ntemperature = 9\n')
    assert [preset.name for preset in (await presets.list()).presets] == ["a"]
    with pytest.raises(UsageError, match=r"config.toml:6: preset.temperature"):
        await presets.find("hot")
    with pytest.raises(UsageError, match="there is no preset 'b'"):
        await presets.find("b")
    assert (await presets.find("A")).name == "a"
    _, nowhere = await presets_of(build)
    assert (await nowhere.list()).presets == () and not nowhere.can_save
    with pytest.raises(UsageError, match="nothing can be kept here"):
        await nowhere.save("x", session.new())

"""Presets: each is read by itself, so that a mistake in one is named and the rest of the file holds."""

from __future__ import annotations

import pytest

from hybridchat.config import Config, PresetConfig, parse_config
from hybridchat.config.presets import entry_of, find
from hybridchat.config.problems import grave
from hybridchat.domain.chat import Effort, Reasoning
from hybridchat.errors import UsageError

REST = '[[backend]]\nid = "lab"\nkind = "vllm"\nbase_url = "http://127.0.0.1:8000"\n\n[ui]\npanel = "off"\n'
GOOD = """
[[preset]]
name = "Code review"
system = "Be strict."
route = "lab"
model = "coder"
temperature = 0.2
stop = ["END", "\\n\\n"]
effort = "high"
reasoning = "high"
privacy = "local_only"
"""


def read(presets: str) -> tuple[Config, list[str]]:
    config, problems = parse_config(REST + presets)
    assert not grave(problems) and config.ui.panel == "off", "the rest of the file holds"
    return config, [str(problem) for problem in problems]


def test_a_preset_says_what_it_sets() -> None:
    config, problems = read(GOOD)
    assert problems == []
    assert config.preset == (
        PresetConfig(
            name="Code review",
            system="Be strict.",
            route="lab",
            model="coder",
            temperature=0.2,
            stop=("END", "\n\n"),
            effort=Effort.HIGH,
            reasoning=Reasoning.HIGH,
            privacy="local_only",
        ),
    )


@pytest.mark.parametrize(
    ("entry", "says"),
    [
        (
            'name = "x"\ntemperature = 3',
            "config.toml:21: preset.temperature: \"x\": '3' is not allowed — a number from 0",
        ),
        ('name = "x"\ntemperatur = 1', "there is no such key"),
        ('name = "x"\neffort = "utmost"', '"utmost" is not allowed — allowed: off, low, medium, high'),
        ('name = "x"\nroute = "moon"', '"moon" is no route and no backend — allowed: auto, local, managed, lab'),
        ('name = "x"\nmodel = "m"', "has no route"),
        ('name = "code REVIEW"', "is there twice"),
        ('name = "a/b"', "text in one line, without /"),
        ("temperature = 1", "preset.name: is missing"),
        ('name = "x"\nmax_tokens = "many"', "is text — a whole number"),
    ],
)
def test_one_with_a_mistake_is_named_and_left_out(entry: str, says: str) -> None:
    config, problems = read(f"{GOOD}[[preset]]\n{entry}\n")
    assert [preset.name for preset in config.preset] == ["Code review"]
    assert len(problems) == 1 and says in problems[0]


@pytest.mark.parametrize("written", ['[preset]\nname = "x"\n', "[[preset]]\n[preset.name]\na = 1\n"])
def test_what_is_no_list_of_presets_is_named_as_well(written: str) -> None:
    config, problems = read(written)
    assert config.preset == () and len(problems) == 1


@pytest.mark.parametrize(
    ("folder", "says"), [("here", "is a relative path"), ("~nobody-of-that-name/x", "nobody knows")]
)
def test_a_folder_of_prompts_that_is_none(folder: str, says: str) -> None:
    _, problems = parse_config(f'[prompts]\nfolder = "{folder}"\n')
    assert says in str(problems[0]) and "config.toml:2: prompts.folder" in str(problems[0])


def test_presets_are_found_however_their_names_are_written() -> None:
    config, _ = read(GOOD)
    assert find(config.preset, " code review ").system == "Be strict."
    with pytest.raises(UsageError, match="one of: Code review"):
        find(config.preset, "other")
    with pytest.raises(UsageError, match=r"\[\[preset\]\]"):
        find((), "other")


def test_an_entry_is_what_the_file_has() -> None:
    config, _ = read(GOOD)
    assert entry_of(config.preset[0]) == {
        "name": "Code review",
        "system": "Be strict.",
        "route": "lab",
        "model": "coder",
        "temperature": 0.2,
        "effort": "high",
        "stop": ["END", "\n\n"],
        "reasoning": "high",
        "privacy": "local_only",
    }


@pytest.mark.parametrize("entry", ["temprature = 3", 'effort = "utmost"', "temperature = 3"])
def test_who_asks_for_one_that_is_left_out_is_told_why(entry: str) -> None:
    config, problems = parse_config(f'{REST}{GOOD}[[preset]]\nname = "Hot"\n{entry}\n')
    with pytest.raises(UsageError, match=r"config\.toml:21"):
        find(config.preset, "hot", problems)

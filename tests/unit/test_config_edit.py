"""Edits keep the user's comments and formatting, and never write a config that would not load."""

from __future__ import annotations

import re
import stat
import sys
import tomllib
from pathlib import Path

import pytest
from msgspec.structs import fields

from hybridchat import config_edit
from hybridchat.config import (
    BackendConfig,
    Config,
    PresetConfig,
    PromptsConfig,
    RouteConfig,
    load_config,
    parse_config,
)
from hybridchat.config_edit import add_backend, add_preset, remove_backend, set_value
from hybridchat.domain.pricing import PricePerMillion
from hybridchat.domain.routing import Rule
from hybridchat.errors import HybridchatError, UsageError

LAB = {"id": "lab", "kind": "vllm", "base_url": "http://127.0.0.1:8000", "vouched": True}
OWN = {"id": "own", "kind": "embedded"}
CLOUD = {
    "id": "cloud",
    "kind": "openai",
    "base_url": "https://api.openai.com/v1",
    "key": "env:OPENAI_API_KEY",
    "price": {"gpt-4.1": {"input": 0.2, "output": 1.5}},
}

WRITTEN_BY_HAND = """# my config

[ui]   # how it looks
theme = "mine"   # the best
panel = "side"

# about the lab
[[backend]]
id = "lab"
kind = 'vllm'
base_url = "http://127.0.0.1:8000"   # port of the lab
  # what it costs
  [backend.price.tiny]
  input = 0.10
  output = 0.2   # cheap

# about the cloud
[[backend]]
id   = "cloud"
kind = "openai"
base_url = "https://api.openai.com/v1"

# the end"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "config" / "config.toml"


@pytest.fixture
def by_hand(file: Path) -> Path:
    file.parent.mkdir()
    file.write_text(WRITTEN_BY_HAND, encoding="utf-8")
    return file


def ids(file: Path) -> list[str]:
    config, problems = load_config(file)
    assert problems == []
    return [backend.id for backend in config.backend]


# --- a new file


def test_the_first_backend_makes_a_commented_file(file: Path) -> None:
    add_backend(file, LAB)
    text = file.read_text(encoding="utf-8")
    assert ids(file) == ["lab"]
    assert text.startswith("# hybridchat's configuration.")
    at = [text.index(part) for part in ("# --- Backends", '\nid = "lab"', "# --- Which backend", "# [ui]")]
    assert at == sorted(at)


def test_backends_stand_behind_each_other_and_come_back_as_given(file: Path) -> None:
    for values in (LAB, CLOUD, OWN):
        add_backend(file, values)
    assert tomllib.loads(file.read_text(encoding="utf-8"))["backend"] == [LAB, CLOUD, OWN]
    text = file.read_text(encoding="utf-8")
    assert text.index('id = "own"') < text.index("# --- Which backend")


def test_all_removed_is_the_new_file_again(file: Path) -> None:
    add_backend(file, LAB)
    once = file.read_text(encoding="utf-8")
    add_backend(file, CLOUD)
    remove_backend(file, "lab")
    remove_backend(file, "cloud")
    assert ids(file) == []
    add_backend(file, LAB)
    assert file.read_text(encoding="utf-8") == once


@pytest.mark.skipif(sys.platform == "win32", reason="modes are POSIX's")
def test_only_the_user_reads_it(file: Path) -> None:
    set_value(file, "ui.theme", "x")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert [entry.name for entry in file.parent.iterdir()] == ["config.toml"]  # nothing half-written stays


def test_the_examples_of_the_new_file_are_right_and_name_every_key() -> None:
    """With the # taken away, the examples are a config (but for files that are not there), and no key is left out."""
    template = config_edit._TEMPLATE.read_text(encoding="utf-8")
    example = re.sub(r"^# (?=\[|\w+ = )", "", template, flags=re.MULTILINE)
    lines = [line for line in example.splitlines() if not line.startswith("#")]
    contradictory = ("private = ", "zone = ", "ca = ", "proxy = ", "num_ctx = ")
    config, problems = parse_config("\n".join(line for line in lines if not line.startswith(contradictory)))
    assert problems == []
    assert config.backend[0].id == "lab"
    mentioned = set(re.findall(r"\w+", template))
    structs = [Config, BackendConfig, RouteConfig, Rule, PricePerMillion, PresetConfig, PromptsConfig]
    structs += [type(getattr(config, name)) for name in ("privacy", "budget", "ui", "embedded", "vllm", "advise")]
    assert {field.name for struct in structs for field in fields(struct)} - mentioned == set()


# --- a file of the user's


def without(text: str, *parts: str) -> str:
    for part in parts:
        assert part in text
        text = text.replace(part, "")
    return text


def test_adding_changes_nothing_else(by_hand: Path) -> None:
    add_backend(by_hand, OWN)
    assert ids(by_hand) == ["lab", "cloud", "own"]
    added = '\n[[backend]]\nid = "own"\nkind = "embedded"\n'
    assert without(by_hand.read_text(encoding="utf-8"), added) == WRITTEN_BY_HAND + "\n"


def test_removing_takes_only_that_backend(by_hand: Path) -> None:
    remove_backend(by_hand, "lab")
    text = by_hand.read_text(encoding="utf-8")
    assert ids(by_hand) == ["cloud"]
    for comment in ("# my config", "# how it looks", "# the best", "# about the lab", "# about the cloud", "# the end"):
        assert comment in text
    assert "tiny" not in text
    remove_backend(by_hand, "cloud")
    assert by_hand.read_text(encoding="utf-8").endswith("# the end\n")


def test_replacing_keeps_the_place(by_hand: Path) -> None:
    add_backend(by_hand, {**LAB, "base_url": "http://127.0.0.1:9000"}, replace=True)
    text = by_hand.read_text(encoding="utf-8")
    assert ids(by_hand) == ["lab", "cloud"]
    assert "9000" in text
    assert "tiny" not in text
    assert text.index("# about the lab") < text.index('id = "lab"') < text.index("# about the cloud")
    add_backend(by_hand, OWN, replace=True)
    assert ids(by_hand) == ["lab", "cloud", "own"]


def test_replacing_a_backend_that_a_route_names(by_hand: Path) -> None:
    set_value(by_hand, "route.default", "lab")
    add_backend(by_hand, LAB, replace=True)
    assert ids(by_hand) == ["lab", "cloud"]


def test_setting_a_key_of_a_backend(by_hand: Path) -> None:
    set_value(by_hand, "backend.lab.base_url", "http://127.0.0.1:9000")
    set_value(by_hand, "backend.lab.vouched", True)
    set_value(by_hand, "backend.cloud.key", "keyring")
    lab = 'base_url = "http://127.0.0.1:8000"   # port of the lab\n'
    cloud = 'base_url = "https://api.openai.com/v1"\n'
    expected = WRITTEN_BY_HAND.replace(lab, lab.replace("8000", "9000") + "vouched = true\n")
    expected = expected.replace(cloud, cloud + 'key = "keyring"\n') + "\n"
    assert by_hand.read_text(encoding="utf-8") == expected
    with pytest.raises(UsageError, match="no backend is called gone"):
        set_value(by_hand, "backend.gone.key", "keyring")


def test_setting_a_value_keeps_its_comment(by_hand: Path) -> None:
    set_value(by_hand, "ui.theme", "other")
    expected = WRITTEN_BY_HAND.replace('theme = "mine"', 'theme = "other"') + "\n"
    assert by_hand.read_text(encoding="utf-8") == expected


def test_a_new_value_stands_in_its_table(by_hand: Path) -> None:
    set_value(by_hand, "ui.show_thinking", True)
    expected = WRITTEN_BY_HAND.replace('panel = "side"\n', 'panel = "side"\nshow_thinking = true\n') + "\n"
    assert by_hand.read_text(encoding="utf-8") == expected


def test_a_new_table_stands_at_the_end(by_hand: Path) -> None:
    set_value(by_hand, "route.default", "lab")
    assert by_hand.read_text(encoding="utf-8") == WRITTEN_BY_HAND + '\n\n[route]\ndefault = "lab"\n'


def test_a_value_beside_rules(file: Path) -> None:
    file.parent.mkdir()
    file.write_text('[[route.rule]]\ncontains = ["x"]\n', encoding="utf-8")
    set_value(file, "route.default", "local")
    config, problems = load_config(file)
    assert (problems, config.route.default, len(config.route.rule)) == ([], "local", 1)


def test_a_link_to_a_file_kept_elsewhere_stays_a_link(by_hand: Path, tmp_path: Path) -> None:
    link = tmp_path / "config.toml"
    link.symlink_to(by_hand)
    set_value(link, "ui.theme", "other")
    assert link.is_symlink()
    assert '"other"' in by_hand.read_text(encoding="utf-8")


# --- refusals: the file stays byte for byte


@pytest.mark.parametrize("broken", ["[ui\n", "[ui]\nthem = 1\n", "[route]\ndefault = 'gone'\n", "\udcff"])
def test_a_file_with_a_mistake_is_not_touched(file: Path, broken: str) -> None:
    file.parent.mkdir()
    raw = broken.encode("utf-8", "surrogateescape")
    file.write_bytes(raw)
    for edit in (
        lambda: add_backend(file, LAB),
        lambda: remove_backend(file, "lab"),
        lambda: set_value(file, "ui.theme", "x"),
    ):
        with pytest.raises(UsageError):
            edit()
        assert file.read_bytes() == raw


@pytest.mark.parametrize(
    "values", [LAB, {"id": "auto", "kind": "embedded"}, {"id": "x"}, {**OWN, "id": "y", "colour": "red"}]
)
def test_an_edit_that_would_make_a_mistake_is_refused(by_hand: Path, values: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        add_backend(by_hand, values)
    assert by_hand.read_text(encoding="utf-8") == WRITTEN_BY_HAND


def test_a_backend_that_a_route_names_cannot_be_removed(by_hand: Path) -> None:
    set_value(by_hand, "route.default", "lab")
    with pytest.raises(UsageError, match=r"route\.default"):
        remove_backend(by_hand, "lab")


def test_removing_what_is_not_there(by_hand: Path) -> None:
    with pytest.raises(UsageError, match="no backend is called gone — one of: lab, cloud"):
        remove_backend(by_hand, "gone")


INLINE = 'backend = [{id = "a", kind = "embedded"}, {id = "b", kind = "embedded"}]\n'
QUOTED = '[["backend"]]\nid = "a"\nkind = "embedded"\n'
IN_TEXT = '[[backend]]\nid = "a"\nkind = "embedded"\nmodel = """\n[[backend]]\n"""\n'


CUT_IN_TEXT = IN_TEXT.replace('[[backend]]\n"""', '[[backend]]\n[x]\n"""')


@pytest.mark.parametrize("unusual", [INLINE, QUOTED, IN_TEXT, CUT_IN_TEXT])
def test_an_unusual_layout_is_edited_rightly_or_not_at_all(file: Path, unusual: str) -> None:
    file.parent.mkdir()
    for edit, expected in (
        (lambda: add_backend(file, OWN), lambda before: [*before, "own"]),
        (lambda: remove_backend(file, "a"), lambda before: [name for name in before if name != "a"]),
        (lambda: add_backend(file, {**OWN, "id": "a"}, replace=True), lambda before: before),
        (lambda: set_value(file, "backend.a.num", 1), lambda before: before),
        (lambda: set_value(file, "backend.a.model", "m"), lambda before: before),
    ):
        file.write_text(unusual, encoding="utf-8")
        before = ids(file)
        try:
            edit()
        except UsageError:
            assert file.read_text(encoding="utf-8") == unusual
        else:
            assert ids(file) == expected(before)


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "config").write_text("a file where the folder should be")
    with pytest.raises(HybridchatError):
        set_value(tmp_path / "config" / "config.toml", "ui.theme", "x")


def test_a_failure_while_writing_leaves_the_old_file(by_hand: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("hybridchat.paths.os.fsync", full)
    with pytest.raises(HybridchatError, match="No space left"):
        set_value(by_hand, "ui.theme", "x")
    assert by_hand.read_text(encoding="utf-8") == WRITTEN_BY_HAND
    assert [entry.name for entry in by_hand.parent.iterdir()] == ["config.toml"]


# --- presets


def test_a_preset_is_added_and_replaced_beside_the_users_own_words(file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    mine = '# mine\n[[preset]]  # one\nname = "a"  # the first\n\n# behind\n[ui]\npanel = "off"\n'
    file.write_text(mine, encoding="utf-8")
    add_preset(file, {"name": "b", "system": "Two\nlines.", "stop": ["END"], "temperature": 0.5})
    added = file.read_text(encoding="utf-8")
    assert without(added, mine[mine.index("\n# behind") :]).startswith(
        '# mine\n[[preset]]  # one\nname = "a"  # the first\n'
    )
    add_preset(file, {"name": "b", "temperature": 1.0}, replace=True)
    config, problems = load_config(file)
    assert [(preset.name, preset.temperature, preset.system) for preset in config.preset] == [
        ("a", None, ""),
        ("b", 1.0, ""),
    ]
    assert problems == [] and "# behind\n[ui]" in file.read_text(encoding="utf-8")


def test_a_broken_preset_stands_in_nobodys_way(file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text('[[preset]]\nname = "a"\ntemperature = 9\n', encoding="utf-8")
    set_value(file, "ui.panel", "off")
    add_preset(file, {"name": "b"})
    config, problems = load_config(file)
    assert (config.ui.panel, [preset.name for preset in config.preset], len(problems)) == ("off", ["b"], 1)

"""The docs say what the code says."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import click
import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from hybridchat.cli.adding import add
from hybridchat.cli.app import root
from hybridchat.config import BackendConfig, load_config
from hybridchat.config.providers import providers
from hybridchat.session.drafting import draft

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
EXTRAS = PROJECT["project"]["optional-dependencies"]
USERS = [*PROJECT["project"]["dependencies"], *EXTRAS["embedded"], *EXTRAS["images"]]
BUILD, CHECK, TEST = (PROJECT["dependency-groups"][name] for name in ("build", "check", "test"))
assert TEST[0] == {"include-group": "check"}
DEVELOPERS = [*BUILD, *CHECK, *TEST[1:]]


def locked(name: str) -> dict[str, str]:
    text = (ROOT / "requirements" / name).read_text(encoding="utf-8")
    return dict(re.findall(r"^([a-z0-9-]+)==([^ ;]+)", text, re.MULTILINE))


def test_generated_pages_are_up_to_date() -> None:
    done = subprocess.run([sys.executable, ROOT / "scripts/docs", "--check"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_every_config_key_is_documented() -> None:
    rows = re.findall(r"^\| `(\w+)` .*\|  \|$", (ROOT / "docs/config.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert rows == [], "write a string under each of these fields"


def test_every_dependency_says_why() -> None:
    page = (ROOT / "docs/dependencies.md").read_text(encoding="utf-8")
    table = re.findall(r"^\| `([^`]+)` \| .+ \|$", page, re.MULTILINE)
    assert table == [Requirement(line).name for line in USERS]
    assert [name for line in DEVELOPERS if f"`{(name := Requirement(line).name)}`" not in page] == []


def test_the_locks_hold_what_the_project_asks_for() -> None:
    for name, wanted in (("run.lock", USERS), ("check.lock", USERS + BUILD + CHECK), ("test.lock", USERS + DEVELOPERS)):
        pins = locked(name)
        for requirement in map(Requirement, wanted):
            assert requirement.specifier.contains(pins[canonicalize_name(requirement.name)]), f"{requirement} in {name}"


def test_the_tests_run_on_what_users_get() -> None:
    assert locked("run.lock").items() <= locked("check.lock").items() <= locked("test.lock").items()


def test_links_lead_somewhere() -> None:
    for page in [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]:
        for link in re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text(encoding="utf-8")):
            assert (page.parent / link).exists(), f"{page.name}: {link}"


def code_blocks(language: str, page: str = "README.md") -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", (ROOT / page).read_text(encoding="utf-8"), re.DOTALL)


def test_the_readmes_config_is_a_config(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    for block in code_blocks("toml"):
        file.write_text(block, encoding="utf-8")
        config, problems = load_config(file)
        assert problems == []
        assert len(config.backend) == block.count("[[backend]]")


def calls_in(page: str) -> list[str]:
    return re.findall(r"\bhybridchat (.+?)(?: >.*)?$", "\n".join(code_blocks("sh", page)), re.MULTILINE)


@pytest.mark.parametrize("page", ["README.md", "docs/providers.md", "docs/privacy.md"])
def test_the_commands_on_a_page_exist(page: str) -> None:
    context = click.Context(root)
    calls = calls_in(page)
    assert calls
    for call in calls:
        words = shlex.split(call, comments=True)
        command = root if words[0].startswith("-") else root.get_command(context, words.pop(0))
        while isinstance(command, click.Group) and words and not words[0].startswith("-"):
            command = command.get_command(context, words.pop(0))
        assert command is not None, call
        options = {option for parameter in command.params for option in parameter.opts}
        assert {word for word in words if word.startswith("-") and word != "-"} <= options, call


def test_every_provider_is_in_its_page_with_its_command() -> None:
    text = (ROOT / "docs/providers.md").read_text(encoding="utf-8")
    added = [shlex.split(call)[2] for call in calls_in("docs/providers.md") if call.startswith("backends add")]
    for provider in providers():
        variables = " or ".join(f"`{variable}`" for variable in provider.variables)
        row = (provider.name, f"`{provider.id}`", f"`{provider.kind}`", variables, provider.keys_url)
        assert f"| {' | '.join(row)} |" in text
        assert provider.id in added


def test_what_the_page_says_of_adding_would_be_accepted() -> None:
    """Each command with the command line's own reader, and its backend as it would be written, but for its files."""
    context = click.Context(root)
    for call in calls_in("docs/providers.md"):
        if call.startswith("backends add"):
            given = add.make_context("add", shlex.split(re.sub(r"~/\S+", __file__, call))[2:], parent=context).params
            what = given.pop("what")
            entry = {name: value for name, value in given.items() if name in BackendConfig.__struct_fields__}
            assert draft(what, entry, ()).spec.id, call


def test_the_privacy_page_names_real_tests_and_all_of_the_scenarios() -> None:
    named = set(re.findall(r"`(test_\w+)`", (ROOT / "docs/privacy.md").read_text(encoding="utf-8")))
    code = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
    collected = set(re.findall(r"^(?:async )?def (test_\w+)", code, re.MULTILINE))
    assert named - collected == set()
    of_scenarios = {name: int(name[13:15]) for name in collected if re.match(r"test_privacy_\d\d_", name)}
    assert of_scenarios.keys() - named == set()
    assert set(of_scenarios.values()) == set(range(1, 28))

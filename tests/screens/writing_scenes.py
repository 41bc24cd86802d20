"""Scenes for the pictures: what helps somebody to write."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from textual.widgets import TextArea

from hybridchat.cli.prompts import EXAMPLES
from hybridchat.domain.chat import Role
from hybridchat.session.prompts import Prompts
from hybridchat.tui.screens.prompts import FillPrompt, PromptList
from hybridchat.tui.screens.said import SaidList
from tests.tui.conftest import Stage
from tests.tui.samples import CONVERSATION, TITLES


async def prompts(stage: Stage) -> None:
    """One of the files has a mistake."""
    await _open_library(stage)
    await stage.type("rev")


async def prompt_form(stage: Stage) -> None:
    await _open_library(stage)
    await stage.type("review")
    await stage.press("enter")
    form = await stage.until_top(FillPrompt)
    form.query_one(TextArea).load_text("def mean(values):\n    return sum(values) / len(values)")
    await stage.until(lambda: "def mean" in stage.text)


async def _open_library(stage: Stage) -> None:
    with TemporaryDirectory() as folder:
        for name, text in {**EXAMPLES, "translate": "Translate into {{language}}:\n\n{{text}}"}.items():
            (Path(folder) / f"{name}.md").write_text(text)
        (Path(folder) / "letter.md").write_text("+++\n[variables.to]\n+++\nDear {{too}},")
        stage.session.keep_prompts(Prompts(Path(folder)))
        await stage.press("alt+q")
        await stage.until_top(PromptList)


async def slash(stage: Stage) -> None:
    await stage.screen.open_chat(stage.session.add("SQLite: read while another writes", CONVERSATION))
    await stage.type("/re")
    await stage.until(lambda: "Enter: Your last message again" in " ".join(stage.text.split()))


async def said(stage: Stage) -> None:
    for title in TITLES:
        stage.session.add(title, [(Role.USER, f"{title}, please")])
    await stage.press("alt+p")
    await stage.until_top(SaidList)

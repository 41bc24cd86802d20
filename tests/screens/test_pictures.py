"""Pictures of the main screens. `UPDATE_PICTURES=1 pytest tests/screens/test_pictures.py` accepts what is there now;
look at the changed files first."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from msgspec.structs import replace
from textual.widgets import Input, TextArea

from hybridchat.config import UiConfig
from hybridchat.domain.budget import Limit, Scope, Stand, Standing, Verdict
from hybridchat.domain.chat import Effort, Parameters, Privacy, Proof, Role
from hybridchat.domain.events import Limits
from hybridchat.domain.imports import Unread
from hybridchat.ledger.imports import Added
from hybridchat.session.events import LimitsChanged, RetryWaits, SnapshotChanged
from hybridchat.session.finding import NewMarks
from hybridchat.session.importing import Importer, Report
from hybridchat.session.settings import Settings
from hybridchat.session.ways import Way
from hybridchat.tui.legibility import PAIRS
from hybridchat.tui.screens.add_backend import AddBackend
from hybridchat.tui.screens.ask_key import AskKey
from hybridchat.tui.screens.bringing_in import BringIn
from hybridchat.tui.screens.chats import ChatList
from hybridchat.tui.screens.details import DetailsScreen
from hybridchat.tui.screens.dialogs import Confirm
from hybridchat.tui.screens.fork import ForkReview
from hybridchat.tui.screens.help import HelpScreen
from hybridchat.tui.screens.picker import Picker
from hybridchat.tui.screens.pipe import PipeScreen
from hybridchat.tui.screens.search import Search
from hybridchat.tui.screens.settings import SettingsScreen
from hybridchat.tui.screens.standing import StandingScreen
from hybridchat.tui.screens.theme_picker import ThemePicker
from hybridchat.tui.screens.tree import Tree
from hybridchat.tui.screens.tune import Tune
from hybridchat.tui.widgets.panel import Live
from tests.screens.attachments import attaching, attachment, preview
from tests.screens.comparisons import choose_sides, compare
from tests.screens.writing_scenes import prompt_form, prompts, said, slash
from tests.tui.conftest import Screenplay, Stage
from tests.tui.fake_backends import KEY, FakeProviders, refused
from tests.tui.fake_session import CLOUD, LAB, FakeSession
from tests.tui.fake_setup import FakeSetup
from tests.tui.inks import drawn_pairs
from tests.tui.samples import CONVERSATION, STREAMED, THINKING, TITLES, TWO_WAYS, grown

PICTURES = Path(__file__).parent / "pictures"
SIZES: tuple[tuple[int, int], ...] = ((80, 24), (120, 40), (200, 60))
NO_WIDER = ("themes", "settings", "compact", "search", "finding")  # at 200 columns nothing is new
THEMES = ("hybrid-dark", "hybrid-light")
IS_UPDATE = bool(os.environ.get("UPDATE_PICTURES"))


def sizes(scene: str) -> tuple[tuple[int, int], ...]:
    return SIZES[:2] if scene in NO_WIDER else SIZES


async def idle(stage: Stage) -> None:
    await stage.until(lambda: "Enter sends to" in stage.text)


async def conversation(stage: Stage) -> None:
    await stage.screen.open_chat(stage.session.add("SQLite: read while another writes", CONVERSATION))


async def streaming(stage: Stage) -> None:
    await stage.send("How do I make SQLite fast?")
    await stage.until(lambda: stage.session.sent)
    chat = stage.screen.chat
    assert chat is not None
    stage.session.feed(chat, THINKING, is_thinking=True, ttft_ms=84.0)
    stage.session.feed(chat, STREAMED)
    await stage.send("And for many writers?")
    panel = stage.screen.panel
    panel.live = Live("lab", True, 100.0, 84.0)
    panel._clock = lambda: 103.2


async def retrying(stage: Stage) -> None:
    await conversation(stage)
    chat = stage.screen.chat
    assert chat is not None and chat.id is not None
    chat.route, chat.may_leave = "openai", True
    await stage.send("And with many writers?")
    await stage.until(lambda: stage.session.sent)
    stage.screen._clock = lambda: 100.0
    stage.session.emit(RetryWaits(chat.id, chat.messages[-1].id, 103.5, "openai was overloaded", 3, 2))
    panel = stage.screen.panel
    panel.live = Live("openai", False, 100.0)
    panel._clock = lambda: 103.2


async def offered(stage: Stage) -> None:
    """The message is too long; the dialog says what can be done."""
    await conversation(stage)
    stage.session.ways = (Way("drop", LAB, 2), Way("ask", CLOUD, 3), Way("summarize", LAB, 3))
    await stage.send("And with many writers?")
    await stage.until_top(Picker)


async def answers(stage: Stage) -> None:
    """Both sides have answered."""
    await conversation(stage)
    chat = stage.screen.chat
    assert chat is not None
    await stage.session.escalate(chat)
    stage.session.feed(chat, STREAMED, ttft_ms=640.0)
    stage.session.finish(chat)
    await stage.until(lambda: "‹1/2›" in stage.text)
    stage.screen.panel._now = lambda: datetime(2026, 11, 20, 14, 2, 5, tzinfo=UTC)
    stage.session.emit(LimitsChanged("openai", Limits(4_999, 5_000, 0.1, 39_000, 40_000, 60.0)))


async def over_budget(stage: Stage) -> None:
    """The month's budget stands in the way; the dialog says what can be done."""
    standing = Standing(Limit(Scope.MONTH, Decimal(10)), Decimal("9.91"), Decimal("0.05"))
    stage.session.budgets.told = (standing, Standing(Limit(Scope.DAY, Decimal(1), "openai"), Decimal("0.25")))
    stage.session.verdict = Verdict(Stand.OVER, (standing,), None, Decimal("0.12"))
    stage.session.ways = (Way("ask", LAB, 1),)
    stage.session.emit(SnapshotChanged(stage.session.snapshot))
    await conversation(stage)
    await stage.send("And with many writers?")
    await stage.until_top(Picker)


async def tune(stage: Stage) -> None:
    """Something is set, something is wrong, something would not go."""
    chat = stage.screen.chat
    assert chat is not None
    chat.route, chat.model, chat.may_leave = "openai", "gpt-5", True
    system = "You review code.\nName what is wrong, why, and the least change that mends it."
    await stage.session.set_settings(chat, Parameters(temperature=0.2, max_tokens=800, effort=Effort.HIGH), system)
    await stage.press("f12")
    form = await stage.until_top(Tune)
    form.fields["top_p"].focus()
    await stage.type("1.5")
    await stage.until(lambda: "top-p: '1.5' is not allowed" in stage.text)
    form.fields["temperature"].focus()


async def chats(stage: Stage) -> None:
    for title in TITLES:
        stage.session.add(title, updated_at="2024-11-20T14:02:00+00:00")
    await stage.press("ctrl+o")
    await stage.until_top(ChatList)
    await stage.until(lambda: TITLES[-1] in stage.text)


async def search(stage: Stage) -> None:
    """One hit under another, one of them archived; a filter that is none."""
    for number, title in enumerate(TITLES):
        chat = stage.session.add(title, CONVERSATION, updated_at="2024-11-20T14:02:00+00:00")
        await stage.session.finding.mark(chat, NewMarks(archived=number == 1))
    await stage.press("alt+o")
    await stage.until_top(Search)
    await stage.type("log zone:moon")
    await stage.until(lambda: "zone: is one of" in stage.text)


async def tree(stage: Stage) -> None:
    """Answered again by the other side, asked in other words, and gone on from there."""
    await conversation(stage)
    stage.session.branches.outline = grown  # type: ignore[method-assign]
    await stage.press("alt+v")
    await stage.until_top(Tree)
    await stage.until(lambda: "branches; ● is shown" in stage.text)


async def finding(stage: Stage) -> None:
    """Two hits in the open chat, the second one being the current."""
    await conversation(stage)
    chat = stage.screen.chat
    assert chat is not None and chat.id is not None
    await stage.session.finding.mark(chat.id, NewMarks(starred=True, add_tags=("databases",)))
    stage.screen.plan_now()
    await stage.press("ctrl+f")
    await stage.type("wal")
    await stage.until(lambda: "1 of 3" in stage.text)
    await stage.press("enter")
    await stage.until(lambda: "2 of 3" in stage.text)


async def fork(stage: Stage) -> None:
    """A pinned chat is to be open: what goes along is shown first."""
    await conversation(stage)
    chat = stage.screen.chat
    assert chat is not None
    chat.privacy, chat.system = Privacy.LOCAL_ONLY, "Answer briefly."
    await stage.press("ctrl+l")
    await stage.until_top(Picker)
    await stage.type("open")
    await stage.press("enter")
    await stage.until_top(ForkReview)
    await stage.press("down", "down", "space")


async def routes(stage: Stage) -> None:
    await conversation(stage)
    await stage.press("ctrl+r")
    await stage.until_top(Picker)


async def themes(stage: Stage) -> None:
    await conversation(stage)
    await stage.press("f6")
    await stage.until_top(ThemePicker)


async def settings(stage: Stage) -> None:
    await conversation(stage)
    await stage.press("alt+s")
    await stage.until_top(SettingsScreen)
    await stage.type("ui.")
    await stage.until(lambda: "ui.theme:" in stage.text)
    await stage.press(*["backspace"] * 3)


async def compact(stage: Stage) -> None:
    await conversation(stage)
    stage.screen.use_ui(UiConfig(density="compact", panel_side="left", text_width=40))


async def bring_in(stage: Stage) -> None:
    """An import that has ended."""
    await conversation(stage)
    report = Report(added=Added(new=212, grown=3, known=40, messages=9804), empty=2)
    report.note(Unread("conversation 17, message 9e1c", "content of the type 'hologram' is not known"))
    report.note(Unread("after conversation 257", "the file ends in the middle: it is cut off, or was never complete"))
    importer = cast(Importer, SimpleNamespace(run=lambda files, on_progress: report, stop=lambda: None))
    stage.app.push_screen(BringIn(importer, Path("chatgpt-export.zip")))
    await stage.until(lambda: "Esc closes" in stage.text)


async def help_page(stage: Stage) -> None:
    await stage.press("f1")
    await stage.until_top(HelpScreen)


async def vouch(stage: Stage) -> None:
    """A pinned chat meets a server that nothing is known of."""
    doubted = replace(LAB, proof=Proof.ASSUMED, doubt="your word for it has ended: it was given for /usr/bin/ssh")
    stage.session.backends = [doubted, CLOUD]
    stage.session.ways = (Way("vouch", doubted, 0),)
    assert stage.screen.chat is not None
    stage.screen.chat.privacy = Privacy.LOCAL_ONLY
    await stage.send("Why is the sky blue?")
    await stage.until_top(Confirm)


async def standing(stage: Stage) -> None:
    await conversation(stage)
    await stage.press("alt+i")
    await stage.until_top(StandingScreen)


async def first_run(stage: Stage) -> None:
    await stage.until(lambda: "Found:" in stage.text)


async def reading(stage: Stage) -> None:
    """The pointer at a message, and numbers beside its blocks of code."""
    said = [(Role.USER, "Both ways, please."), (Role.ASSISTANT, TWO_WAYS), (Role.USER, "Thanks.")]
    await stage.screen.open_chat(stage.session.add("SQLite: read while another writes", said))
    await stage.settle()
    stage.screen.transcript.point_at(stage.screen.transcript.document.views[1].message.id)
    stage.screen.action_copy_code()
    await stage.until(lambda: "which code block?" in stage.text)


async def details(stage: Stage) -> None:
    await conversation(stage)
    stage.screen.action_details()
    await stage.until_top(DetailsScreen)
    await stage.until(lambda: "Attempt 2 of 2" in stage.text)


async def pipe(stage: Stage) -> None:
    await conversation(stage)
    screen = PipeScreen('connection.execute("PRAGMA journal_mode=WAL")\nprint("ready")', frozenset, "python3 -")
    stage.app.push_screen(screen)
    await stage.until_top(PipeScreen)


async def place(stage: Stage) -> None:
    await stage.press("alt+a")
    await stage.until_top(Picker)


async def add_backend(stage: Stage) -> None:
    await place(stage)
    await stage.press("enter")
    form = await stage.until_top(AddBackend)
    form.key.value = KEY
    await stage.press("enter")
    await stage.until(lambda: "was refused" in stage.text and "has no keyring" in stage.text)


async def models(stage: Stage) -> None:
    await place(stage)
    await stage.type("anthropic")
    await stage.press("enter")
    await stage.until_top(AddBackend)
    await stage.until(lambda: "has no keyring" in stage.text)
    await stage.press("enter")
    await stage.until_top(Picker)


async def key(stage: Stage) -> None:
    await conversation(stage)
    assert stage.screen.session is not None
    stage.app.push_screen(AskKey(stage.screen.session, "openai", "openai refused the key: 401 — try another one"))
    await stage.until_top(AskKey)
    await stage.until(lambda: "has no keyring" in stage.text)


SCENES: dict[str, Callable[[Stage], Awaitable[None]]] = {
    scene.__name__: scene
    for scene in (
        *(idle, conversation, streaming, retrying, offered, answers, over_budget),
        *(vouch, standing, search, tree, finding, tune, prompts, prompt_form, reading, details, pipe, key),
        *(chats, fork, routes, themes, settings, compact, bring_in, help_page, first_run, place, add_backend, models),
        *(attaching, attachment, preview, slash, said, compare, choose_sides),
    )
}


@pytest.mark.parametrize("scene", SCENES)
async def test_picture(scene: str, play: Screenplay, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHELL", "/bin/sh")
    for blinks, toggle in ((Input, "_toggle_cursor"), (TextArea, "_toggle_cursor_blink_visible")):
        monkeypatch.setattr(blinks, toggle, lambda _: None)  # the app turns it on wherever the focus goes
    monkeypatch.setattr("hybridchat.session.keeping.keyring_status", lambda: (False, "this system has no keyring"))
    providers = FakeProviders(refused() if scene == "add_backend" else None)
    options: dict[str, Any] = {"setup": FakeSetup(), "open_demo": FakeSession().opener} if scene == "first_run" else {}
    settings = Settings(Path("~/.config/hybridchat/config.toml"))  # not there
    async with play(open_providers=providers.opener, settings=settings, **options) as stage:
        await SCENES[scene](stage)
        changed = []
        for size in sizes(scene):
            await stage.resize(*size)
            for theme in THEMES:
                stage.app.show_theme(theme)
                name = f"{scene}-{size[0]}x{size[1]}-{theme.removeprefix('hybrid-')}.svg"
                if not _is_as_stored(name, await _settled(stage), tmp_path):
                    changed.append(name)
        assert await drawn_pairs(stage, dark=True) - set(PAIRS) == set(), "whose contrast no test looks at"
    assert changed == [], f"look at {tmp_path}, and accept with UPDATE_PICTURES=1 if it is better"


async def _settled(stage: Stage) -> str:
    """The picture once nothing changes any more."""
    before, now = "", stage.app.export_screenshot(title="")
    while before != now:
        for _ in range(3):
            await stage.settle()
        before, now = now, stage.app.export_screenshot(title="")
    return now


def _is_as_stored(name: str, picture: str, tmp_path: Path) -> bool:
    if IS_UPDATE:
        (PICTURES / name).write_text(picture, encoding="utf-8")
    stored = PICTURES / name
    if stored.is_file() and stored.read_text(encoding="utf-8") == picture:
        return True
    (tmp_path / name).write_text(picture, encoding="utf-8")
    return False


def test_no_picture_is_left_over() -> None:
    wanted = {f"{s}-{w}x{h}-{t.removeprefix('hybrid-')}.svg" for s in SCENES for w, h in sizes(s) for t in THEMES}
    assert {file.name for file in PICTURES.glob("*.svg")} == wanted

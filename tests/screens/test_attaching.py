"""Attaching over the real session: by @, by a paste, by a dropped path; looking at it, taking it out, sending it."""

from __future__ import annotations

import asyncio
import base64
from pathlib import Path
from typing import Any

import pytest
from textual import events

from hybridchat import wiring
from hybridchat.domain.chat import Privacy, Role
from hybridchat.domain.files import Listing
from hybridchat.errors import Refused
from hybridchat.session.chat import Session
from hybridchat.tui.screens.attached import VAST_PASTE
from hybridchat.tui.screens.attachment import AttachmentView
from hybridchat.tui.screens.dialogs import Confirm
from hybridchat.tui.screens.picker import Picker
from tests.tui.conftest import Screenplay, Stage

DOT = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg=="
)


async def demo() -> Session:
    return wiring.open_demo_session()


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "work"
    (folder / "src").mkdir(parents=True)
    (folder / "notes.txt").write_text("the plan\n" * 300)
    (folder / "dot.png").write_bytes(DOT)
    (folder / "src" / "app.py").write_text("print('hello')\n")
    (folder / "src" / "built.py").write_text("x = 1\n")
    (folder / "program.bin").write_bytes(b"\0\1\2")
    (folder / ".gitignore").write_text("built.py\n")
    monkeypatch.chdir(folder)
    return folder


async def typed(stage: Stage, text: str) -> None:
    await stage.until(lambda: "Enter sends to" in stage.text)
    for key in text:
        await stage.press({" ": "space", ".": "full_stop", "/": "slash"}.get(key, key))


def names(stage: Stage) -> list[str]:
    return [file.name for file in stage.screen.along.files]


async def test_a_file_is_completed_attached_and_sent(play: Screenplay, here: Path) -> None:
    async with play(open_session=demo, size=(100, 40)) as stage:
        await typed(stage, "see @not")
        await stage.until(lambda: stage.screen.composer.completions.display and "notes.txt" in stage.text)
        await stage.press("enter")
        await stage.until(lambda: names(stage) == ["notes.txt"])
        assert stage.screen.composer.text == "see @notes.txt "
        await stage.until(lambda: "Attached" in stage.text and "≈ 675 tokens" in stage.text)
        await stage.press("enter")
        chat = stage.screen.chat
        await stage.until(lambda: chat.messages and not chat.is_streaming)
        question = chat.messages[0]
        assert (question.role, question.text) == (Role.USER, "see @notes.txt ")
        assert [file.name for file in question.attachments] == ["notes.txt"]
        await stage.until(lambda: "+ notes.txt" in stage.text and "Attached" not in stage.text)


async def test_enter_before_the_names_are_there_chooses_once_they_are(
    play: Screenplay, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with play(open_session=demo, size=(100, 40)) as stage:
        await stage.until(lambda: stage.screen.session is not None)
        gathering, may_list = stage.screen.session.gathering, asyncio.Event()
        listing = gathering.listing

        async def slow(*where: Any, **how: Any) -> Listing:
            await may_list.wait()
            return await listing(*where, **how)

        monkeypatch.setattr(gathering, "listing", slow)
        await typed(stage, "see @notes.txt")
        await stage.press("enter")
        await stage.settle()
        assert stage.screen.composer.text == "see @notes.txt"  # it has not gone without the file
        may_list.set()
        await stage.until(lambda: names(stage) == ["notes.txt"])
        assert stage.screen.composer.text == "see @notes.txt "


async def test_an_address_completes_nothing_and_ignored_files_are_not_offered(play: Screenplay, here: Path) -> None:
    async with play(open_session=demo, size=(100, 40)) as stage:
        await typed(stage, "me@not")
        await stage.settle()
        assert not stage.screen.composer.completions.display
        await typed(stage, " @py")
        await stage.until(lambda: "src/app.py" in stage.text)
        assert "built.py" not in stage.text


async def test_a_folder_is_attached_once_its_size_was_shown(play: Screenplay, here: Path) -> None:
    async with play(open_session=demo, size=(100, 40)) as stage:
        await typed(stage, "@src")
        await stage.until(lambda: "src/ " in stage.text and "folder" in stage.text)
        await stage.press("enter")
        await stage.until_top(Confirm)
        await stage.until(lambda: "Attach 1 text of src/?" in stage.text)
        await stage.press("y")
        await stage.until(lambda: names(stage) == ["src/app.py"])


async def test_what_cannot_be_attached_is_one_line_and_the_draft_stays(play: Screenplay, here: Path) -> None:
    async with play(open_session=demo, size=(100, 40)) as stage:
        await typed(stage, "look @program")
        await stage.until(lambda: "program.bin" in stage.text)
        await stage.press("enter")
        await stage.until(lambda: "is no text, picture or PDF" in stage.text)
        assert stage.screen.composer.text == "look @program.bin "
        assert names(stage) == []


async def test_a_hostile_name_is_inert_in_the_composer(play: Screenplay, here: Path) -> None:
    (here / "evil\x1b[31m\nname.txt").write_text("x")
    async with play(open_session=demo, size=(100, 40)) as stage:
        await typed(stage, "@evil")
        await stage.until(lambda: stage.screen.composer.completions.display)
        await stage.press("enter")
        await stage.until(lambda: names(stage) == ["evil\x1b[31m\nname.txt"])
        assert stage.screen.composer.text == '@"evil␛[31m name.txt" '
        await stage.until(lambda: "evil␛[31m name.txt · 1 byte · ≈ 1 token" in stage.text)


async def test_a_long_paste_is_attached_and_can_be_read_and_put_back(play: Screenplay) -> None:
    async with play(open_session=demo, size=(100, 40)) as stage:
        await stage.until(lambda: "Enter sends to" in stage.text)
        text = "".join(f"line {n}\x07\n" for n in range(200))
        stage.screen.composer.post_message(events.Paste(text))
        await stage.until(lambda: names(stage) == ["paste-1.txt"])
        assert stage.screen.composer.text == "@paste-1.txt "
        await stage.press("alt+j")
        await stage.until_top(Picker)
        await stage.press("enter")
        await stage.until_top(AttachmentView)
        await stage.until(lambda: "line 3" in stage.text)
        assert "\x07" not in stage.text
        await stage.press("slash", *"line", "space", *"150")
        await stage.until(lambda: "1 of 1" in stage.text and "line 150" in stage.text)
        await stage.press("escape", "escape")
        await stage.until(lambda: stage.app.screen is stage.screen)
        await stage.press("alt+j")
        await stage.until_top(Picker)
        await stage.press("down", "down", "enter")
        await stage.until(lambda: "line 199" in stage.screen.composer.text)
        assert names(stage) == []


async def test_a_vast_paste_is_confirmed_first(play: Screenplay) -> None:
    async with play(open_session=demo) as stage:
        await stage.until(lambda: "Enter sends to" in stage.text)
        text = ("x" * 98 + "\x07\n") * (VAST_PASTE // 100)
        stage.screen.composer.post_message(events.Paste(text))
        await stage.until_top(Confirm)
        await stage.until(lambda: "Paste 0.5 million characters" in stage.text)
        await stage.press("n")
        await stage.until(lambda: stage.app.screen is stage.screen)
        assert (stage.screen.composer.text, names(stage)) == ("", [])
        stage.screen.composer.post_message(events.Paste(text))
        await stage.until_top(Confirm)
        await stage.press("y")
        await stage.until(lambda: names(stage) == ["paste-1.txt"])
        (attachment,) = stage.screen.along.attachments
        assert len(attachment.data) >= VAST_PASTE and b"\x07" not in attachment.data


async def test_a_dropped_path_is_offered(play: Screenplay, here: Path) -> None:
    async with play(open_session=demo, size=(120, 40)) as stage:
        await stage.until(lambda: "Enter sends to" in stage.text)
        stage.screen.composer.post_message(events.Paste(f"'{here / 'dot.png'}'"))
        await stage.until_top(Confirm)
        await stage.press("y")
        await stage.until(lambda: names(stage) == ["dot.png"])
        await stage.until(lambda: "PNG, 1 × 1" in stage.text and "tokens unknown" in stage.text)
        stage.screen.composer.post_message(events.Paste("/no/such/file"))
        await stage.until(lambda: stage.screen.composer.text == "/no/such/file")


async def test_what_a_pinned_file_has_pinned_is_not_opened_while_it_is_attached(play: Screenplay, here: Path) -> None:
    client = here / "client"
    client.mkdir()
    (client / ".hybridchat.toml").write_text("local_only = true\n")
    (client / "case.txt").write_text("of a client\n")
    async with play(open_session=demo, size=(100, 40)) as stage:
        await stage.until(lambda: "Enter sends to" in stage.text)
        chat = stage.screen.chat
        for name in ("notes.txt", "client/case.txt"):
            await stage.screen.call_attach(name)
        assert chat.privacy is Privacy.LOCAL_ONLY
        with pytest.raises(Refused, match=r"may be pinned: case\.txt — take it out first"):
            await stage.screen.call_privacy("open")
        assert chat.privacy is Privacy.LOCAL_ONLY
        stage.screen.carry(stage.screen.along.without(stage.screen.along.files[1]))
        await stage.screen.call_privacy("open")
        assert chat.privacy is Privacy.OPEN and names(stage) == ["notes.txt"]


async def test_it_is_taken_out_and_stays_with_its_chat(play: Screenplay, here: Path) -> None:
    async with play(open_session=demo, size=(100, 40)) as stage:
        await stage.until(lambda: "Enter sends to" in stage.text)
        stage.screen.composer.set_text("/attach notes.txt")
        await stage.press("enter")
        await stage.until(lambda: names(stage) == ["notes.txt"])
        stage.screen.action_new_off_record()
        await stage.settle()
        assert names(stage) == []
        stage.screen.action_new_chat()
        await stage.until(lambda: names(stage) == ["notes.txt"])
        await stage.press("alt+j")
        await stage.until_top(Picker)
        await stage.press("down", "enter")
        await stage.until(lambda: names(stage) == [])
        await stage.until(lambda: "Attached" not in stage.text)

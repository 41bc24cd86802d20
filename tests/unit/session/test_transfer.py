"""What the screen brings in is never looser than what its run is pinned to."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from hybridchat.config import PrivacyConfig
from hybridchat.config.folders import FolderPin
from hybridchat.ledger.store import open_ledger
from hybridchat.session.floor import Floor
from hybridchat.session.ledgers import Ledgers
from hybridchat.session.transfer import Transfer
from tests.unit.importing import shapes


@pytest.mark.parametrize(
    ("floor", "default", "privacy"),
    [
        (Floor(None, local_only=False), "open", "open"),
        (Floor(None, local_only=False), "private", "private"),
        (Floor(None, local_only=True), "open", "local_only"),
        (Floor(lambda: FolderPin("pinned here"), local_only=False), "open", "local_only"),
    ],
)
async def test_the_floor_holds_for_what_comes_in(floor: Floor, default: str, privacy: str, tmp_path: Path) -> None:
    file = tmp_path / "conversations.json"
    file.write_bytes(shapes.as_json([shapes.gpt_chat()]))
    ledger = open_ledger(None)
    try:
        transfer = Transfer(Ledgers(ledger, lambda text: None), floor, PrivacyConfig(default=default))  # type: ignore[arg-type]
        report = await asyncio.to_thread(transfer.importer().run, [file])
        assert report.pinned == floor.why
        assert [one.privacy for one in ledger.conversations().result()] == [privacy]
    finally:
        ledger.close()


async def test_a_stopped_import_says_so_and_goes_on_later(tmp_path: Path) -> None:
    file = tmp_path / "conversations.json"
    file.write_bytes(shapes.as_json([shapes.gpt_chat(f"c{number}", 100) for number in range(5)]))
    ledger = open_ledger(None)
    try:
        transfer = Transfer(Ledgers(ledger, lambda text: None), Floor(None, local_only=False), PrivacyConfig())
        importer = transfer.importer()
        report = await asyncio.to_thread(importer.run, [file], on_progress=lambda report, share: importer.stop())
        assert (report.is_whole, report.added.new) == (False, 2)
        report = await asyncio.to_thread(transfer.importer().run, [file])
        assert (report.is_whole, report.added.new, report.added.known) == (True, 3, 2)
    finally:
        ledger.close()


async def test_one_pinned_folder_pins_all_that_comes_with_it(tmp_path: Path) -> None:
    files = [tmp_path / name / "conversations.json" for name in ("free", "pinned")]
    for number, file in enumerate(files):
        file.parent.mkdir()
        file.write_bytes(shapes.as_json([shapes.gpt_chat(f"c{number}")]))
    (tmp_path / "pinned" / ".hybridchat.toml").write_text("local_only = true\n")
    ledger = open_ledger(None)
    try:
        transfer = Transfer(Ledgers(ledger, lambda text: None), Floor(None, local_only=False), PrivacyConfig())
        await asyncio.to_thread(transfer.importer().run, files)
        assert {one.privacy for one in ledger.conversations().result()} == {"local_only"}
    finally:
        ledger.close()

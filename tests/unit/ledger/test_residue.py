"""A text is found wherever it is: in any spelling, over two pages, in the log, in what a search index has left over."""

from __future__ import annotations

import json
import os
import sqlite3
import unicodedata
from contextlib import closing
from pathlib import Path

import pytest

from hybridchat.ledger import backups
from hybridchat.ledger.connect import connect_writer
from hybridchat.ledger.residue import LONGEST, Searched, search, spellings
from hybridchat.ledger.store import Ledger
from tests.unit.ledger.helpers import opened, whole_turn

TEXT = 'the axolotl said "¿qué?" 🦎'


def found(folder: Path, text: str = TEXT) -> dict[str, set[str]]:
    """File → what is said of its places."""
    result = search(text, [folder], without=folder / "models")
    assert result.unreadable == []
    places: dict[str, set[str]] = {}
    for residue in result.found:
        places.setdefault(Path(residue.file).name, set()).add(residue.where)
    return places


def names(folder: Path, text: str = TEXT) -> set[str]:
    """Without backups."""
    return {name for name in found(folder, text) if not name.startswith("hybridchat-")}


SPELLINGS = {
    "utf-8": TEXT.encode(),
    "utf-16-le": TEXT.encode("utf-16-le"),
    "utf-16-be": TEXT.encode("utf-16-be"),
    "json": json.dumps({"a": TEXT}).encode(),
    "json-upper": json.dumps({"a": TEXT}).replace("\\u00bf", "\\u00BF").replace("\\u00e9", "\\u00E9").encode(),
    "json-raw": json.dumps([TEXT], ensure_ascii=False).encode(),
    "accents apart": unicodedata.normalize("NFD", TEXT).encode(),
    "accents apart, json": json.dumps(unicodedata.normalize("NFD", TEXT)).encode(),
}


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_any_spelling_is_found(spelling: str, tmp_path: Path) -> None:
    content = SPELLINGS[spelling].replace(
        b"\\ud83e\\udd8e", b"\\uD83E\\uDD8E" if "upper" in spelling else b"\\ud83e\\udd8e"
    )
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "some.log").write_bytes(b"\x00before " + content + b" after\xff")
    (tmp_path / "logs" / "other.log").write_bytes(b"before after")
    (tmp_path / "empty").touch()
    assert names(tmp_path) == {"some.log"}


def test_a_latin_text_is_found(tmp_path: Path) -> None:
    (tmp_path / "kept").write_bytes("an attached Straße".encode("latin-1"))
    assert found(tmp_path, "Straße")["kept"] == {"as Latin-1, first at byte 12"}


def test_case_is_as_given(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("Axolotl")
    assert names(tmp_path, "Axolotl") == {"a"}
    assert names(tmp_path, "axolotl") == set()


def test_models_links_and_pipes_are_left_out(tmp_path: Path) -> None:
    home = tmp_path / "home"
    (home / "models").mkdir(parents=True)
    (home / "models" / "a.gguf").write_text(TEXT)
    (tmp_path / "elsewhere").write_text(TEXT)
    (home / "link").symlink_to(tmp_path / "elsewhere")
    if hasattr(os, "mkfifo"):
        os.mkfifo(home / "pipe")
    assert names(home) == set()


def test_what_cannot_be_read_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a").write_text(TEXT)

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    result = search(TEXT, [tmp_path], without=tmp_path / "models")
    assert result == Searched(files=1, unreadable=[f"{tmp_path / 'a'}: Permission denied"])


@pytest.mark.parametrize("what", ["folder", "file"])
def test_a_folder_that_cannot_be_read_is_said(what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """For root there is none."""
    hidden = tmp_path / "backups"
    hidden.mkdir()
    (hidden / "a").write_text(TEXT)
    called = "scandir" if what == "folder" else "stat"  # by which pathlib looks at links, too
    real, barred = getattr(os, called), hidden if what == "folder" else hidden / "a"

    def refuse(path: str | Path, *args: object, **more: object) -> object:
        if Path(path) == barred:
            raise PermissionError(13, "Permission denied", str(path))
        return real(path, *args, **more)

    monkeypatch.setattr(os, called, refuse)
    result = search(TEXT, [tmp_path], without=tmp_path / "models")
    assert result == Searched(unreadable=[f"{barred}: Permission denied"])


def test_what_goes_meanwhile_is_no_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "walk", lambda *_, **__: [(str(tmp_path), [], ["gone"])])
    assert search(TEXT, [tmp_path], without=tmp_path / "models") == Searched()


def test_the_ledger_its_log_and_its_backups(ledger: Ledger, path: Path) -> None:
    whole_turn(ledger, TEXT)
    backup = backups.backup(path)
    places = found(path.parent)
    assert set(places) == {"hybridchat.db", "hybridchat.db-wal", backup.name}
    for name in ("hybridchat.db", backup.name):
        assert {"table message, column text: 1 row", "table conversation, column title: 1 row"} <= places[name]
    assert names(path.parent, "never said") == set()


def test_a_damaged_copy_is_searched_as_bytes(path: Path) -> None:
    with opened(path) as ledger:
        whole_turn(ledger, TEXT)
    copy = path.with_name("hybridchat.db.corrupt-20260101T000000Z")
    content = bytearray(path.read_bytes())
    content[100:300] = b"\xff" * 200
    copy.write_bytes(content)
    result = search(TEXT, [path.parent], without=path.parent / "models")
    assert result.only_bytes == [str(copy)]
    assert str(copy) in {residue.file for residue in result.found}


# --- over two pages


def long_text(at: int) -> str:
    """The marked words stand `at` characters from the beginning of a text of several pages."""
    filler = "".join(f"{number:07} " for number in range(3000))
    return filler[:at] + TEXT + filler[at:12_000]


@pytest.mark.parametrize("suffix", ["", "-wal"])
def test_a_text_over_two_pages_is_found_wherever_it_is_cut(suffix: str, tmp_path: Path) -> None:
    """Deleted without secure_delete: no table shows it any more, and no page holds it whole."""
    words, path = TEXT.encode(), tmp_path / "a.db"
    cuts = set()
    for shift in range(0, len(words) + 2, 5):
        path.unlink(missing_ok=True)
        with closing(sqlite3.connect(path, isolation_level=None)) as db:
            db.execute("PRAGMA secure_delete = OFF")  # some builds have it on
            if suffix:
                db.execute("PRAGMA journal_mode = WAL")
            db.execute("CREATE TABLE t (a TEXT)")
            local = _local_bytes(len(long_text(0).encode()))
            db.execute("INSERT INTO t VALUES (?)", ("x" * 6000,))  # its page will head the list of free ones
            for begin in (local, local + 4092):  # the first overflow page, and the second
                db.execute("INSERT INTO t VALUES (?)", (long_text(begin - shift),))
            db.execute("DELETE FROM t")
            content = Path(f"{path}{suffix}").read_bytes()
            cuts.add(content.count(words))
            assert f"a.db{suffix}" in names(tmp_path), shift
    assert 0 in cuts, "often it is whole nowhere"


def _local_bytes(payload: int, usable: int = 4096) -> int:
    """How much of a text stays on its leaf page (fileformat2, 1.6), less the record's header."""
    header = 1 + 3
    least = (usable - 12) * 32 // 255 - 23
    kept = least + (payload + header - least) % (usable - 4)
    return (kept if kept <= usable - 35 else least) - header


def test_pages_of_another_file_are_none(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"SQLite format 3\x00" + b"\x00" * 100)
    assert names(tmp_path) == set()


# --- in a search index


def test_words_that_only_the_index_still_holds_are_found(path: Path) -> None:
    """A title that was changed is gone from its table; a word next to one like it is not whole in the bytes."""
    with opened(path) as ledger:
        whole_turn(ledger, "a question", title="wolverine wolves")
    with closing(connect_writer(path)) as db:
        db.execute("UPDATE conversation SET title = 'another'")
    assert names(path.parent, "olverine") == {"hybridchat.db"}
    for text in ("wolves", "Wolverine wolves", "a wolverine would", "lverine wolv"):
        assert "hybridchat.db" in names(path.parent, text), text
    assert names(path.parent, "wolf") == set()
    assert names(path.parent, "another question entirely") == set()
    with closing(sqlite3.connect(path)) as db:
        db.execute("INSERT INTO conversation_fts (conversation_fts) VALUES ('optimize')")
        db.commit()
    assert names(path.parent, "wolverine wolves") == set()


def test_a_title_that_was_changed_is_nowhere(path: Path) -> None:
    with opened(path) as ledger:
        ids = whole_turn(ledger, "a question", title="wolverine wolves")
        ledger.update_conversation(ids.conversation_id, title="another").result()
    assert names(path.parent, "wolverine") == set()


def test_a_word_that_others_use_is_no_residue(path: Path) -> None:
    with opened(path) as ledger:
        ids = whole_turn(ledger, "common words", title="common words")
        whole_turn(ledger, "common again", title="common again")
        ledger.delete_conversation(ids.conversation_id).result()
        ledger.purge_deleted().result()
    assert names(path.parent, "common words") == set()
    assert names(path.parent, "common") == {"hybridchat.db"}


def test_a_text_is_at_most_so_long_that_it_lies_on_two_pages() -> None:
    for text in ("x", "한", "𝅘𝅥𝅯"):
        assert max(len(pattern) for pattern, form in spellings(text * LONGEST).items() if "JSON" not in form) < 4092 - 4

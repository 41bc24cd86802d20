"""Files as they come: whole, cut off, packed, of another kind, or made to harm."""

from __future__ import annotations

import io
import json
import os
import struct
import zipfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hybridchat.domain.imports import Found, ImportedConversation, Unread
from hybridchat.errors import UsageError
from hybridchat.importing import elements, sources
from hybridchat.importing.elements import Elements, Truncated
from tests.unit.importing import shapes
from tests.unit.importing.shapes import as_json, gpt_chat


def found(file: Path, form: str | None = None) -> list[Found]:
    return [one for one, _ in sources.found_in(file, form, shapes.NOW)]


def origins(file: Path) -> list[str]:
    return [one.origin for one in found(file) if isinstance(one, ImportedConversation)]


def packed(file: Path, **members: bytes) -> Path:
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return file


class InPieces(io.BytesIO):
    """A stream that gives a few bytes at a time."""

    def read(self, size: int | None = -1, /) -> bytes:
        return super().read(9)


VALUES = st.text() | st.lists(st.text() | st.none()) | st.dictionaries(st.text(), st.floats(allow_nan=False))


@settings(max_examples=15)
@given(st.lists(st.dictionaries(st.text(), VALUES, min_size=1)), st.booleans())
def test_entries_come_as_they_are(entries: list[Any], has_indent: bool) -> None:
    document = json.dumps(entries, indent=1 if has_indent else None, ensure_ascii=False).encode("utf-8", "replace")
    told = [json.loads(one) for one in Elements(InPieces(b"\xef\xbb\xbf " + document), "x")]
    assert told == json.loads(document)


@given(st.binary())
def test_any_bytes_end_in_entries_or_in_a_word(data: bytes) -> None:
    with suppress(UsageError, Truncated):
        assert sum(map(len, Elements(InPieces(data), "x"))) <= len(data)


def test_what_is_no_entry_is_told(tmp_path: Path) -> None:
    file = tmp_path / "conversations.json"
    others = b', 7, "x", {"a": 1}, [], '
    file.write_bytes(b"[null, " + as_json(gpt_chat("c1")) + others + as_json(gpt_chat("c2")) + b"]")
    assert origins(file) == ["chatgpt:c1", "chatgpt:c2"]
    assert [one.where for one in found(file) if isinstance(one, Unread)] == [
        f"conversation {n}" for n in (1, 3, 4, 5, 6)
    ]


def test_each_entry_is_known_by_its_look(tmp_path: Path) -> None:
    file = tmp_path / "all.json"
    talk = shapes.claude(shapes.claude_message("1", "human", "hello", shapes.ROOT))
    chat = shapes.webui(shapes.webui_message("1", None, "user", "hello"), leaf="1")
    file.write_bytes(as_json([gpt_chat("c1"), talk, chat]))
    assert origins(file) == ["chatgpt:c1", "claude:k1", "open-webui:w1"]
    assert len([one for one in found(file, "claude") if isinstance(one, Unread)]) == 2
    file.write_bytes(as_json(talk))  # one, without a list around it
    assert origins(file) == ["claude:k1"]


def test_a_file_that_was_cut_off(tmp_path: Path) -> None:
    file = tmp_path / "conversations.json"
    file.write_bytes(as_json([gpt_chat("c1"), gpt_chat("c2"), gpt_chat("c3")])[:-300])
    *_, last = found(file)
    assert origins(file) == ["chatgpt:c1", "chatgpt:c2"]
    assert last == Unread("after conversation 2", "the file ends in the middle: it is cut off, or was never complete")


def test_an_entry_that_no_memory_could_hold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(elements, "MAX_ENTRY_BYTES", 10_000)
    monkeypatch.setattr(elements, "PIECE_BYTES", 1000)
    file = tmp_path / "conversations.json"
    file.write_bytes(as_json([gpt_chat("c1"), gpt_chat("c2", turns=100)]))
    *_, last = found(file)
    assert origins(file) == ["chatgpt:c1"]
    assert isinstance(last, Unread) and "an entry is larger than" in last.why


def test_the_zip_as_it_was_sent(tmp_path: Path) -> None:
    file = packed(
        tmp_path / "export.zip",
        **{
            "chat.html": b"<html>",
            "user.json": b"{}",
            "in/conversations-000.json": as_json([gpt_chat("c1")]),
            "in/conversations-001.json": as_json([gpt_chat("c2")]),
        },
    )
    assert origins(file) == ["chatgpt:c1", "chatgpt:c2"]
    assert [share for _, share in sources.found_in(file, None, shapes.NOW)] == pytest.approx([0.5, 1.0], abs=0.1)


def test_names_that_lead_elsewhere_are_only_names(tmp_path: Path) -> None:
    inside = tmp_path / "inside"
    inside.mkdir()
    file = packed(inside / "x.zip", **{"../../conversations.json": as_json([gpt_chat("c1")])})
    assert origins(file) == ["chatgpt:c1"]
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["inside", "x.zip"]


def bomb(file: Path) -> Path:
    return packed(file, **{"conversations.json": b"[" + b" " * (80 << 20) + b"]"})


def lying(file: Path) -> Path:
    """It says of its little content that it is 2 GB."""
    packed(file, **{"conversations.json": as_json([gpt_chat("c1")])})
    data = bytearray(file.read_bytes())
    entry = data.index(b"PK\x01\x02")
    data[entry + 24 : entry + 28] = struct.pack("<I", 2 << 30)
    file.write_bytes(data)
    return file


def cut(file: Path) -> Path:
    packed(file, **{"conversations.json": as_json([gpt_chat("c1", 50)])})
    file.write_bytes(file.read_bytes()[:-200])
    return file


def flipped(file: Path) -> Path:
    packed(file, **{"conversations.json": as_json([gpt_chat("c1", 50)])})
    data = bytearray(file.read_bytes())
    data[200:220] = bytes(20)
    file.write_bytes(data)
    return file


def locked(file: Path) -> Path:
    packed(file, **{"conversations.json": as_json([gpt_chat("c1")])})
    data = bytearray(file.read_bytes())
    data[6] |= 1
    data[data.index(b"PK\x01\x02") + 8] |= 1
    file.write_bytes(data)
    return file


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (bomb, "would unpack to 0.1 GB"),
        (lying, "would unpack to 2.1 GB"),
        (cut, "is no zip that can be read"),
        (flipped, "is no zip that can be read"),
        (locked, "is no zip that can be read"),
        (lambda file: packed(file, **{"holiday.jpg": b"\xff\xd8"}), "no conversations.json in this zip"),
    ],
    ids=["bomb", "lying", "cut", "flipped", "locked", "foreign"],
)
def test_a_zip_that_is_none(make: Any, says: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=says):
        found(make(tmp_path / "export.zip"))


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "is empty"),
        (b" \n", "is empty"),
        (b"hello", "is no JSON"),
        (b"%PDF-1.7", "is no JSON"),
        (b"\xff\xfe[\0]\0", "is no JSON"),
        (sources.SQLITE_HEAD + bytes(200), "is no database of llm"),
    ],
)
def test_a_file_that_is_none(data: bytes, says: str, tmp_path: Path) -> None:
    file = tmp_path / "conversations.json"
    file.write_bytes(data)
    with pytest.raises(UsageError, match=says):
        found(file)


@pytest.mark.parametrize("nested", [b"[" * 100_000, b'{"mapping":' * 100_000, b"[[[[" + b"]" * 9])
def test_brackets_without_end(nested: bytes, tmp_path: Path) -> None:
    file = tmp_path / "conversations.json"
    file.write_bytes(b"[" + nested + b"}" * 100_000 + b"]")
    assert all(isinstance(one, Unread) for one in found(file))


def test_a_folder_or_no_file(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is a folder: name the files in it"):
        found(tmp_path)
    with pytest.raises(UsageError, match="No such file or directory"):
        found(tmp_path / "absent.json")
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe")
        with pytest.raises(UsageError, match="no file that can be read"):
            found(tmp_path / "pipe")


def test_llms_older_database(tmp_path: Path) -> None:
    file = shapes.llm_database(
        tmp_path / "logs.db",
        shapes.LLM_OLD,
        conversations=[("k1", "a talk", "gpt-4o"), ("k2", None, "tiny")],
        attachments=[("a1", "image/png", "/home/someone/cat.png"), ("a2", "image/png", None, None, b"x")],
        prompt_attachments=[("r1", "a1", 0), ("r1", "a2", 1)],
        fragments=[(1, "h", "a long page")],
        prompt_fragments=[("r2", 1, 0)],
        responses=[
            ("r1", "gpt-4o", "what is it?", "Be brief.", None, None, "A cat.", None, "k1", 9, "2025-01-02T03:04:05.6"),
            ("r2", "gpt-4o", "and this?", None, None, None, "A page.", None, "k1", 9, "2025-01-02T03:05:00"),
        ],
    )
    talk, empty = [one for one in found(file) if isinstance(one, ImportedConversation)]
    assert (talk.origin, talk.title, talk.system, talk.active) == ("llm:k1", "a talk", "Be brief.", "r2")
    assert [(m.text, m.model, m.created_at) for m in talk.messages] == [
        ("what is it?\n\n[attached: cat.png]\n[attached: image/png]", None, "2025-01-02T03:04:05.600Z"),
        ("A cat.", "gpt-4o", "2025-01-02T03:04:05.600Z"),
        ("a long page\n\nand this?", None, "2025-01-02T03:05:00.000Z"),
        ("A page.", "gpt-4o", "2025-01-02T03:05:00.000Z"),
    ]
    assert empty.messages == ()


def test_llms_responses_without_their_conversation_are_told(tmp_path: Path) -> None:
    row = ("r2", "tiny", "lost?", None, None, None, "Yes.", None, None, 9, "2025-01-02T03:05:00")
    file = shapes.llm_database(tmp_path / "logs.db", shapes.LLM_OLD, responses=[row, ("r3", *row[1:8], "gone")])
    assert found(file) == [Unread("2 responses", "the conversation that they name is not there")]


def test_llms_newer_database(tmp_path: Path) -> None:
    borrowed = json.dumps({"text_ref": [{"literal": "see: "}, {"fragment": 1}]})
    file = shapes.llm_database(
        tmp_path / "logs.db",
        shapes.LLM_OLD + shapes.LLM_NEW,
        conversations=[("t1", "older", "tiny")],
        attachments=[("a1", "image/png", None, "https://example.org/cat.png?x")],
        fragments=[(1, "h", "a page")],
        threads=[("t1", "a talk", "m3")],
        turns=[
            ("1", "t1", "s", "m2", "tiny", None, None, 1, 2, "2026-01-02T03:04:05+00:00"),
            ("2", "t1", "m1", "m3", "big", "big-2", None, 1, 2, "2026-01-02T03:05:00+00:00"),
        ],
        messages=[("s", None, "system"), ("m1", "s", "user"), ("m2", "m1", "assistant"), ("m3", "m1", "assistant")],
        parts=[
            (1, "s", 0, "text", None, "Be brief."),
            (2, "m1", 0, "text", None, None, borrowed),
            (3, "m1", 1, "attachment", None, None, '{"attachment": {"id": "a1"}}'),
            (4, "m2", 0, "reasoning", None, "So."),
            (5, "m2", 1, "tool_call", "look", None, '{"arguments": {"q": 1}}'),
            (6, "m2", 2, "text", None, "Done."),
            (7, "m3", 0, "text", None, "Other."),
        ],
        part_attachments=[(3, "a1", 0)],
    )
    (talk,) = found(file)
    assert isinstance(talk, ImportedConversation)
    assert (talk.title, talk.system, talk.active) == ("a talk", "Be brief.", "m3")
    assert [(m.origin, m.parent, m.text, m.thinking, m.model) for m in talk.messages] == [
        ("m1", None, "see: a page\n\n[attached: cat.png?x]", "", None),
        ("m2", "m1", '*look:*\n\n```json\n{"q":1}\n```\n\nDone.', "So.", "tiny"),
        ("m3", "m1", "Other.", "", "big-2"),
    ]


def test_numbers_without_end_are_no_conversations(tmp_path: Path) -> None:
    file = tmp_path / "conversations.json"
    file.write_bytes(b"[" + b"1," * 100_000 + as_json(gpt_chat("c1")) + b"]")
    assert len(found(file)) == elements.MAX_BETWEEN + 2
    assert origins(file) == ["chatgpt:c1"]

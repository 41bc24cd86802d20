"""Documents and pictures from anywhere are looked into by a process of its own, which may fail as it likes."""

from __future__ import annotations

import io
import sys
import zlib
from contextlib import suppress
from pathlib import Path

import pytest
from pypdf import PdfReader, PdfWriter
from pypdf.generic import DecodedStreamObject, DictionaryObject, NameObject

from hybridchat.attaching import child
from hybridchat.attaching.previews import preview, sixels
from hybridchat.attaching.reading import read_file
from hybridchat.domain.attachments import PDF
from hybridchat.errors import UsageError
from tests.sixels import read as read_sixels


def pdf(*pages: str, password: str = "") -> bytes:
    writer = PdfWriter()
    font = DictionaryObject(
        {NameObject("/Type"): NameObject("/Font"), NameObject("/Subtype"): NameObject("/Type1")}
        | {NameObject("/BaseFont"): NameObject("/Helvetica")}
    )
    for text in pages:
        page = writer.add_blank_page(200, 200)
        page[NameObject("/Resources")] = DictionaryObject(
            {NameObject("/Font"): DictionaryObject({NameObject("/F1"): writer._add_object(font)})}
        )
        stream = DecodedStreamObject()
        stream.set_data(f"BT /F1 12 Tf 10 100 Td ({text}) Tj ET".encode() if text else b"")
        page[NameObject("/Contents")] = writer._add_object(stream)
    if password:
        writer.encrypt(password, algorithm="RC4-128")
    out = io.BytesIO()
    writer.write(out)
    assert len(PdfReader(io.BytesIO(out.getvalue())).pages if not password else pages) == len(pages)
    return out.getvalue()


def read(tmp_path: Path, data: bytes) -> object:
    (tmp_path / "it.pdf").write_bytes(data)
    return read_file(tmp_path / "it.pdf")


def test_a_document_is_its_text_by_pages(tmp_path: Path) -> None:
    (tmp_path / "report.pdf").write_bytes(pdf("first words", "", "last words"))
    attachment = read_file(tmp_path / "report.pdf")
    assert attachment.text == "[page 1]\nfirst words\n\n[page 3]\nlast words"
    assert (attachment.name, attachment.media_type, attachment.file.pages) == ("report.pdf", "text/plain", 3)


def test_a_scan_goes_as_it_is(tmp_path: Path) -> None:
    data = pdf("", "")
    (tmp_path / "scan.pdf").write_bytes(data)
    attachment = read_file(tmp_path / "scan.pdf")
    assert (attachment.media_type, attachment.data, attachment.pages, attachment.text) == (PDF, data, 2, None)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"%PDF-1.7\nnothing of a document", "cannot be read: "),
        (pdf("secret", password="x"), "it is locked with a password"),
    ],
    ids=["damaged", "locked"],
)
def test_what_cannot_be_read_is_a_line(tmp_path: Path, data: bytes, why: str) -> None:
    with pytest.raises(UsageError, match=why) as refused:
        read(tmp_path, data)
    assert "\n" not in str(refused.value)


def test_a_bomb_is_not_unpacked_here(tmp_path: Path) -> None:
    packed = zlib.compress(zlib.compress(b" " * 200_000_000, 9), 9)
    objects = (
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] /Contents 4 0 R >>",
        b"<< /Length %d /Filter [/FlateDecode /FlateDecode] >>\nstream\n%s\nendstream" % (len(packed), packed),
    )
    out = b"%PDF-1.7\n"
    places = []
    for number, one in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, one)
    table = b"xref\n0 5\n0000000000 65535 f \n" + b"".join(b"%010d 00000 n \n" % place for place in places)
    out += table + b"trailer\n<< /Size 5 /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(out))
    (tmp_path / "bomb.pdf").write_bytes(out)
    with suppress(UsageError):  # or it is a document in which nobody found a text
        assert read_file(tmp_path / "bomb.pdf").data == out


@pytest.mark.skipif(sys.platform == "win32", reason="no limits there but that of time")
def test_what_asks_for_too_much_memory_ends(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    root = Path(__file__).parents[2]
    code = f"import sys; sys.path.insert(0, {str(root)!r})\nfrom hybridchat.attaching import child\n"
    (tmp_path / "greedy.py").write_text(f"{code}child.limit(1 << 29, 5)\nprint(len(bytearray(1 << 30)))\n")
    monkeypatch.setattr(child, "_ROOT", tmp_path)
    with pytest.raises(UsageError, match="it cannot be read: MemoryError"):
        child.run("greedy", (), b"", "it")


def test_what_takes_too_long_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child, "MOST_S", 0.01)
    with pytest.raises(UsageError, match=r"it\.pdf takes too long to be read"):
        child.run("hybridchat.attaching.documents", (), pdf("words"), "it.pdf")


def test_the_child_gets_nothing_of_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-canary")
    monkeypatch.setattr(child, "_ROOT", tmp_path)
    (tmp_path / "tell.py").write_text("import os, json; print(json.dumps(dict(os.environ)))")
    assert b"canary" not in child.run("tell", (), b"", "it")


def test_a_picture_is_made_small(tmp_path: Path) -> None:
    pillow = pytest.importorskip("PIL.Image")
    out = io.BytesIO()
    pillow.new("RGB", (480, 160), (255, 0, 0)).save(out, "PNG")
    small = preview(out.getvalue(), "red.png")
    assert (small.width, small.height, len(small.rgb)) == (240, 80, 3 * 240 * 80)
    assert set(small.rgb[:6]) == {255, 0}
    with pytest.raises(UsageError, match=r"bad\.png cannot be read"):
        preview(out.getvalue()[:60], "bad.png")


def test_a_picture_is_made_of_sixels(tmp_path: Path) -> None:
    pillow = pytest.importorskip("PIL.Image")
    out = io.BytesIO()
    picture = pillow.new("RGB", (200, 100), (255, 0, 0))
    picture.paste((0, 51, 204), (0, 0, 100, 100))
    picture.save(out, "PNG")
    drawn = sixels(out.getvalue(), "flag.png", (60, 60))
    read = read_sixels(drawn.sequence)
    assert (drawn.width, drawn.height, read.width, read.height) == (60, 30, 60, 30)
    assert (read.pixels[0, 0], read.pixels[59, 29], len(read.pixels)) == ((0, 20, 80), (100, 0, 0), 1800)

"""Files are what is in them; what cannot be attached is one line that helps."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import pytest

from hybridchat.attaching import gathering, reading, walking
from hybridchat.attaching.reading import read_file
from hybridchat.domain.media import pixels_of
from hybridchat.errors import UsageError

PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + struct.pack(">II", 640, 480)
GIF = b"GIF89a" + struct.pack("<HH", 12, 34)
JPEG = b"\xff\xd8\xff\xe0\0\x10JFIF\0" + b"\0" * 9 + b"\xff\xc2\0\x11\x08" + struct.pack(">HH", 600, 800) + b"\x03"
LOSSY = b"RIFF\0\0\0\0WEBPVP8 \0\0\0\0\0\0\0\x9d\x01\x2a" + struct.pack("<HH", 320, 200)
LOSSLESS = b"RIFF\0\0\0\0WEBPVP8L\0\0\0\0\x2f" + struct.pack("<I", (99 << 14) | 199)
EXTENDED = b"RIFF\0\0\0\0WEBPVP8X" + b"\0" * 8 + (1023).to_bytes(3, "little") + (767).to_bytes(3, "little")


@pytest.mark.parametrize(
    ("data", "media_type", "pixels"),
    [
        (PNG, "image/png", (640, 480)),
        (GIF, "image/gif", (12, 34)),
        (JPEG, "image/jpeg", (800, 600)),
        (LOSSY, "image/webp", (320, 200)),
        (LOSSLESS, "image/webp", (200, 100)),
        (EXTENDED, "image/webp", (1024, 768)),
        (b"plain words", "text/plain", None),
        ("naïve".encode("utf-16"), "text/plain", None),
        (b"<svg/>", "text/plain", None),
    ],
    ids=["png", "gif", "jpeg", "webp lossy", "webp lossless", "webp extended", "text", "utf-16", "svg"],
)
def test_the_content_tells_what_it_is(
    tmp_path: Path, data: bytes, media_type: str, pixels: tuple[int, int] | None
) -> None:
    path = tmp_path / "misleading.pdf.exe"
    path.write_bytes(data)
    attachment = read_file(path)
    assert (attachment.name, attachment.media_type, attachment.data) == (path.name, media_type, data)
    assert pixels_of(data) == pixels
    assert attachment.file.pixels == (pixels or (0, 0))


def test_a_latin_text_is_read_as_one_and_that_is_said(tmp_path: Path) -> None:
    (tmp_path / "brief.txt").write_bytes("Grüße aus München – 20 €\n".encode("cp1252"))
    attachment = read_file(tmp_path / "brief.txt")
    assert attachment.text == "Grüße aus München – 20 €\n"
    assert str(attachment.file) == "brief.txt · read as Latin-1 · 25 bytes"
    (gathered,) = gathering.gather(tmp_path, "here").attachments
    assert gathered.text == attachment.text


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "is empty — attach"),
        (b"\0\1\2", "is no text, picture or PDF document — save it"),
        ("Доброе утро".encode("koi8-r"), "is no text, .* text as UTF-8"),
        ("おはよう、ございます".encode("shift-jis"), "is no text, .* text as UTF-8"),
        ("naïve\x07".encode("latin-1"), "is no text, .* text as UTF-8"),
        (PNG[:14], "is damaged or cut off"),
        (b"\xff\xd8\xff\xe0", "is damaged or cut off"),
    ],
)
def test_what_is_none_of_these_is_refused_in_a_line(tmp_path: Path, data: bytes, why: str) -> None:
    (tmp_path / "it").write_bytes(data)
    with pytest.raises(UsageError, match=why) as refused:
        read_file(tmp_path / "it")
    assert "\n" not in str(refused.value)


def test_what_is_too_large_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "film").open("wb") as file:
        file.truncate(2_000_000_000)  # a hole: it takes no room
    with pytest.raises(UsageError, match=r"film has 2\.0 GB — at most 20 MB can be attached"):
        read_file(tmp_path / "film")


def test_what_cannot_be_opened_says_why(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"cannot read .*absent: No such file"):
        read_file(tmp_path / "absent")
    with pytest.raises(UsageError, match="cannot read"):
        read_file(tmp_path)
    with pytest.raises(UsageError, match="is no name of a file"):
        read_file(tmp_path / "a\0b")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no named pipes")
def test_a_pipe_that_nobody_writes_to_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UsageError, match="is no ordinary file"):
        read_file(tmp_path / "pipe")


# --- folders


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name in ("a.py", "src/b.py", "src/deep/c.py", "src/deep/c.log", "build/d.py", ".hidden/e.py", "src/keep.log"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x = 1\n")
    (tmp_path / ".git").mkdir()
    (tmp_path / ".gitignore").write_text("*.log\n/build/\n")
    (tmp_path / "src" / ".gitignore").write_text("!keep.log\n")
    return tmp_path


def test_ignore_files_are_obeyed_the_nearest_first(tree: Path) -> None:
    names = walking.list_below(tree).names
    assert names == ("a.py", "src/", "src/b.py", "src/deep/", "src/keep.log", "src/deep/c.py")
    assert walking.list_below(tree / "src" / "deep").names == ("c.py",), "those above hold too"
    assert "build/" in walking.list_in(tree).names, "who types its name may see it"


def test_hidden_ones_are_listed_when_they_are_asked_for(tree: Path) -> None:
    names = walking.list_below(tree, with_hidden=True).names
    assert ".hidden/e.py" in names
    assert not [name for name in names if name.startswith(".git/")]


def test_a_link_that_leads_round_in_a_circle_ends(tree: Path) -> None:
    (tree / "src" / "round").symlink_to(tree, target_is_directory=True)
    names = walking.list_below(tree).names
    assert "src/round/" in names
    assert not [name for name in names if name.startswith("src/round/") and name != "src/round/"]


def test_a_large_tree_is_listed_in_part_and_says_so(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(walking, "MOST_FILES", 2)
    listing = walking.list_below(tree)
    assert (len(listing.names), listing.is_whole) == (2, False)


def test_nobodys_folder_has_no_names(tmp_path: Path) -> None:
    assert walking.list_in(tmp_path / "absent").names == ()


def test_a_folder_gives_its_texts_and_says_how_many_are_left_out(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tree / "src" / "program.bin").write_bytes(b"\0")
    gathered = gathering.gather(tree / "src", "src/")
    assert [one.name for one in gathered.attachments] == ["src/b.py", "src/keep.log", "src/deep/c.py"]
    assert gathered.left_out == 1
    monkeypatch.setattr(gathering, "MOST_FILES", 1)
    assert (len(gathering.gather(tree, "t").attachments), gathering.gather(tree, "t").left_out) == (1, 4)
    (tree / "empty").mkdir()
    with pytest.raises(UsageError, match="there is no text in"):
        gathering.gather(tree / "empty", "empty")


def test_the_limit_is_what_the_docs_say() -> None:
    page = (Path(__file__).parents[3] / "docs" / "attachments.md").read_text(encoding="utf-8")
    limits = (reading.MAX_FILE_BYTES // 10**6, gathering.MOST_FILES, gathering.MOST_BYTES // 10**6)
    assert [text for text in (f"{limits[0]} MB", f"{limits[1]} texts", f"{limits[2]} MB") if text not in page] == []

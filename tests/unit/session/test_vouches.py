"""The user's word is kept with what it was given for, readable by the user alone, and believed from nobody else."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from hybridchat.domain.address import parse_base_url
from hybridchat.domain.peers import Peer
from hybridchat.errors import HybridchatError
from hybridchat.session.vouches import Vouches

PYTHON, UNREADABLE = Peer(pid=1, executable="/usr/bin/python3"), Peer(unreadable="it runs as bob", owner="bob")
ADDRESS = parse_base_url("http://localhost:8000")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "home" / "vouches.json"


def known(file: Path) -> dict[str, tuple[str, str, str | None]]:
    """As another window reads it."""
    vouches = Vouches(file)
    vouches.read()
    return {name: (vouch.kind, vouch.url, vouch.executable) for name, vouch in vouches.by_id.items()}


def test_a_word_is_kept_and_taken_back(file: Path) -> None:
    Vouches(file).give("lab", "vllm", ADDRESS, PYTHON)
    Vouches(file).give("other", "llamacpp", ADDRESS, UNREADABLE)
    assert known(file) == {
        "lab": ("vllm", "http://127.0.0.1:8000", "/usr/bin/python3"),
        "other": ("llamacpp", "http://127.0.0.1:8000", None),
    }
    assert Vouches(file).end("lab")
    assert not Vouches(file).end("lab")
    assert list(known(file)) == ["other"]


def test_another_windows_word_is_read(file: Path) -> None:
    first = Vouches(file)
    first.read()
    Vouches(file).give("lab", "vllm", ADDRESS, UNREADABLE)
    assert first.by_id == {}
    first.read()
    assert list(first.by_id) == ["lab"]
    file.unlink()
    first.read()
    assert first.by_id == {}


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX's")
def test_it_is_the_users_own_file(file: Path) -> None:
    before = os.umask(0)
    try:
        Vouches(file).give("lab", "vllm", ADDRESS, UNREADABLE)
    finally:
        os.umask(before)
    assert (file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert [path.name for path in file.parent.iterdir()] == ["vouches.json"]
    file.chmod(0o620)
    assert known(file) == {}, "others could have written it"


@pytest.mark.skipif(os.name != "posix", reason="links need no rights on POSIX alone")
def test_a_link_is_not_followed_and_not_kept(file: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere.json"
    Vouches(elsewhere).give("lab", "vllm", ADDRESS, UNREADABLE)
    before = elsewhere.read_bytes()
    file.parent.mkdir()
    file.symlink_to(elsewhere)
    assert known(file) == {}
    Vouches(file).give("mine", "vllm", ADDRESS, UNREADABLE)
    assert (elsewhere.read_bytes(), list(known(file))) == (before, ["mine"])


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"lab": {"kind": 1}}', b"\xff", b'{"lab": {}}'])
def test_a_damaged_file_says_nothing(file: Path, content: bytes) -> None:
    file.parent.mkdir()
    file.write_bytes(content)
    assert known(file) == {}


def test_what_cannot_be_kept_is_told_and_does_not_hold(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    vouches = Vouches(tmp_path / "file" / "vouches.json")
    with pytest.raises(HybridchatError, match="cannot be written"):
        vouches.give("lab", "vllm", ADDRESS, UNREADABLE)
    assert vouches.by_id == {}

"""A key that the config names stays with the host where it was first used, until the user lets it go elsewhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from hybridchat.config import BackendConfig
from hybridchat.domain.address import parse_base_url
from hybridchat.errors import EXIT_REFUSED
from hybridchat.session.key_hosts import KeyHosts, KeyMoved

EAST, WEST = "https://east.example", "https://west.example"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "key-hosts.json"


def check(file: Path, url: str, key: str | None = "env:AZURE_KEY") -> None:
    """As another start of the program with that config."""
    entry = BackendConfig(id="az", kind="openai", base_url=url, key=key)
    KeyHosts(file).check(entry, parse_base_url(url))


def test_the_first_use_binds_and_another_host_asks_until_the_user_agrees(file: Path) -> None:
    for url in (EAST, f"{EAST}/v1", f"{EAST}:443"):
        check(file, url)
    with pytest.raises(KeyMoved) as told:
        check(file, WEST)
    assert str(told.value) == (
        "the key of az was for https://east.example:443, and does not go to https://west.example:443 by itself "
        "— `hybridchat keys confirm az` if it may"
    )
    assert told.value.exit_code == EXIT_REFUSED
    check(file, EAST)
    told.value.agree()
    check(file, WEST)
    with pytest.raises(KeyMoved):
        check(file, EAST)


@pytest.mark.parametrize("url", ["http://east.example", f"{EAST}:8443", "https://east.example.com"])
def test_another_port_or_without_tls_is_another_host(file: Path, url: str) -> None:
    check(file, EAST)
    with pytest.raises(KeyMoved):
        check(file, url)


def test_another_key_was_just_written_and_binds_anew(file: Path) -> None:
    check(file, EAST)
    check(file, WEST, "command:pass show west")
    with pytest.raises(KeyMoved):
        check(file, EAST, "command:pass show west")


@pytest.mark.parametrize("key", [None, "keyring"])
def test_what_is_bound_by_where_it_lies_needs_nothing(file: Path, key: str | None) -> None:
    check(file, EAST, key)
    check(file, WEST, key)
    assert not file.exists()


def test_where_nothing_can_be_kept_it_works_as_if_first_used(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for url in (EAST, WEST):
        check(tmp_path / "file" / "key-hosts.json", url)

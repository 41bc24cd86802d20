"""Scenario 15: looking at a reply, and pointing at its links, connects nowhere."""

from __future__ import annotations

import os

import pytest

from tests.privacy.test_egress import nothing, play

pytestmark = pytest.mark.skipif(os.name != "posix", reason="pseudo-terminals are POSIX's")


def test_privacy_15_links_show_their_address_first_and_pinned_chats_only_copy() -> None:
    found, seen = play("links_and_images")
    assert nothing(seen), "neither the text, nor pointing, nor the dialog, nor opening: that was the browser's"
    assert found["asked"] == 0
    assert (found["opened_before"], found["opened"]) == (False, [found["long"]])
    assert found["long"] in found["shown"], "all of the address, before it is opened"
    assert "the reply shows bank.example, and this leads to managed.invalid" in found["warned"]
    assert found["copied"] == "https://managed.invalid/login"

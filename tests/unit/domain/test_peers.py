"""Only Ollama's own program, readably, is Ollama."""

from __future__ import annotations

import pytest

from hybridchat.domain.chat import Health, Kind
from hybridchat.domain.peers import Peer, is_ollamas_own, why_not_ollama

OLLAMA = Peer(pid=1, executable="/usr/local/bin/ollama")


def test_its_own_program() -> None:
    assert why_not_ollama(OLLAMA) is None
    assert is_ollamas_own(Kind.OLLAMA, Health(fails_closed=True), OLLAMA)


@pytest.mark.parametrize(
    "peer",
    [
        None,
        Peer(unreadable="it runs as ollama"),
        Peer(pid=1, executable="/usr/bin/ssh"),
        Peer(pid=1, executable="/usr/bin/docker-proxy"),
        Peer(pid=1, executable="/usr/bin/notollama"),
        Peer(pid=1, executable="/opt/ollama/socat"),
        Peer(pid=1, executable="/usr/local/bin/ollama (deleted)"),
        Peer(pid=1, executable="/tmp/ollama", misgiving="others can change that file"),
    ],
)
def test_anything_else_says_what_it_is(peer: Peer | None) -> None:
    why = why_not_ollama(peer)
    assert why
    if peer is not None:
        assert (peer.executable or peer.unreadable) in why
    assert not is_ollamas_own(Kind.OLLAMA, Health(fails_closed=True), peer)


def test_the_program_alone_is_not_enough() -> None:
    assert not is_ollamas_own(Kind.OLLAMA, Health(), OLLAMA)
    assert not is_ollamas_own(Kind.OPENAI_COMPATIBLE, Health(fails_closed=True), OLLAMA)

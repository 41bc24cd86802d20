"""The tests' own promise: nothing but loopback can be reached, and who swallows the refusal fails all the same."""

from __future__ import annotations

import socket

import pytest

from tests import conftest


@pytest.mark.parametrize("host", ["192.0.2.1", "2001:db8::1"])
def test_other_machines_cannot_be_reached(host: str) -> None:
    with pytest.raises(conftest.NetworkForbidden):
        socket.create_connection((host, 9), timeout=1)
    assert conftest._escapes
    conftest._escapes.clear()  # this one was meant


def test_names_cannot_be_looked_up() -> None:
    with pytest.raises(conftest.NetworkForbidden):
        socket.getaddrinfo("example.com", 80)
    conftest._escapes.clear()

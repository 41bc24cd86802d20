"""Nothing leaves the device unrecorded: the row is there before the first byte, and without it no byte goes."""

from __future__ import annotations

import asyncio
from concurrent.futures import Future

import pytest

from hybridchat.domain.address import parse_base_url
from hybridchat.domain.audit import Departure, Errand
from hybridchat.domain.chat import Zone
from hybridchat.errors import BackendError, LedgerError, Refused
from hybridchat.net.audit import on_errand
from hybridchat.net.client import Policy, open_client
from hybridchat.net.hub import ListedHosts, library_client
from tests.fakes.http import FakeServer, Request, Responder
from tests.fakes.recorder import Recorded

FAR = [Zone.PRIVATE, Zone.MANAGED]


async def ok(_: Request, respond: Responder) -> None:
    await respond.whole({})


def policy(server: FakeServer, zone: Zone = Zone.MANAGED) -> Policy:
    return Policy(zone=zone, address=parse_base_url(server.url), backend="rented")


@pytest.mark.parametrize("zone", FAR)
async def test_a_request_is_recorded_with_what_it_is_for(zone: Zone) -> None:
    recorded = Recorded()
    async with FakeServer(ok) as server:
        client = open_client(policy(server, zone), recorded)
        await client.get_json("/v1/models")
        with on_errand(Errand(purpose="chat", conversation_id=3, message_id=8, attempt_id=5)):
            await client.post_json("/v1/chat", {"words": "ü" * 100})
        await client.aclose()
    look, chat = recorded.departures
    assert (look.host, look.port, look.zone, look.backend) == ("127.0.0.1", server.port, zone, "rented")
    assert (look.errand, look.body_bytes) == (Errand(purpose="look"), 0)
    assert (chat.errand.conversation_id, chat.errand.message_id, chat.errand.purpose) == (3, 8, "chat")
    assert [chat.body_bytes, recorded.sent_bytes[1]] == [len(server.requests[1].body)] * 2


async def test_loopback_is_not_recorded() -> None:
    recorded = Recorded()
    async with FakeServer(ok) as server:
        client = open_client(policy(server, Zone.DEVICE), recorded)
        await client.post_json("/", {})
        await client.aclose()
    assert recorded.departures == []


class Slow(Recorded):
    """Its rows are committed when the test says so."""

    def __init__(self) -> None:
        super().__init__()
        self.row: Future[int] = Future()
        self.row.set_running_or_notify_cancel()
        self.asked = asyncio.Event()

    def depart(self, departure: Departure) -> Future[int]:
        self.asked.set()
        return self.row


async def test_no_byte_and_no_connection_before_the_row_is_committed() -> None:
    slow = Slow()
    async with FakeServer(ok) as server:
        client = open_client(policy(server), slow)
        sending = asyncio.create_task(client.get_json("/", timeout_s=30))
        await slow.asked.wait()
        for _ in range(20):
            await asyncio.sleep(0)
        assert server.connections == 0
        slow.row.set_result(1)
        await sending
        await client.aclose()
    assert slow.sent_bytes == [0]


async def test_who_gives_up_while_the_row_is_written_has_sent_nothing() -> None:
    slow = Slow()
    async with FakeServer(ok) as server:
        client = open_client(policy(server), slow)
        sending = asyncio.create_task(client.post_json("/", {"words": "x"}, timeout_s=30))
        await slow.asked.wait()
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)
        slow.row.set_result(1)
        await client.aclose()
        assert (server.connections, slow.sent_bytes) == (0, [0])


@pytest.mark.parametrize("zone", FAR)
async def test_what_cannot_be_recorded_is_not_sent(zone: Zone) -> None:
    async with FakeServer(ok) as server:
        client = open_client(policy(server, zone), Recorded(LedgerError("the disk is full", "make room")))
        with pytest.raises(Refused) as refused:
            await client.get_json("/")
        await client.aclose()
        assert server.connections == 0
    assert str(refused.value) == (
        "what leaves this device could not be recorded (the disk is full) — nothing was sent; make room"
    )


@pytest.mark.parametrize("zone", FAR)
def test_no_way_out_exists_without_a_recorder(zone: Zone) -> None:
    with pytest.raises(Refused, match="must be recorded"):
        open_client(Policy(zone=zone, address=parse_base_url("http://127.0.0.1:1")))


def test_nor_one_to_the_hub() -> None:
    with pytest.raises(Refused, match="must be recorded"):
        library_client(ListedHosts("https://hub.example", ()), None)


async def test_a_connection_that_fails_took_nothing_of_the_body() -> None:
    recorded = Recorded()
    async with FakeServer(ok) as server:
        client = open_client(policy(server), recorded)
    with pytest.raises(BackendError):
        await client.post_json("/", {"words": "x"})
    await client.aclose()
    assert (recorded.departures[0].body_bytes, recorded.sent_bytes) == (13, [0])


async def test_the_hubs_library_is_recorded_before_it_asks() -> None:
    recorded = Recorded()
    async with FakeServer(ok) as server:
        with library_client(ListedHosts(server.url, ()), recorded) as client:
            await asyncio.to_thread(client.get, f"{server.url}/api")
        recorded.error = LedgerError("the disk is full")
        with library_client(ListedHosts(server.url, ()), recorded) as client, pytest.raises(Refused):
            await asyncio.to_thread(client.get, f"{server.url}/api")
        assert [request.path for request in server.requests] == ["/api"]
    assert [(left.errand.purpose, left.port) for left in recorded.departures] == [("pull", server.port)]

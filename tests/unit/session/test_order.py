"""Messages in order, once each, whatever happens while they are on their way: queues, races, closing."""

from __future__ import annotations

import asyncio

import pytest

from hybridchat.domain.chat import MessageState, Outcome, Privacy, Zone
from hybridchat.domain.events import Finished, Text
from hybridchat.errors import HybridchatError
from hybridchat.session.chat import Chat
from hybridchat.session.events import Delta, QueueChanged, TurnEnded
from tests.unit.session.conftest import Build, World, spec, until

LAB = spec("lab", Zone.DEVICE)


async def test_stop_between_enter_and_the_request_stops_it(build: Build) -> None:
    world = await build(LAB)
    world.backends["lab"].script = (asyncio.Event(),)
    chat = world.session.new()
    sending = asyncio.create_task(world.session.send(chat, "go"))
    await asyncio.sleep(0)
    assert chat.is_sending
    await world.session.stop(chat)
    await sending
    reply = await world.session.wait(chat)
    assert reply.state is MessageState.STOPPED


async def _queue_two(world: World) -> tuple[Chat, asyncio.Event]:
    gate = asyncio.Event()
    world.backends["lab"].script = (Text("one"), gate, Finished("stop"))
    chat = world.session.new()
    for text in ("first", "second", "third"):
        await world.session.send(chat, text)
    return chat, gate


async def _leave_two(world: World) -> Chat:
    """They wait behind a reply that was stopped."""
    chat, _ = await _queue_two(world)
    await until(lambda: world.told(Delta))
    await world.session.stop(chat)
    return chat


async def test_messages_queue_behind_a_running_reply(build: Build) -> None:
    world = await build(LAB)
    chat, gate = await _queue_two(world)
    assert [q.texts for q in world.told(QueueChanged)] == [("second",), ("second", "third")]
    assert world.session.unqueue(chat).text == "third"
    gate.set()
    await until(lambda: len(world.told(TurnEnded)) == 2)
    assert [r.messages[-1].text for r in world.backends["lab"].requests] == ["first", "second"]
    assert chat.queue == []


async def test_the_queue_waits_after_a_stop_until_an_empty_send(build: Build) -> None:
    world = await build(LAB)
    chat = await _leave_two(world)
    assert [d.text for d in chat.queue] == ["second", "third"]
    assert len(world.backends["lab"].requests) == 1
    world.backends["lab"].script = (Text("ok"), Finished("stop"))
    await world.session.send(chat, "")
    await until(lambda: len(world.told(TurnEnded)) == 3)
    assert [r.messages[-1].text for r in world.backends["lab"].requests] == ["first", "second", "third"]


async def test_a_route_given_with_an_empty_send_is_for_the_first_that_waits(build: Build) -> None:
    world = await build(LAB, spec("other", Zone.DEVICE))
    chat = await _leave_two(world)
    world.backends["lab"].script = (Text("ok"), Finished("stop"))
    await world.session.send(chat, "", route="other")
    await until(lambda: len(world.told(TurnEnded)) == 3)
    assert [r.messages[-1].text for r in world.backends["other"].requests] == ["second"]
    assert [r.messages[-1].text for r in world.backends["lab"].requests] == ["first", "third"]


async def test_closing_records_what_was_running(build: Build) -> None:
    world = await build(LAB)
    world.backends["lab"].script = (Text("partial"), asyncio.Event())
    chat = world.session.new()
    await world.session.send(chat, "go")
    await until(lambda: world.told(Delta))
    await world.session.close()
    assert (chat.messages[-1].text, chat.messages[-1].state) == ("partial", MessageState.INTERRUPTED)


async def test_a_pin_set_while_the_words_go_to_disk_holds(build: Build) -> None:
    world = await build(spec("cloud", Zone.MANAGED))
    chat = world.session.new()
    sending = asyncio.create_task(world.session.send(chat, "secret"))
    for _ in range(2):  # planned, and on its way to disk
        await asyncio.sleep(0)
    await world.session.set_privacy(chat, Privacy.LOCAL_ONLY)
    await sending
    reply = await world.session.wait(chat)
    assert reply.attempt is not None
    assert (reply.attempt.outcome, reply.attempt.error_kind) == (Outcome.REFUSED, "refused")
    assert world.backends["cloud"].requests == []
    assert chat.id is not None
    assert (await world.session.open(chat.id)).privacy is Privacy.LOCAL_ONLY


async def test_a_message_sent_as_the_reply_ends_goes_once_and_in_order(build: Build) -> None:
    world = await build(LAB)
    chat, gate = await _queue_two(world)
    gate.set()
    await until(lambda: world.told(TurnEnded))
    await world.session.send(chat, "fourth")
    await until(lambda: len(world.told(TurnEnded)) == 4)
    sent = [r.messages[-1].text for r in world.backends["lab"].requests]
    assert sent == ["first", "second", "third", "fourth"]


async def test_a_message_is_taken_back_or_sent_never_both(build: Build) -> None:
    world = await build(LAB)
    chat, gate = await _queue_two(world)
    await world.session.stop(chat)
    resuming = asyncio.create_task(world.session.send(chat, ""))
    await asyncio.sleep(0)
    assert world.session.unqueue(chat, 0).text == "third"
    gate.set()
    await resuming
    await until(lambda: not chat.is_streaming)
    assert [r.messages[-1].text for r in world.backends["lab"].requests][-1].endswith("second")
    assert chat.queue == []


async def test_waiting_messages_are_found_again(build: Build) -> None:
    world = await build(LAB)
    chat = await _leave_two(world)
    assert chat.id is not None
    world.session.turns.chats.clear()  # as after a restart
    again = await world.session.open(chat.id)
    assert [draft.text for draft in again.queue] == ["second", "third"]


async def test_what_another_window_has_sent_is_not_sent_again(build: Build) -> None:
    world = await build(LAB)
    chat = await _leave_two(world)
    assert chat.id is not None
    world.session.turns.chats.clear()
    kept = await asyncio.wrap_future(world.ledger.conversation(chat.id))
    assert kept is not None
    late, other = (Chat.of(kept, list(chat.messages)) for _ in range(2))  # as in other windows
    world.backends["lab"].script = (Text("ok"), Finished("stop"))
    assert world.session.unqueue(other, 1).text == "third"
    await world.session.send(other, "")
    await world.session.wait(other)
    for window, text in ((chat, ""), (late, "fourth")):
        with pytest.raises(HybridchatError, match="another window has sent what waited here"):
            await world.session.send(window, text)
        assert window.queue == [] and world.told(QueueChanged)[-1].texts == ()
    await world.session.send(late, "fourth")
    await world.session.wait(late)
    sent = [request.messages[-1].text for request in world.backends["lab"].requests]
    assert [text.rpartition("\n")[2] for text in sent] == ["first", "second", "fourth"]


async def test_what_waits_for_the_first_message_of_all_is_kept_too(build: Build) -> None:
    world = await build(LAB)
    world.backends["lab"].script = (Text("one"), asyncio.Event())
    chat = world.session.new()
    sending = asyncio.create_task(world.session.send(chat, "first"))
    await asyncio.sleep(0)
    assert chat.id is None
    await world.session.send(chat, "second")
    await sending
    assert chat.id is not None
    kept = await asyncio.wrap_future(world.ledger.conversation(chat.id))
    assert kept is not None and kept.waiting == ("second",)


async def test_a_send_that_is_given_up_is_still_recorded_once(build: Build) -> None:
    world = await build(LAB)
    chat = world.session.new()
    sending = asyncio.create_task(world.session.send(chat, "go"))
    await asyncio.sleep(0)
    sending.cancel()
    await until(lambda: world.told(TurnEnded))
    assert [m.text for m in chat.messages] == ["go", "Hello"]


async def test_deleting_while_the_words_go_to_disk_stops_the_reply(build: Build) -> None:
    world = await build(LAB)
    chat = world.session.new()
    await world.session.send(chat, "one")
    await world.session.wait(chat)
    assert chat.id is not None
    sending = asyncio.create_task(world.session.send(chat, "two"))
    await asyncio.sleep(0)
    await world.session.delete(chat.id)
    await sending
    assert not chat.is_streaming
    assert len(world.backends["lab"].requests) == 1


async def test_closing_goes_on_past_a_failing_step(build: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    world = await build(LAB)
    chat = world.session.new()
    await world.session.send(chat, "go")
    await world.session.wait(chat)

    async def broken() -> None:
        raise RuntimeError("a client that will not close")

    with monkeypatch.context() as patch, pytest.raises(RuntimeError):
        patch.setattr(world.session.books, "close", broken)
        await world.session.close()
    with pytest.raises(HybridchatError):
        world.ledger.conversations().result()


async def test_a_pin_set_while_a_managed_reply_streams_ends_it(build: Build) -> None:
    world = await build(spec("cloud", Zone.MANAGED))
    world.backends["cloud"].script = (Text("partial"), asyncio.Event())
    chat = world.session.new()
    await world.session.send(chat, "go")
    await until(lambda: world.told(Delta))
    await world.session.set_privacy(chat, Privacy.LOCAL_ONLY)
    reply = await world.session.wait(chat)
    assert world.backends["cloud"].was_cancelled
    assert (reply.text, reply.state) == ("partial", MessageState.STOPPED)
    assert "left this machine" in reply.note

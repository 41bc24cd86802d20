"""Searching, and marking what shall be found, over the session."""

from __future__ import annotations

from hybridchat.domain.chat import Zone
from hybridchat.domain.search import Phrase
from hybridchat.ledger.store import NewMarks, SearchHit
from tests.unit.session.conftest import Build, World, spec

LAB = spec("lab", Zone.DEVICE)


async def said(world: World, text: str, *, off_record: bool = False) -> int:
    chat = world.session.new(off_record=off_record)
    await world.session.send(chat, text)
    await world.session.wait(chat)
    assert chat.id is not None
    return chat.id


def chats(hits: tuple[SearchHit, ...]) -> list[int]:
    return list(dict.fromkeys(hit.conversation_id for hit in hits))


async def test_what_is_off_the_record_is_found_while_it_lasts_and_nowhere_on_disk(build: Build) -> None:
    world = await build(LAB)
    kept, private = await said(world, "an axolotl"), await said(world, "another axolotl", off_record=True)
    found = await world.session.finding.search("axolotl zone:moon")
    assert chats(found.hits) == [private, kept]
    assert found.phrases == (Phrase("axolotl"),)
    assert found.problems == ("zone: is one of device, private, managed, local",)
    assert [hit.conversation_id for hit in (await world.session.finding.search("axolotl", 1)).hits] == [private]
    assert (await world.session.finding.search("")).hits == ()
    await world.session.delete(private)
    assert chats((await world.session.finding.search("axolotl")).hits) == [kept]
    await world.session.delete(kept)
    assert (await world.session.finding.search("axolotl")).hits == ()


async def test_marks_reach_the_open_chat_and_writing_takes_it_out_of_the_archive(build: Build) -> None:
    world = await build(LAB)
    number = await said(world, "an axolotl")
    chat = await world.session.open(number)
    after = await world.session.finding.mark(number, NewMarks(starred=True, archived=True, add_tags=("pets",)))
    assert chat.conversation is not None
    assert (chat.conversation.tags, chat.conversation.starred_at) == (after.tags, after.starred_at)
    assert chat.conversation.archived_at is not None
    assert await world.session.conversations(with_archived=False) == []
    assert await world.session.finding.filter_values() == {"tag": ("pets",), "backend": ("lab",), "model": ("tiny",)}
    await world.session.send(chat, "and now?")
    await world.session.wait(chat)
    assert chat.conversation.archived_at is None
    (listed,) = await world.session.conversations(with_archived=False)
    assert (listed.tags, listed.starred_at) == (("pets",), after.starred_at)


async def test_an_off_the_record_one_is_marked_in_memory(build: Build) -> None:
    world = await build(LAB)
    number = await said(world, "an axolotl", off_record=True)
    await world.session.finding.mark(number, NewMarks(add_tags=("pets",)))
    assert chats((await world.session.finding.search("tag:pets")).hits) == [number]
    assert (await world.session.finding.filter_values())["tag"] == ()

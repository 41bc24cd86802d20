"""Secrets and personal data before a managed send: who is asked, what leaves, what comes back, what is kept."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from hybridchat.config import Config, PrivacyConfig
from hybridchat.domain.attachments import Attachment
from hybridchat.domain.chat import Attempt, Disclosure, Message, MessageState, Parameters, Role, Zone
from hybridchat.domain.events import Failed, Finished, Signature, Started, Text, Thinking
from hybridchat.domain.routing import Outlook
from hybridchat.errors import EXIT_REFUSED, ErrorKind
from hybridchat.ledger.store import open_ledger
from hybridchat.session.disclosing import AT_A_TIME, DRAFT_AT_ONCE, Gate, Place
from hybridchat.session.events import Delta, Notice
from hybridchat.session.state import Along, Chat
from hybridchat.session.ways import Undecided
from tests.unit.session.conftest import Build, World, spec, until

LAB, CLOUD, OTHER = spec("lab", Zone.DEVICE), spec("cloud", Zone.MANAGED), spec("other", Zone.MANAGED)
CARD, EMAIL = "4111 1111 1111 1111", "jane@corp.com"
WORDS = f"mail {EMAIL} about card {CARD}"
MASKED, AS_IS = Disclosure.MASKED, Disclosure.AS_IS


def sent(world: World, backend: str = "cloud", which: int = -1) -> list[str]:
    return [message.text for message in world.backends[backend].requests[which].messages]


async def ask(world: World, chat: Chat, text: str, **how: object) -> Message:
    await world.session.send(chat, text, **how)  # type: ignore[arg-type]
    return await world.session.wait(chat)


def attempt_of(message: Message) -> Attempt:
    assert message.attempt is not None
    return message.attempt


async def test_nothing_leaves_before_the_user_has_decided(build: Build) -> None:
    world = await build(LAB, CLOUD)
    chat = world.session.new(route="managed")
    plan = world.session.plan(chat, WORDS)
    assert plan.decision.outlook is Outlook.ASK
    assert plan.decision.reasons == ("cloud would get 1 email in this message, 1 card in this message",)
    assert [(way.kind, way.candidate.backend) for way in plan.ways] == [
        *(("mask", "cloud"), ("ask", "lab"), ("as_is", "cloud"))
    ]
    with pytest.raises(Undecided, match=r"--mask .*--send-as-is") as refused:
        await world.session.send(chat, WORDS)
    assert refused.value.exit_code == EXIT_REFUSED
    assert world.backends["cloud"].requests == []
    assert chat.messages == []


async def test_at_home_nobody_looks(build: Build) -> None:
    world = await build(LAB, CLOUD)
    chat = world.session.new(route="local")
    assert (await ask(world, chat, WORDS)).state is MessageState.COMPLETE
    assert sent(world, "lab") == [WORDS]
    assert (attempt_of(chat.messages[-1]).found, attempt_of(chat.messages[-1]).disclosure) == (None, None)


async def test_masked_words_leave_as_placeholders_and_come_back_whole(build: Build) -> None:
    world = await build(CLOUD)
    pieces = ("Wrote to <EM", "AIL_1> about", " <CARD_1>", "; <EMAIL_2> and <EMA")
    script = (Started("m"), Thinking("<CARD"), Thinking("_1>?"), *map(Text, pieces), Finished("stop"))
    world.backends["cloud"].script = script
    chat = world.session.new()
    reply = await ask(world, chat, WORDS, disclosure=MASKED)
    assert sent(world) == ["mail <EMAIL_1> about card <CARD_1>"]
    assert (reply.text, reply.thinking) == (f"Wrote to {EMAIL} about {CARD}; <EMAIL_2> and <EMA", f"{CARD}?")
    assert "".join(delta.text for delta in world.told(Delta) if not delta.is_thinking) == reply.text
    assert "".join(delta.text for delta in world.told(Delta) if delta.is_thinking) == reply.thinking
    assert [delta.ttft_ms is not None for delta in world.told(Delta)].count(True) == 1
    assert reply.note == "1 email and 1 card masked"
    assert chat.messages[0].text == WORDS


async def test_the_ledger_keeps_kinds_and_counts(build: Build) -> None:
    world = await build(CLOUD)
    chat = world.session.new()
    reply = await ask(world, chat, f"{WORDS} and {EMAIL}", disclosure=AS_IS)
    assert sent(world) == [f"{WORDS} and {EMAIL}"]
    assert reply.note == "2 emails and 1 card sent as it is"
    assert chat.id is not None
    stored = await asyncio.wrap_future(world.ledger.branch(chat.id))
    attempt = attempt_of(stored[-1])
    assert (attempt.found, attempt.disclosure) == ('{"email":2,"card":1}', AS_IS)


async def test_what_was_masked_stays_masked_without_another_question(build: Build) -> None:
    world = await build(CLOUD, OTHER)
    chat = world.session.new(route="cloud")
    await ask(world, chat, WORDS, disclosure=MASKED)
    await ask(world, chat, "and then?")
    assert sent(world)[0] == "mail <EMAIL_1> about card <CARD_1>"
    await ask(world, chat, "and elsewhere?", route="other")
    assert sent(world, "other")[0] == "mail <EMAIL_1> about card <CARD_1>"
    plan = world.session.plan(chat, "mail joe@corp.com as well")
    assert plan.decision.outlook is Outlook.ASK
    assert plan.found is not None and plan.found.places[0] == Place("this message", "email", 1)


async def test_as_it_is_names_what_was_masked_so_far(build: Build) -> None:
    """For that would go as well: it is a word about all of it."""
    world = await build(CLOUD)
    chat = world.session.new(route="cloud", system="ask joe@corp.com")
    await ask(world, chat, WORDS, disclosure=MASKED)
    masked = r"1 email in the system prompt \(masked so far\), .*1 card in earlier turns \(masked so far\)"
    with pytest.raises(Undecided, match=rf"1 email in this message, {masked}"):
        await ask(world, chat, "mail jim@corp.com as well")
    plan = world.session.plan(chat, "mail jim@corp.com as well")
    assert {way.kind: way.counts for way in plan.ways}["as_is"] == {"email": 3, "card": 1}
    await ask(world, chat, "and then?")
    assert EMAIL not in "".join(sent(world))


async def test_what_another_window_is_streaming_is_looked_through(build: Build, tmp_path: Path) -> None:
    here, there = [await build(LAB, CLOUD, ledger=open_ledger(tmp_path / "ledger.db")) for _ in range(2)]
    there.backends["lab"].script = (Started("m"), Text(f"it is {CARD}"), asyncio.Event())
    theirs = there.session.new(route="lab")
    await there.session.send(theirs, "which card?")
    assert theirs.id is not None
    chat = await here.session.open(theirs.id)
    while not chat.messages[-1].text:  # until it is flushed
        chat = await here.session.open(theirs.id)
    assert chat.messages[-1].state is MessageState.STREAMING
    with pytest.raises(Undecided, match="1 card in earlier turns"):
        await ask(here, chat, "go on", route="cloud")
    assert here.backends["cloud"].requests == []


async def test_what_went_as_it_is_goes_there_again_and_nowhere_else(build: Build) -> None:
    world = await build(CLOUD, OTHER)
    chat = world.session.new(route="cloud")
    await ask(world, chat, WORDS, disclosure=AS_IS)
    await ask(world, chat, "and then?")
    assert sent(world)[0] == WORDS
    with pytest.raises(Undecided, match="1 email in earlier turns, 1 card in earlier turns"):
        await ask(world, chat, "and elsewhere?", route="other")
    assert world.backends["other"].requests == []


async def test_turns_that_stayed_at_home_are_looked_through_when_they_would_leave(build: Build) -> None:
    world = await build(LAB, CLOUD)
    chat = world.session.new(route="local")
    await ask(world, chat, WORDS)
    with pytest.raises(Undecided, match="earlier turns"):
        await world.session.send(chat, "harmless", route="cloud")
    with pytest.raises(Undecided):
        await world.session.escalate(chat)
    with pytest.raises(Undecided):
        await world.session.fork_with_summary(chat, "cloud")
    assert world.backends["cloud"].requests == []
    await world.session.answer_again(chat, route="cloud", disclosure=MASKED)
    await world.session.wait(chat)
    assert sent(world) == ["mail <EMAIL_1> about card <CARD_1>"]


async def test_the_system_prompt_goes_along_as_well(build: Build) -> None:
    world = await build(CLOUD)
    chat = world.session.new(system=f"you are {EMAIL}")
    with pytest.raises(Undecided, match="1 email in the system prompt"):
        await ask(world, chat, "hello")
    await ask(world, chat, "hello", disclosure=MASKED)
    assert sent(world) == ["you are <EMAIL_1>", "hello"]


@pytest.mark.parametrize("reopens", [False, True])
async def test_another_system_prompt_is_asked_about_anew(build: Build, reopens: bool) -> None:
    world = await build(CLOUD)
    chat = world.session.new(system=f"mail {EMAIL}")
    await ask(world, chat, "hello", disclosure=AS_IS)
    assert not world.session.plan(chat, "more").is_undecided, "it was decided about"
    await world.session.set_settings(chat, Parameters(temperature=1.0), chat.system)
    assert not world.session.plan(chat, "more").is_undecided, "it is the same"
    await world.session.set_settings(chat, Parameters(), f"card {CARD}")
    if reopens:
        assert chat.id is not None
        world = await build(CLOUD, ledger=world.ledger)
        chat = await world.session.open(chat.id)
    with pytest.raises(Undecided):
        await world.session.send(chat, "more")
    await ask(world, chat, "more", disclosure=AS_IS)
    assert not world.session.plan(chat, "and more").is_undecided


async def test_the_words_to_stop_at_leave_as_well(build: Build) -> None:
    world = await build(CLOUD)
    chat, given = world.session.new(), Parameters(stop=(EMAIL, "."))
    with pytest.raises(Undecided, match="1 email in the words to stop at"):
        await ask(world, chat, "hello", parameters=given)
    await ask(world, chat, "hello", parameters=given, disclosure=MASKED)
    assert world.backends["cloud"].requests[-1].parameters.stop == ("<EMAIL_1>", ".")


async def test_what_a_backend_wrote_itself_is_no_news_to_it(build: Build) -> None:
    world = await build(CLOUD, OTHER)
    world.backends["cloud"].script = (Started("m"), Text(f"try {EMAIL}"), Finished("stop"))
    chat = world.session.new(route="cloud")
    await ask(world, chat, "an example of an address?")
    assert world.session.plan(chat, "thanks").decision.outlook is Outlook.SEND
    assert world.session.plan(chat, "thanks", route="other").decision.outlook is Outlook.ASK


async def test_a_fallback_home_gets_the_words_themselves(build: Build, at_once: None) -> None:
    world = await build(LAB, CLOUD)
    world.backends["cloud"].script = (Failed(ErrorKind.QUOTA, "no credit"),)
    chat = world.session.new(route="managed")
    reply = await ask(world, chat, WORDS, disclosure=MASKED)
    assert (sent(world), sent(world, "lab")) == (["mail <EMAIL_1> about card <CARD_1>"], [WORDS])
    assert (attempt_of(reply).backend, attempt_of(reply).disclosure) == ("lab", None)


async def test_a_retry_is_masked_like_the_first_try(build: Build, at_once: None) -> None:
    world = await build(CLOUD)
    world.backends["cloud"].first = [(Failed(ErrorKind.OVERLOADED, "busy"),)]
    world.backends["cloud"].script = (Started("m"), Text("<CARD_1>"), Finished("stop"))
    reply = await ask(world, world.session.new(), WORDS, disclosure=MASKED)
    assert sent(world, which=0) == sent(world, which=1) == ["mail <EMAIL_1> about card <CARD_1>"]
    assert reply.text == CARD


async def test_asked_again_after_a_failure_it_is_masked_again(build: Build, at_once: None) -> None:
    world = await build(CLOUD)
    world.backends["cloud"].first = [(Failed(ErrorKind.AUTH, "no"),)]
    chat = world.session.new()
    await ask(world, chat, WORDS, disclosure=MASKED)
    await world.session.answer_again(chat, route="cloud")
    await world.session.wait(chat)
    assert sent(world) == ["mail <EMAIL_1> about card <CARD_1>"]


async def test_a_thinking_over_placeholders_does_not_go_back_signed(build: Build) -> None:
    world = await build(CLOUD)
    world.backends["cloud"].script = (Started("m"), Thinking("<CARD_1>"), Signature("s"), Text("a"), Finished("stop"))
    chat = world.session.new()
    await ask(world, chat, WORDS, disclosure=MASKED)
    await ask(world, chat, "and then?")
    reply = world.backends["cloud"].requests[-1].messages[1]
    assert (reply.role, reply.thinking, reply.signature) == (Role.ASSISTANT, "", "")


async def test_a_message_that_waits_is_looked_through_when_its_turn_comes(build: Build) -> None:
    go_on = asyncio.Event()
    world = await build(CLOUD)
    world.backends["cloud"].first = [(Started("m"), go_on, Text("a"), Finished("stop"))]
    chat = world.session.new()
    await world.session.send(chat, "first")
    await world.session.send(chat, WORDS)
    go_on.set()
    await until(lambda: world.told(Notice))
    assert "was not sent" in world.told(Notice)[-1].text
    assert len(world.backends["cloud"].requests) == 1
    assert [draft.text for draft in chat.queue] == [WORDS]
    await world.session.send(chat, "", route="cloud", disclosure=MASKED)
    await world.session.wait(chat)
    assert sent(world)[-1] == "mail <EMAIL_1> about card <CARD_1>"


async def test_long_histories_are_looked_through_before_they_leave(build: Build) -> None:
    """A plan looks at so much at a time; sending waits for all of it."""
    world = await build(LAB, CLOUD)
    chat = world.session.new(route="local")
    for text in (WORDS, *(f"{word} " * (AT_A_TIME // 10) for word in ("some", "more", "many", "long"))):
        await ask(world, chat, text)
    assert world.session.plan(chat, "on", route="cloud").found is None
    with pytest.raises(Undecided):
        await ask(world, chat, "on", route="cloud")
    assert world.backends["cloud"].requests == []


async def test_own_patterns_are_looked_for(build: Build) -> None:
    config = Config(privacy=PrivacyConfig(patterns={"customer number": "C-[0-9]{4}"}))
    world = await build(CLOUD, config=config)
    chat = world.session.new()
    plan = world.session.plan(chat, "first\nask C-1234\nand C-9999 of C-1234")
    assert plan.found is not None
    assert [str(place) for place in plan.found.places] == ["3 customer numbers in this message (lines 2, 3)"]
    await ask(world, chat, "ask C-1234", disclosure=MASKED)
    assert sent(world) == ["ask <CUSTOMER_NUMBER_1>"]


async def test_attachments_are_looked_through_and_masked(build: Build) -> None:
    world = await build(CLOUD)
    notes = Attachment(f"of {EMAIL}", "text/plain; charset=utf-16", WORDS.encode("utf-16"))
    figures = Attachment("figures.json", "application/json", f'{{"card": "{CARD}"}}'.encode())
    chat = world.session.new()
    with pytest.raises(Undecided, match=r"2 emails in attachment 1, 1 card in attachment 1, 1 card in figures\.json"):
        await ask(world, chat, "see there", along=Along((notes, figures)))
    assert world.backends["cloud"].requests == []
    world.backends["cloud"].script = (Started("m"), Text("<EMAIL_1>"), Finished("stop"))
    reply = await ask(world, chat, "see there", along=Along((notes, figures)), disclosure=MASKED)
    (message,) = world.backends["cloud"].requests[-1].messages
    assert [(one.name, one.text) for one in message.attachments] == [
        ("of <EMAIL_1>", "mail <EMAIL_1> about card <CARD_1>"),
        ("figures.json", '{"card": "<CARD_1>"}'),
    ]
    assert (reply.text, attempt_of(reply).found) == (EMAIL, '{"email":2,"card":2}')


async def test_attachments_without_a_finding_go_as_they_are(build: Build) -> None:
    world = await build(CLOUD)
    notes = Attachment("notes.txt", "text/plain", b"\xff nothing here")
    await ask(world, world.session.new(), "mail nobody", along=Along((notes,)))
    assert world.backends["cloud"].requests[-1].messages[-1].attachments == (notes,)


async def test_what_nobody_can_look_through_is_told_once_before_it_leaves(build: Build) -> None:
    world = await build(LAB, CLOUD)
    picture = Attachment("a\x1b.png", "image/png", b"\x89PNG")
    document = Attachment("b.jpg", "image/jpeg", b"")
    chat = world.session.new(route="local")
    await ask(world, chat, "see there", along=Along((picture,)))
    assert world.told(Notice) == [], "at home nobody looks"
    requests_when_told = []
    world.session.listen(lambda event: requests_when_told.append(len(world.backends["cloud"].requests)))
    for _ in range(2):
        await ask(world, chat, "see there", route="cloud", along=Along((picture, document)))
    (notice,) = world.told(Notice)
    assert notice.text.startswith("a␛.png, b.jpg: pictures, PDF documents")
    assert requests_when_told[world.events.index(notice) - len(world.events)] == 0


async def test_a_long_draft_is_looked_through_when_it_is_sent(build: Build) -> None:
    """Typing never waits for it; sending does, and so the plan of what is sent never leaves anything out."""
    world = await build(CLOUD)
    chat = world.session.new()
    draft = f"{'word ' * (DRAFT_AT_ONCE // 5)}{EMAIL}"
    assert world.session.plan(chat, draft).found is None
    with pytest.raises(Undecided, match="1 email in this message"):
        await ask(world, chat, draft)
    found = world.session.plan(chat, draft).found
    assert found is not None, "by now it is known"
    assert world.backends["cloud"].requests == []


async def test_a_plan_for_sending_looks_at_everything_by_itself(build: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is looked through beforehand spares the interface a wait; nothing depends on it."""

    async def nobody(*_: object) -> None:
        return None

    monkeypatch.setattr(Gate, "look_at_all", nobody)
    world = await build(LAB, CLOUD)
    chat = world.session.new(route="local")
    for text in (WORDS, *(f"{word} " * (AT_A_TIME // 10) for word in ("some", "more", "many", "long"))):
        await ask(world, chat, text)
    with pytest.raises(Undecided, match="earlier turns"):
        await ask(world, chat, "on", route="cloud")
    with pytest.raises(Undecided, match="this message"):
        await ask(world, world.session.new(route="cloud"), f"{'word ' * (DRAFT_AT_ONCE // 5)}{EMAIL}")
    assert world.backends["cloud"].requests == []


async def test_as_it_is_goes_no_more_than_the_user_was_shown(build: Build) -> None:
    """A plan for typing may not have come to all of a long history."""
    world = await build(LAB, CLOUD)
    chat = world.session.new(route="local")
    for text in (f"my card {CARD}", *(f"{word} " * (AT_A_TIME // 8) for word in ("some", "more", "many"))):
        await ask(world, chat, text)
    shown = world.session.plan(chat, f"mail {EMAIL}", route="cloud")
    way = shown.ways[-1]
    assert (way.kind, way.agreed) == ("as_is", {"email": 1})
    with pytest.raises(Undecided, match="1 card in earlier turns") as asked:
        await ask(world, chat, f"mail {EMAIL}", route="cloud", disclosure=way.disclosure, agreed=way.agreed)
    assert world.backends["cloud"].requests == []
    way = asked.value.plan.ways[-1]
    await ask(world, chat, f"mail {EMAIL}", route="cloud", disclosure=way.disclosure, agreed=way.agreed)
    assert CARD in sent(world)[0]


async def test_what_a_reply_brings_meanwhile_is_not_agreed_to(build: Build) -> None:
    """A message waits for a local reply, and was to go as it is; the reply would go along."""
    go_on = asyncio.Event()
    world = await build(LAB, CLOUD)
    world.backends["lab"].first = [(Started("m"), go_on, Text(f"your card is {CARD}"), Finished("stop"))]
    chat = world.session.new(route="local")
    await world.session.send(chat, "which card?")
    await world.session.send(chat, f"mail {EMAIL}", route="cloud", disclosure=AS_IS, agreed={"email": 1})
    go_on.set()
    await until(lambda: world.told(Notice))
    assert "was not sent" in world.told(Notice)[-1].text
    assert world.backends["cloud"].requests == []

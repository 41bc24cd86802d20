"""How far a backend is known to compute here, as looks, the user's word and replies change it."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from hybridchat.domain.chat import Health, HealthState, Kind, ModelInfo, Outcome, Privacy, Proof, Zone
from hybridchat.domain.events import Failed
from hybridchat.domain.peers import Peer
from hybridchat.errors import ErrorKind, HybridchatError, Refused, UsageError
from hybridchat.net.peers import who_wants_to_know
from hybridchat.session.events import HealthChanged, Notice
from tests.unit.session.conftest import Build, Scripted, World, spec

OLLAMA = Peer(pid=1, executable="/usr/local/bin/ollama")
SSH = Peer(pid=2, executable="/usr/bin/ssh")
PYTHON = Peer(pid=3, executable="/usr/bin/python3")
UNREADABLE = Peer(unreadable="it runs as bob", owner="bob")
ANOTHERS = Peer(unreadable="it runs as eve", owner="eve")

DOUBTED = spec("lab", Zone.DEVICE, proof=Proof.ASSUMED)
LLAMA = spec("lab", Zone.DEVICE, proof=Proof.ASSUMED, kind=Kind.OLLAMA)


class Answering(Scripted):
    """Lets itself be met by `peer`, as a connection of the real client does."""

    peer: Peer = PYTHON
    fails_closed = True

    def meet(self) -> None:
        on_peer = who_wants_to_know()
        if on_peer is not None:
            on_peer(self.peer)

    async def health(self) -> Health:
        self.meet()
        return replace(await super().health(), fails_closed=self.fails_closed)

    async def chat(self, request):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
        try:
            self.meet()
        except Refused as error:
            yield Failed(ErrorKind.REFUSED, error.message, error.remedy)
            return
        async for event in super().chat(request):
            yield event


async def answered_by(
    build: Build, peer: Peer, backend: object = DOUBTED, **changes: object
) -> tuple[World, Answering]:
    """A world whose backend "lab" is that program's, looked at once."""
    world = await build(backend)
    scripted = Answering(world.backends["lab"].spec, models=(ModelInfo("tiny"),))
    scripted.peer = peer
    for name, value in changes.items():
        setattr(scripted, name, value)
    world.backends["lab"] = scripted
    world.session.fleet._open.clear()
    await world.session.check_health("lab")
    return world, scripted


def proof(world: World) -> Proof | None:
    return world.session.standing("lab").proof


async def test_ollamas_own_program_is_verified(build: Build) -> None:
    world, scripted = await answered_by(build, OLLAMA, LLAMA)
    standing = world.session.standing("lab")
    assert (standing.proof, standing.doubt, standing.peer) == (Proof.VERIFIED, "", OLLAMA)
    scripted.peer = SSH
    await world.session.check_health("lab")
    assert proof(world) is Proof.ASSUMED
    assert "/usr/bin/ssh" in world.session.standing("lab").doubt
    assert len(world.told(HealthChanged)) == 3, "a change of the proof is told like one of health"


@pytest.mark.parametrize("peer", [SSH, PYTHON, UNREADABLE])
async def test_another_program_is_not(build: Build, peer: Peer) -> None:
    assert proof((await answered_by(build, peer, LLAMA))[0]) is Proof.ASSUMED


async def test_a_server_that_does_not_know_the_name_is_not(build: Build) -> None:
    world, _ = await answered_by(build, OLLAMA, LLAMA, fails_closed=False)
    assert (proof(world), "never forwards" in world.session.standing("lab").doubt) == (Proof.ASSUMED, True)


async def test_the_configs_word_stands_whoever_answers(build: Build) -> None:
    world, scripted = await answered_by(build, SSH, replace(LLAMA, proof=Proof.VOUCHED))
    assert (proof(world), world.session.standing("lab").how) == (Proof.VOUCHED, "vouched = true in config.toml")
    scripted.peer = OLLAMA
    await world.session.check_health("lab")
    assert proof(world) is Proof.VERIFIED, "more is known than was vouched for"


async def test_a_word_holds_for_the_program_that_answered(build: Build) -> None:
    world, scripted = await answered_by(build, PYTHON)
    await world.session.vouch("lab", PYTHON)
    assert proof(world) is Proof.VOUCHED
    assert world.session.standing("lab").how.startswith("your word of ")
    scripted.peer = replace(PYTHON, pid=99)
    await world.session.check_health("lab")
    assert proof(world) is Proof.VOUCHED, "the same program, started anew"


@pytest.mark.parametrize("first, then", [(PYTHON, SSH), (UNREADABLE, SSH), (UNREADABLE, ANOTHERS)])
async def test_it_ends_with_the_program(build: Build, first: Peer, then: Peer) -> None:
    world, scripted = await answered_by(build, first)
    await world.session.vouch("lab", first)
    scripted.peer = then
    await world.session.check_health("lab")
    assert proof(world) is Proof.ASSUMED
    assert "your word for it has ended" in world.session.standing("lab").doubt
    scripted.peer = first
    await world.session.check_health("lab")
    assert proof(world) is Proof.ASSUMED, "ended is ended"


@pytest.mark.parametrize("given", [PYTHON, UNREADABLE])
async def test_a_program_that_cannot_be_seen_just_now_suspends_it(build: Build, given: Peer) -> None:
    world, scripted = await answered_by(build, given)
    await world.session.vouch("lab")
    busy = Peer(unreadable="the kernel does not tell: nobody accepts the connection")
    for peer, expected in ((busy, Proof.ASSUMED), (given, Proof.VOUCHED)):
        scripted.peer = peer
        await world.session.check_health("lab")
        assert proof(world) is expected


@pytest.mark.parametrize("changed", [{"kind": Kind.LLAMACPP}, {"address": spec("x", Zone.MANAGED).address}])
async def test_it_ends_with_the_address_and_the_kind(build: Build, changed: dict[str, object]) -> None:
    world, _ = await answered_by(build, PYTHON)
    await world.session.vouch("lab")
    world.session.fleet.add(replace(DOUBTED, **changed))
    assert proof(world) is Proof.ASSUMED
    await world.session.check_health("lab")
    world.session.fleet.add(DOUBTED)
    assert proof(world) is Proof.ASSUMED


async def test_it_ends_when_another_service_answers(build: Build) -> None:
    world, scripted = await answered_by(build, PYTHON)
    await world.session.vouch("lab")
    health = Health(HealthState.UNHEALTHY, "is Ollama, not vllm", error_kind=ErrorKind.IDENTITY)
    scripted.health = lambda: _soon(health)  # type: ignore[method-assign]
    await world.session.check_health("lab")
    assert proof(world) is Proof.ASSUMED


async def _soon(health: Health) -> Health:
    return health


async def test_who_changed_between_question_and_answer_is_not_vouched_for(build: Build) -> None:
    world, scripted = await answered_by(build, PYTHON)
    scripted.peer = SSH
    with pytest.raises(Refused, match="/usr/bin/ssh"):
        await world.session.vouch("lab", PYTHON)
    assert proof(world) is Proof.ASSUMED


async def test_it_ends_when_a_reply_was_forwarded(build: Build) -> None:
    world, scripted = await answered_by(build, SSH, LLAMA)
    await world.session.vouch("lab")
    scripted.script = (Failed(ErrorKind.FORWARDED, "far.example answered", remote_host="far.example"),)
    chat = world.session.new(privacy=Privacy.LOCAL_ONLY)
    await world.session.send(chat, "words")
    await world.session.wait(chat)
    world.session.fleet.add(LLAMA)  # as at the next start, when nobody remembers the reply
    assert proof(world) is Proof.ASSUMED
    assert "it forwarded a reply to far.example" in world.session.standing("lab").doubt


async def test_what_no_word_can_make_local(build: Build) -> None:
    world = await build(spec("rented", Zone.MANAGED), spec("lan", Zone.PRIVATE), DOUBTED)
    for backend in ("rented", "lan"):
        with pytest.raises(UsageError, match="only a server on loopback"):
            await world.session.vouch(backend)
    with pytest.raises(HybridchatError, match="nobody answers"):
        await world.session.vouch("lab")


async def test_a_replaced_server_gets_no_word_of_a_pinned_conversation(build: Build) -> None:
    """Between the look and the request another program took its place: the connection tells, and nothing is sent."""
    world, scripted = await answered_by(build, OLLAMA, LLAMA)
    scripted.peer = SSH
    chat = world.session.new(privacy=Privacy.LOCAL_ONLY)
    await world.session.send(chat, "words")
    reply = await world.session.wait(chat)
    assert reply.attempt is not None
    assert (reply.attempt.outcome, reply.attempt.proof, scripted.requests) == (Outcome.REFUSED, Proof.VERIFIED, [])
    assert "/usr/bin/ssh" in reply.note and "nothing was sent" in reply.note
    with pytest.raises(Refused, match="which is not Ollama"):
        await world.session.send(chat, "words")


async def test_the_same_for_a_word_given_here(build: Build) -> None:
    world, scripted = await answered_by(build, PYTHON)
    await world.session.vouch("lab")
    scripted.peer = SSH
    chat = world.session.new(privacy=Privacy.LOCAL_ONLY)
    await world.session.send(chat, "words")
    reply = await world.session.wait(chat)
    assert (reply.attempt is not None and reply.attempt.outcome, scripted.requests) == (Outcome.REFUSED, [])


async def test_an_unproven_backend_offers_to_be_vouched_for(build: Build) -> None:
    world, _ = await answered_by(build, PYTHON)
    chat = world.session.new(privacy=Privacy.LOCAL_ONLY)
    plan = world.session.plan(chat, "words")
    assert [(way.kind, way.candidate.backend) for way in plan.ways] == [("vouch", "lab")]
    with pytest.raises(Refused, match="nobody vouches") as caught:
        await world.session.send(chat, "words")
    assert "hybridchat backends vouch lab" in caught.value.remedy
    assert world.session.plan(world.session.new(privacy=Privacy.OPEN), "words").ways == ()


async def test_a_forwarding_server_is_managed_from_then_on_and_says_where(build: Build) -> None:
    world, scripted = await answered_by(build, OLLAMA, LLAMA)
    scripted.script = (Failed(ErrorKind.FORWARDED, "far.example answered", remote_host="far.example"),)
    chat = world.session.new(privacy=Privacy.LOCAL_ONLY)
    await world.session.send(chat, "words")
    await world.session.wait(chat)
    assert [notice.severity for notice in world.told(Notice)] == ["error"]
    standing, candidate = world.session.standing("lab"), world.session.candidate("lab", "tiny")
    assert (standing.zone, standing.proof, "far.example" in standing.how) == (Zone.MANAGED, None, True)
    assert (candidate.zone, candidate.remote_host) == (Zone.MANAGED, "far.example")
    with pytest.raises(Refused, match=r"forwarded to far\.example"):
        await world.session.send(chat, "words", route="lab")

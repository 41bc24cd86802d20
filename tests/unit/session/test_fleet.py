"""Opening and looking: a key's program is run once, however often and however impatiently one looks."""

from __future__ import annotations

import asyncio

import pytest

from hybridchat.backends.base import BackendSpec
from hybridchat.domain.chat import Health, HealthState, Kind, ModelInfo, Proof, Zone
from hybridchat.errors import BackendError, ErrorKind
from hybridchat.session import fleet as fleets
from hybridchat.session.fleet import Fleet
from tests.unit.session.conftest import Scripted, spec, until

LAB = spec("lab", Zone.DEVICE)
NO_KEY = BackendError(ErrorKind.AUTH, "lab: the key's program ended with 1", "run it in a shell")


class KeyProgram:
    """Opens backends as one whose key comes from a program: answers with what is next in `answers`."""

    def __init__(self, *answers: BackendError | None) -> None:
        self.answers = list(answers)
        self.runs = 0
        self.answered = asyncio.Event()
        self.answered.set()

    async def open(self, wanted: BackendSpec) -> Scripted:
        self.runs += 1
        await self.answered.wait()
        if error := self.answers.pop(0):
            raise error
        return Scripted(wanted)


def fleet_of(program: KeyProgram) -> Fleet:
    return Fleet({"lab": LAB}, program.open, _ignore, local_only=False)


def _ignore(backend: str, health: Health) -> None:
    pass


async def test_watching_does_not_ask_again_for_a_key_but_wanting_to_send_does() -> None:
    program = KeyProgram(NO_KEY, NO_KEY, None)
    fleet = fleet_of(program)
    await fleet.check_local()
    assert (fleet.health("lab").state, fleet.health("lab").detail) == (HealthState.UNHEALTHY, NO_KEY.message)
    for _ in range(3):
        await fleet.watch()
    assert program.runs == 1
    await fleet.check_keyless()
    assert (program.runs, fleet.health("lab").state) == (2, HealthState.UNHEALTHY)
    await fleet.check_keyless()
    assert (program.runs, fleet.health("lab").state) == (3, HealthState.HEALTHY)
    await fleet.watch()
    await fleet.check_keyless()
    assert program.runs == 3


async def test_what_may_mend_itself_is_tried_again() -> None:
    program = KeyProgram(BackendError(ErrorKind.TLS, "no certificate"), None)
    fleet = fleet_of(program)
    await fleet.check_local()
    await fleet.watch()
    assert (program.runs, fleet.health("lab").state) == (2, HealthState.HEALTHY)


@pytest.mark.parametrize(("answer", "state"), [(None, HealthState.HEALTHY), (NO_KEY, HealthState.UNHEALTHY)])
async def test_a_program_that_takes_its_time_is_not_started_beside_itself(
    answer: BackendError | None, state: HealthState, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fleets, "LOOK_S", 0.01)
    program = KeyProgram(answer)
    program.answered.clear()
    fleet = fleet_of(program)
    await fleet.check_local()
    await fleet.watch()
    assert "no answer within" in fleet.health("lab").detail
    sending = asyncio.create_task(fleet.backend("lab", Zone.DEVICE))
    program.answered.set()
    await asyncio.wait({sending})
    await until(lambda: not fleet._opening)
    await fleet.watch()
    assert program.runs == 1
    assert (sending.exception() is None) == (answer is None)
    assert fleet.health("lab").state is state


async def test_closing_ends_an_opening_that_still_waits() -> None:
    program = KeyProgram(None)
    program.answered.clear()
    fleet = fleet_of(program)
    opening = asyncio.create_task(fleet.backend("lab", Zone.DEVICE))
    await until(lambda: program.runs)
    await fleet.close()
    await asyncio.wait({opening})
    assert opening.cancelled()


@pytest.mark.parametrize("zone", [Zone.PRIVATE, Zone.MANAGED])
async def test_a_local_only_run_opens_nothing_off_the_device(zone: Zone) -> None:
    program = KeyProgram()
    fleet = Fleet({"far": spec("far", zone)}, program.open, _ignore, local_only=True)
    await fleet.check_local()
    assert "local only" in (await fleet.check("far")).detail
    assert program.runs == 0


async def test_a_model_that_is_forwarded_is_managed_however_harmless_its_name() -> None:
    """Of one and the same backend; the others of it stay what they are."""
    ollama = spec("lab", Zone.DEVICE, kind=Kind.OLLAMA, model=None)
    models = (ModelInfo("harmless", remote_host="far.example"), ModelInfo("x:20B-Cloud"), ModelInfo("tiny:latest"))

    async def open_backend(wanted: BackendSpec) -> Scripted:
        return Scripted(wanted, models=models)

    fleet = Fleet({"lab": ollama}, open_backend, _ignore, local_only=False)
    await fleet.check_local()
    known = [fleet.candidate("lab", model.name) for model in models]
    assert [(one.zone, one.proof, one.remote_host) for one in known] == [
        (Zone.MANAGED, None, "far.example"),
        (Zone.MANAGED, None, "Ollama's cloud"),
        (Zone.DEVICE, Proof.VOUCHED, None),
    ]
    assert [one.model for one in fleet.candidates()] == ["tiny:latest"], "by itself it takes what stays here"

"""Scenes of comparisons, for the pictures."""

from __future__ import annotations

from msgspec.structs import replace

from hybridchat.domain.chat import CostBasis, MessageState, Outcome
from hybridchat.domain.compare import Compared, ComparedSide
from hybridchat.session.comparing import Answer
from hybridchat.tui.screens.choose_sides import ChooseSides
from hybridchat.tui.screens.compare import CompareScreen
from tests.tui.conftest import Stage
from tests.tui.fake_session import CLOUD, LAB, _attempt
from tests.tui.samples import CONVERSATION, STREAMED


async def compare(stage: Stage) -> None:
    """One side has answered, the other one still writes."""
    await stage.screen.open_chat(stage.session.add("SQLite: read while another writes", CONVERSATION))
    chat = stage.screen.chat
    assert chat is not None
    done, question = chat.messages[-1], chat.messages[-2]
    ended = {"outcome": Outcome.OK, "ttft_ms": 84.0, "tokens_per_s": 41.2, "latency_ms": 3200.0}
    assert done.attempt is not None
    left = replace(done, id=901, attempt=replace(done.attempt, **ended))
    theirs = replace(_attempt(902, done.conversation_id, CLOUD), cost_usd=None, estimate_low_usd=0.004)
    theirs = replace(theirs, estimate_high_usd=0.011, cost_basis=CostBasis.UNKNOWN)
    right = replace(done, id=902, text=STREAMED, state=MessageState.STREAMING, attempt=theirs)
    targets = enumerate((LAB, CLOUD))
    sides = tuple(ComparedSide(at, 901 + at, one.backend, one.model, one.zone) for at, one in targets)
    compared = Compared(id=1, conversation_id=1, question_id=question.id, started_at="", sides=sides)
    stage.session.comparing.shown = [Answer(sides[0], left), Answer(sides[1], right, 4200.0, 640.0)]
    assert stage.screen.session is not None
    screen = CompareScreen(stage.screen.session, chat, compared, stage.screen.transcript.document.look)
    screen._clock = lambda: 100.0
    stage.app.push_screen(screen)
    await stage.until_top(CompareScreen)
    await stage.until(lambda: "TTFT 84 ms" in stage.text)


async def choose_sides(stage: Stage) -> None:
    await stage.screen.open_chat(stage.session.add("SQLite: read while another writes", CONVERSATION))
    stage.screen.composer.set_draft("And with many writers?")
    await stage.press("alt+c")
    await stage.until_top(ChooseSides)
    await stage.until(lambda: "Leaves your machines" in stage.text)

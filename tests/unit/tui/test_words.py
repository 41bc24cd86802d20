"""What the screen says: never more than is known, and nothing that a server could smuggle in."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from msgspec.structs import replace

from hybridchat.domain.chat import CostBasis, Kind, Message, MessageState, Outcome, Proof, Role, Zone
from hybridchat.errors import ErrorKind
from hybridchat.tui import words
from tests.tui.fake_session import CLOUD, LAB, NOW, _attempt

NASTY = "\x1b]52;c;aGk=\x07\n[@click=app.quit]x[/]"


@pytest.mark.parametrize(
    ("zone", "proof", "said"),
    [
        (Zone.DEVICE, Proof.VERIFIED, "this device, verified"),
        (Zone.DEVICE, Proof.VOUCHED, "loopback, you vouched"),
        (Zone.DEVICE, Proof.ASSUMED, "loopback, not proven local"),
        (Zone.PRIVATE, Proof.VOUCHED, "your own host, you vouched"),
        (Zone.PRIVATE, Proof.ASSUMED, "your own host, by your config"),
        (Zone.MANAGED, None, "managed, leaves your machines"),
    ],
)
def test_zones(zone: Zone, proof: Proof | None, said: str) -> None:
    assert words.zone_words(zone, proof) == said


def test_simulated_and_forwarded_are_called_so() -> None:
    assert words.zone_words(Zone.DEVICE, Proof.VERIFIED, Kind.SIMULATED) == "simulated local"
    assert words.zone_words(Zone.MANAGED, None, Kind.SIMULATED) == "simulated managed"
    assert words.zone_words(Zone.DEVICE, None, Kind.OLLAMA, "far.example") == "managed, forwarded to far.example"


def test_names_are_inert() -> None:
    backend, model, zone = words.candidate_words(replace(LAB, model=NASTY, remote_host=NASTY))
    assert "\x1b" not in backend + model + zone
    assert "\n" not in backend + model + zone


def reply(**fields: object) -> Message:
    return replace(
        Message(1, 1, None, Role.ASSISTANT, "text", NOW, attempt=_attempt(1, 1, LAB)),
        **fields,
    )


def test_a_reply_says_who_and_only_what_was_measured() -> None:
    assert words.describe(reply()) == ("lab · tiny · loopback, you vouched", "")
    measured = replace(
        _attempt(1, 1, CLOUD),
        ttft_ms=1240.0,
        load_ms=900.0,
        completion_tokens=1312,
        tokens_per_s=88.4,
        cost_usd=0.0042,
        cost_basis=CostBasis.PRICED,
    )
    header, footer = words.describe(reply(attempt=measured))
    assert header == "openai · gpt-big · managed, leaves your machines"
    assert footer == "1.2 s to first token · 900 ms of it loading · 1,312 tokens · 88 tok/s · $0.0042 priced"


def test_a_question_beside_another_windows_says_so() -> None:
    here, there = (
        replace(reply(), id=n, role=Role.USER, text=text, attempt=None) for n, text in ((1, "a"), (2, NASTY))
    )
    assert words.describe(here) == ("you", "")
    header, footer = words.describe(here, (here, there))
    assert header == "‹1/2› you"
    assert footer.startswith("also asked: ‹2/2› ") and "\x1b" not in footer


@pytest.mark.parametrize(("text", "said"), [("", "no token"), ("cut off", "first token unknown")])
def test_an_answer_beside_without_times_has_a_token_where_it_has_words(text: str, said: str) -> None:
    here, there = reply(id=1), reply(id=2, text=text)
    assert f": {said}" in words.describe(here, (here, there))[1]


def test_a_reply_of_a_fork_was_not_imported() -> None:
    forked = reply(attempt=None, model="tiny", origin="hybridchat:0f:7")
    assert words.describe(forked)[0] == "tiny · forked"
    assert words.describe(replace(forked, origin="chatgpt:7"))[0] == "tiny · imported"


def test_a_load_without_a_first_token_is_part_of_nothing() -> None:
    attempt = replace(_attempt(1, 1, LAB), load_ms=900.0)
    assert words.describe(reply(attempt=attempt))[1] == "900 ms loading"


def test_an_unknown_managed_price_is_said() -> None:
    attempt = replace(_attempt(1, 1, CLOUD), cost_usd=None)
    assert words.describe(reply(attempt=attempt))[1] == "cost unknown"


@pytest.mark.parametrize(
    ("outcome", "error_kind", "ttft_ms", "is_said"),
    [
        (Outcome.ERROR, ErrorKind.CONNECT, None, False),
        (Outcome.ERROR, ErrorKind.AUTH, None, False),
        (Outcome.ERROR, ErrorKind.BAD_REQUEST, None, False),
        (Outcome.REFUSED, ErrorKind.REFUSED, None, False),
        (Outcome.ERROR, ErrorKind.RESET, None, True),  # it may have run
        (Outcome.ERROR, ErrorKind.SERVER, 80.0, True),  # it did
        (Outcome.STOPPED, None, None, True),
    ],
)
def test_what_nobody_bills_has_no_cost_to_be_unknown(
    outcome: Outcome, error_kind: ErrorKind | None, ttft_ms: float | None, is_said: bool
) -> None:
    attempt = replace(_attempt(1, 1, CLOUD), outcome=outcome, error_kind=error_kind, ttft_ms=ttft_ms, cost_usd=None)
    assert ("cost unknown" in words.describe(reply(attempt=attempt))[1]) is is_said


@pytest.mark.parametrize(
    ("state", "text", "note", "said"),
    [
        (MessageState.FAILED, "a", "connection reset", "failed: connection reset"),
        (MessageState.FAILED, "a", "", "failed"),
        (MessageState.STOPPED, "a", "", "stopped"),
        (MessageState.INTERRUPTED, "a", "", "interrupted"),
        (MessageState.COMPLETE, " ", "", "empty reply"),
        (MessageState.COMPLETE, "a", "cut short", "cut short"),
        (MessageState.STREAMING, "a", "", ""),
    ],
)
def test_endings(state: MessageState, text: str, note: str, said: str) -> None:
    assert words.describe(reply(state=state, text=text, note=note))[1] == said


def test_notes_are_inert() -> None:
    assert "\x1b" not in words.describe(reply(state=MessageState.FAILED, note=NASTY))[1]


def test_the_user_is_called_you() -> None:
    assert words.describe(reply(role=Role.USER, attempt=None)) == ("you", "")


def test_times_and_sizes() -> None:
    assert [words.milliseconds(v) for v in (None, 83.6, 999.4, 1240)] == ["unknown", "84 ms", "999 ms", "1.2 s"]
    assert [words.seconds(v) for v in (3.21, 65, 3599.7)] == ["3.2 s", "1 min 05 s", "60 min 00 s"]
    assert [words.size(v) for v in (None, 638_000_000, 1_120_000_000)] == ["size unknown", "638 MB", "1.1 GB"]


def test_dates_in_a_list() -> None:
    now = datetime(2026, 11, 21, 0, 30, tzinfo=timezone(timedelta(hours=1)))
    assert words.when("2026-11-20T23:10:00+00:00", now) == "00:10"
    assert words.when("2026-11-20T22:10:00+00:00", now) == "20 Nov"
    assert words.when("2025-11-20T22:10:00+00:00", now) == "2025-11-20"
    assert words.when("yesterday", datetime.now(UTC)) == ""


def test_what_goes_along() -> None:
    assert [words.earlier_turns(n) for n in (0, 1, 12)] == [
        "no earlier messages go along",
        "1 earlier message goes along",
        "12 earlier messages go along",
    ]


def test_a_long_error_keeps_its_remedy() -> None:
    text = words.brief("out of memory " * 100 + "— restart the server")
    assert text.startswith("out of memory")
    assert text.endswith("… — restart the server")
    assert len(text) < 330
    assert len(words.brief("x" * 1000)) == 300
    assert words.brief("gone — start it") == "gone — start it"

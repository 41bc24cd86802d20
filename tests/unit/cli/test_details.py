"""How a reply came about, on the command line."""

from __future__ import annotations

from pathlib import Path

from hybridchat.domain.compare import Judgement
from hybridchat.ledger.comparisons import NewComparison, NewSide
from tests.fakes.completions import FakeCompletions
from tests.faults.cli import backend, configure
from tests.unit.cli.conftest import Call, Cli
from tests.unit.ledger.helpers import LOCAL, MANAGED, end_of, new_turn, opened


async def test_of_each_reply_its_attempts_and_what_was_sent(call: Call, home: Path) -> None:
    async with FakeCompletions(text="from lab", tokens=2) as lab:
        configure(home, backend(lab.url))
        await call("ask", "one")
        await call("ask", "--continue", "two")
        first, second = (await call("show", "1", "--details", "--json")).json
        assert [len(reply["attempts"]) for reply in (first, second)] == [1, 1]
        (attempt,) = second["attempts"]
        assert attempt["request"]["is_exact"]
        assert attempt["request"]["body"] == lab.sent("/v1/chat/completions")[-1].json()
        assert attempt["waterfall"][0] == {"step": "load", "length_ms": None, "start_ms": None, "by_server": True}
        said = (await call("show", "1", "--details")).out
        assert said.count("byte for byte as it was sent") == 2
        assert "queue: not told" in said.splitlines()


def test_before_the_vote_only_programs_are_told_who_is_who_of_a_blind_comparison(
    cli: Cli, home: Path, tmp_path: Path
) -> None:
    sides = (NewSide(LOCAL), NewSide(MANAGED))
    page = tmp_path / "all.html"
    reads = (("show", "1"), ("show", "1", "--tree"), ("show", "1", "--details"), ("export", "conversation", "1"))

    def told() -> list[bool]:
        cli("export", "conversation", "--all", "--branches", "--format", "html", "-o", str(page))
        return [LOCAL.model in said for said in (*(cli(*read).out for read in reads), page.read_text())]

    with opened(home / "hybridchat.db") as ledger:
        ids = ledger.begin_comparison(NewComparison(sides=sides, turn=new_turn("why?"), is_hidden=True)).result()
        for side in ids.sides:
            assert side.turn is not None
            ledger.end_attempt(end_of(side.turn)).result()
        number = ids.sides[0].turn.reply_message_id if ids.sides[0].turn else 0
        ledger.update_conversation(1, active_leaf_id=number).result()
        assert told() == [False] * 5
        assert cli("show", "1", "--json").json["messages"][-1]["attempt"]["backend"] == LOCAL.backend
        ledger.vote(ids.comparison_id, Judgement.TIE, None).result()
        assert told() == [True] * 5

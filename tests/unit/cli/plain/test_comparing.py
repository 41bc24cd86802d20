"""Side by side in a line conversation."""

from __future__ import annotations

from tests.unit.cli.plain.conftest import Converse, Script, Sides


async def test_answers_follow_each_other_with_their_labels_and_a_winner_goes_on(
    converse_by: Converse, sides: Sides
) -> None:
    script = Script("why?", "/compare lab cloud", "2", "/vote 2", "/vote none", "/vote maybe", "and then?")
    said = await converse_by(script)
    lines = said.out.splitlines()
    first, second = (next(i for i, line in enumerate(lines) if line.startswith(f"{n}. {x} ·")) for n, x in ("1A", "2B"))
    assert "lab · fake" in lines[first] and lines[first + 1] == "from lab"
    assert "cloud · fake" in lines[second] and lines[second + 1] == "from cloud"
    assert "Leaves your machines: to fake on cloud; no earlier turn goes along." in said.err
    assert "your vote: B is better" in said.err and "The vote is taken back." in said.err
    assert "'maybe' is no vote" in said.err
    history = [m["content"] for m in sides.lab.sent("/v1/chat/completions")[-1].json()["messages"]]
    assert history == ["why?", "from cloud", "and then?"]


async def test_a_blind_one_names_nobody_before_the_vote(converse_by: Converse, sides: Sides) -> None:
    said = await converse_by(Script("why?", "/compare lab cloud blind", "2", "/vote tie"))
    before, _, after = said.err.partition("/vote 1 to 2")
    assert "answer A:" in said.out and "answer B:" in said.out
    assert " cloud " not in said.out and "your vote: a tie · voted blind" in after
    assert "A · " in after and "A · " not in before


async def test_nothing_else_tells_whose_an_answer_is_before_the_vote(converse_by: Converse, sides: Sides) -> None:
    script = Script(
        "why?", "/compare lab cloud blind", "2", "/show", "/answers", "/tree", "/details", "/other", "/ways", "go on"
    )
    said = await converse_by(script)
    _, _, after = said.err.partition("/vote 1 to 2")
    assert after.count("blind comparison waits for your vote") == 4, "details, the other side, the ways, a message"
    assert "of a blind comparison, complete" in after and "tok/s" not in after and "first token" not in after
    tree = [line for line in said.out.splitlines() if "from lab (" in line or "from cloud (" in line]
    assert len(tree) == 3 and sum("fake" in line for line in tree) == 1, "of the first reply alone"


async def test_names_can_be_shown_without_a_vote(converse_by: Converse, sides: Sides) -> None:
    said = await converse_by(Script("why?", "/compare lab cloud blind", "2", "/vote names", "go on"))
    assert "A · " in said.err and "B · " in said.err and "waits for your vote" not in said.err


async def test_who_says_no_sends_nothing(converse_by: Converse, sides: Sides) -> None:
    said = await converse_by(
        Script("/vote 1", "why?", "/compare lab", "/compare lab cloud", "1", "/compare", "/vote 1")
    )
    assert sides.asked(sides.cloud) == [] and len(sides.asked(sides.lab)) == 1
    assert "the last question has no comparison" in said.err
    assert "name two to four backends" in said.err

"""A chat's own settings, a preset and a prompt of the library, by real keys on a pseudo-terminal."""

from __future__ import annotations

from pathlib import Path

from hybridchat.config import load_config
from hybridchat.ledger.store import open_ledger
from tests.terminal.conftest import Serve
from tests.terminal.sitting import configure, open_app

F2, F12, ALT_Q, TAB, RIGHT, CTRL_S, ESCAPE = "\x1bOQ", "\x1b[24~", "\x1bq", "\t", "\x1b[C", "\x13", "\x1b"
PRESET = (
    '\n[[preset]]\nname = "Brief"\nsystem = "Be brief."\ntop_p = 0.5\n\n[[preset]]\nname = "Hot"\ntemperature = 9\n'
)
SAY = """+++
[variables.what]
choices = ["hello", "goodbye"]
[variables.whom]
default = "everybody"
+++
Say {{what}} to {{whom}}.
"""


def test_tuned_asked_by_a_prompt_and_kept(home: Path, serve: Serve) -> None:
    configure(home, serve("--tokens-per-s", "500"), PRESET)
    (home / "prompts").mkdir()
    (home / "prompts" / "say.md").write_text(SAY)
    (home / "prompts" / "broken.md").write_text("+++\n")
    with open_app(home, columns=120, rows=40) as terminal:
        terminal.wait_for("preset.temperature")
        terminal.wait_for("Enter sends to lab")
        terminal.type("/preset brief\r")
        terminal.wait_for("This chat goes by Brief")
        terminal.wait_for("tuned  top-p 0.5, system prompt")
        terminal.type(F12)
        terminal.wait_for("Ctrl+S keeps")
        terminal.type(TAB)
        terminal.wait_for("Enter chooses another.")
        terminal.type(TAB)
        terminal.wait_for("How freely it picks its words")
        terminal.type("3")
        terminal.wait_for("temperature: '3' is not allowed — a number from 0 to 2")
        terminal.type("\x7f")
        terminal.wait_for(lambda text: "temperature: '3'" not in text)
        terminal.type("0.25")
        terminal.wait_for("• temperature     0.25")
        terminal.type(F2)
        terminal.wait_for("Save the settings of this chat as which preset?")
        terminal.type("Mine\r")
        terminal.wait_for("Saved as Mine")
        terminal.type("First: ")
        terminal.wait_for("First:")
        terminal.type(ALT_Q)
        terminal.wait_for("broken.md:1: the +++ is not closed")
        terminal.type("say")
        terminal.wait_for("Say {{what}} to {{whom}}.")
        terminal.type("\r")
        terminal.wait_for("nothing is sent")
        terminal.type(RIGHT)
        terminal.wait_for("Say goodbye to everybody.")
        terminal.type(CTRL_S)
        terminal.wait_for("First: Say goodbye to everybody.")
        terminal.type("\r")
        terminal.wait_for("to first token")
        terminal.type("\x11")
        assert terminal.wait_for_exit() == 0
    config, problems = load_config(home / "config.toml")
    assert [(one.name, one.temperature, one.top_p) for one in config.preset] == [
        ("Brief", None, 0.5),
        ("Mine", 0.25, 0.5),
    ]
    assert len(problems) == 1
    ledger = open_ledger(home / "hybridchat.db")
    try:
        (conversation,) = ledger.conversations().result()
        question, reply = ledger.branch(conversation.id).result()
    finally:
        ledger.close()
    assert (conversation.system, conversation.parameters.temperature) == ("Be brief.", 0.25)
    assert question.text == "First: Say goodbye to everybody."
    assert reply.attempt is not None
    assert reply.attempt.parameters == '{"temperature":0.25,"top_p":0.5,"system_characters":9}'

"""Settings and presets of a line conversation."""

from __future__ import annotations

from pathlib import Path

from hybridchat.config import load_config
from tests.unit.cli.plain.conftest import Converse, Script, Sides

PRESET = (
    '\n[[preset]]\nname = "Brief"\nsystem = "Be brief."\ntop_p = 0.5\n\n[[preset]]\nname = "Hot"\ntemperature = 9\n'
)


async def test_settings_and_presets_are_set_told_sent_and_saved(
    converse_by: Converse, sides: Sides, home: Path
) -> None:
    file = home / "config.toml"
    file.write_text(file.read_text() + PRESET)
    tuned = ("/tune temperature 0.25", "/tune num-ctx 99", "/tune heat 3", "/tune", "one", "/tune default")
    said = await converse_by(Script(*tuned, "/preset", "2", "/tune seed 4", "/save-preset Mine", "/preset hot", "two"))
    assert "Set: temperature 0.25." in said.err and "'heat' is no setting" in said.err
    assert "context size is left out: openai-compatible has no such setting." in said.err
    assert "temperature: 0.25 (a number from 0 to 2)" in said.out
    assert "preset.temperature" in said.err and "This chat goes by Brief from its next message on." in said.err
    assert "Saved as Mine, in config.toml." in said.err
    one, two = (request.json() for request in sides.lab.sent("/v1/chat/completions"))
    assert (one["temperature"], "seed" in one) == (0.25, False)
    assert (two["top_p"], two["seed"], two["messages"][0]["content"]) == (0.5, 4, "Be brief.")
    assert "temperature" not in two
    config, _ = load_config(file)
    assert [(one.name, one.seed) for one in config.preset] == [("Brief", None), ("Mine", 4)]

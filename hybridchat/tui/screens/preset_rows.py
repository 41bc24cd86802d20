"""Presets as rows of a list."""

from __future__ import annotations

from hybridchat.config import PresetConfig
from hybridchat.domain.text import clean_line
from hybridchat.domain.tuning import in_words
from hybridchat.session.presets import Listed, parameters_of
from hybridchat.tui.widgets.rows import Row


def preset_rows(listed: Listed) -> list[Row]:
    """Each with what it sets."""
    return [Row(preset, _line(preset), preset_words(preset)) for preset in listed.presets]


def _line(preset: PresetConfig) -> str:
    about = f" — {clean_line(preset.description, 80)}" if preset.description else ""
    return f"{clean_line(preset.name, 64)}{about}"


def preset_words(preset: PresetConfig) -> str:
    """`lab · coder, temperature 0.2, system prompt, local only`."""
    route = " · ".join(filter(None, (preset.route, preset.model)))
    privacy = (preset.privacy or "").replace("_", " ")
    level = f"{preset.reasoning} reasoning" if preset.reasoning else ""
    settings = in_words(parameters_of(preset), preset.system)
    return clean_line(", ".join(filter(None, (route, *settings, level, preset.workload, privacy))), 120)

"""Shipped themes are legible; broken ones say what is wrong with them."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import pytest
from textual.color import Color

from hybridchat.errors import UsageError
from hybridchat.paths import shipped_themes_dir
from hybridchat.tui.themes import VARIABLE_DEFAULTS, load_theme, theme_names

SHIPPED = ("high-contrast-dark", "high-contrast-light", "hybrid-dark", "hybrid-light")
INKS = ("foreground", "muted", "local", "managed", "primary", "success", "warning", "error")
PAPERS = ("background", "surface", "panel")
PAIRS = (
    *product(INKS, PAPERS),
    ("block-cursor-foreground", "block-cursor-background"),
    ("input-cursor-foreground", "input-cursor-background"),
)


def colors(name: str) -> dict[str, str]:
    theme = load_theme(name, [shipped_themes_dir()])
    return {**theme.to_color_system().generate(), **theme.variables}


def contrast(ink: Color, paper: Color) -> float:
    """WCAG 2's ratio, from relative luminance."""

    def luminance(color: Color) -> float:
        channels = (value / 255 for value in (color.r, color.g, color.b))
        linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    low, high = sorted((luminance(ink), luminance(paper)))
    return (high + 0.05) / (low + 0.05)


def test_contrast_of_the_extremes() -> None:
    assert contrast(Color.parse("#000"), Color.parse("#fff")) == pytest.approx(21)
    assert contrast(Color.parse("#777"), Color.parse("#777")) == 1


def test_what_is_shipped() -> None:
    assert tuple(theme_names([shipped_themes_dir()])) == SHIPPED


@pytest.mark.parametrize("name", SHIPPED)
def test_text_is_legible(name: str) -> None:
    values = colors(name)
    least = 7.0 if name.startswith("high-contrast") else 4.5
    faint = {
        f"{ink} on {paper}": round(ratio, 2)
        for ink, paper in PAIRS
        if (ratio := contrast(Color.parse(values[ink]), Color.parse(values[paper]))) < least
    }
    assert faint == {}


@pytest.mark.parametrize("name", SHIPPED)
def test_selected_text_is_legible(name: str) -> None:
    values = colors(name)
    ink = values.get("input-selection-foreground", values["foreground"])
    ink = ink if ink.startswith("#") else values["foreground"]
    assert contrast(Color.parse(ink), Color.parse(values["input-selection-background"])) >= 4.5


@pytest.mark.parametrize("name", SHIPPED)
def test_our_own_variables_are_set(name: str) -> None:
    assert VARIABLE_DEFAULTS.keys() <= colors(name).keys()


def test_a_later_folder_wins(tmp_path: Path) -> None:
    (tmp_path / "hybrid-dark.toml").write_text('primary = "#123456"')
    assert load_theme("hybrid-dark", [shipped_themes_dir(), tmp_path]).primary == "#123456"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("primary = ", "cannot be read"),
        ('primary = "#123456"\nshadow = "#000"', "unknown key 'shadow'"),
        ('background = "#123456"', "primary is missing"),
        ('primary = "bleu"', "primary = 'bleu' is no colour"),
        ('primary = "#123456"\n[variables]\nmuted = "grayish"', "muted = 'grayish' is no colour"),
    ],
)
def test_a_broken_theme_says_what_is_wrong(tmp_path: Path, text: str, complaint: str) -> None:
    (tmp_path / "mine.toml").write_text(text)
    with pytest.raises(UsageError, match=complaint) as caught:
        load_theme("mine", [tmp_path])
    assert "mine.toml" in str(caught.value)


@pytest.mark.parametrize("name", ["missing", "../hybrid-dark", "/etc/passwd"])
def test_an_unknown_name_is_refused(name: str) -> None:
    with pytest.raises(UsageError):
        load_theme(name, [shipped_themes_dir()])

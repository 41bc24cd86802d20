"""Shipped themes are legible, also to the colour-blind; broken ones say what is wrong with them."""

from __future__ import annotations

from math import dist
from pathlib import Path

import pytest
from textual.color import Color

from hybridchat.errors import UsageError
from hybridchat.paths import shipped_themes_dir
from hybridchat.tui.legibility import PAIRS, contrast, faint
from hybridchat.tui.themes import ROLES, VARIABLE_DEFAULTS, load_theme, make_theme, theme_names

SHIPPED = theme_names([shipped_themes_dir()])
SMALLEST = {"background": "#000000", "foreground": "#ffffff", "primary": "#86b4f5"}


def colors(name: str) -> dict[str, Color]:
    theme = load_theme(name, [shipped_themes_dir()]).theme
    return {role: Color.parse({**vars(theme), **theme.variables}[role]) for role in ROLES}


def test_contrast_of_the_extremes() -> None:
    assert contrast(Color.parse("#000"), Color.parse("#fff")) == pytest.approx(21)
    assert contrast(Color.parse("#777"), Color.parse("#777")) == 1
    assert contrast(Color.parse("#767676"), Color.parse("#fff")) == pytest.approx(4.54, abs=0.01)


def test_there_is_a_choice() -> None:
    assert len(SHIPPED) >= 10
    for kind in ("hybrid", "high-contrast", "colour-blind", "mono"):
        assert {f"{kind}-dark", f"{kind}-light"} <= set(SHIPPED)


@pytest.mark.parametrize("name", SHIPPED)
def test_all_text_is_legible(name: str) -> None:
    found = load_theme(name, [shipped_themes_dir()])
    assert [str(pair) for pair in faint(found.theme, 7.0 if "contrast" in name else 4.5)] == []
    assert found.about


def test_a_pale_role_is_named_with_its_ground() -> None:
    pale = faint(make_theme("pale", {**SMALLEST, "muted": "#444444"}))
    assert {pair.ink for pair in pale} == {"muted", "secondary", "code-comment", "code-builtin"}
    assert str(pale[0]) == "muted on panel has 1.8 : 1"


def test_every_pair_is_of_roles() -> None:
    assert {role for pair in PAIRS for role in pair} <= set(ROLES)


@pytest.mark.parametrize("name", ["mono-dark", "mono-light"])
def test_a_theme_without_colour_has_none(name: str) -> None:
    assert [role for role, color in colors(name).items() if len({color.r, color.g, color.b}) > 1] == []


# What the three kinds of dichromats see, as matrices over linear RGB: Machado, Oliveira and Fernandes (2009), table 1.
VISION = {
    "protan": ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998)),
    "deutan": ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.011820, 0.042940, 0.968881)),
    "tritan": ((1.255528, -0.076749, -0.178779), (-0.078411, 0.930809, 0.147602), (0.004733, 0.691367, 0.303900)),
}


def seen(color: Color, vision: str) -> tuple[float, float, float]:
    """In CIE L*a*b*, where a distance of 2 or 3 can just be seen."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in color.normalized]
    r, g, b = (min(1.0, max(0.0, sum(m * c for m, c in zip(row, linear, strict=True)))) for row in VISION[vision])
    xyz = (
        (0.4124 * r + 0.3576 * g + 0.1805 * b) / 0.9505,
        0.2126 * r + 0.7152 * g + 0.0722 * b,
        (0.0193 * r + 0.1192 * g + 0.9505 * b) / 1.089,
    )
    x, y, z = (c ** (1 / 3) if c > 0.008856 else 7.787 * c + 16 / 116 for c in xyz)
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


@pytest.mark.parametrize("vision", VISION)
@pytest.mark.parametrize("name", ["colour-blind-dark", "colour-blind-light"])
def test_what_means_something_differs_for_any_eye(name: str, vision: str) -> None:
    values = colors(name)
    for first, second in (("local", "managed"), ("success", "error"), ("success", "warning"), ("error", "foreground")):
        assert dist(seen(values[first], vision), seen(values[second], vision)) > 20, (first, second)


def test_what_a_theme_leaves_out_follows_from_the_rest() -> None:
    theme = make_theme("small", SMALLEST)
    assert theme.dark
    assert {**vars(theme), **theme.variables}.keys() >= set(ROLES)
    assert VARIABLE_DEFAULTS.keys() <= theme.variables.keys()
    assert theme.variables["code-keyword"] == theme.accent == "#86B4F5"
    assert not make_theme("light", {**SMALLEST, "background": "#ffffff", "foreground": "#000000"}).dark


def test_a_later_folder_wins(tmp_path: Path) -> None:
    text = "\n".join(f'{role} = "{color}"' for role, color in SMALLEST.items())
    (tmp_path / "hybrid-dark.toml").write_text(text)
    found = load_theme("hybrid-dark", [shipped_themes_dir(), tmp_path])
    assert found.theme.background == "#000000"
    assert found.file == tmp_path / "hybrid-dark.toml"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("\nprimary = ", ":2: not valid TOML: invalid value"),
        ('primary = "#123456"\nmutted = "#000"', ':2: mutted: there is no such role — did you mean "muted"? docs/'),
        ("\xff", " cannot be read: 'utf-8' codec can't decode byte 0xff"),
        ('background = "#123456"\nforeground = "#fff"', ': primary: is missing — a colour such as "#86b4f5"'),
        ('\n\nprimary = "bleu"', ":3: primary: 'bleu' is no colour — written like \"#86b4f5\""),
        ("primary = 3", ":1: primary: 3 is no colour"),
        ('muted = "#12345680"', ":1: muted: '#12345680' is no colour"),
        ('muted = "ansi_red"', ":1: muted: 'ansi_red' is no colour"),
        ('dark = "yes"', ":1: dark: is neither true nor false"),
        ("about = 1", ":1: about: is not text"),
        ('block-cursor-text-style = "blink"', ":1: block-cursor-text-style: 'blink' is not allowed — allowed: none"),
    ],
)
def test_a_broken_theme_says_in_one_line_what_is_wrong_and_where(tmp_path: Path, text: str, complaint: str) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(text, encoding="latin-1")
    with pytest.raises(UsageError) as caught:
        load_theme("mine", [tmp_path])
    assert str(caught.value).startswith(f"{file}{complaint}")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["missing", "../hybrid-dark", "/etc/passwd"])
def test_an_unknown_name_is_refused(name: str) -> None:
    with pytest.raises(UsageError):
        load_theme(name, [shipped_themes_dir()])


def test_the_page_names_every_role_and_its_example_is_a_theme(tmp_path: Path) -> None:
    page = (Path(__file__).parents[3] / "docs/themes.md").read_text(encoding="utf-8")
    assert [role for role in ROLES if f"`{role}`" not in page] == []
    (tmp_path / "example.toml").write_text(page.split("```toml\n")[1].split("```")[0], encoding="utf-8")
    assert faint(load_theme("example", [tmp_path]).theme) == []


def test_a_folder_that_may_not_be_looked_into_has_no_themes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def denied(path: Path) -> bool:
        raise PermissionError(13, "Permission denied", str(path))

    (tmp_path / "mine.toml").touch()
    monkeypatch.setattr(Path, "is_file", denied)
    assert theme_names([tmp_path]) == []
    with pytest.raises(UsageError, match="There is no theme 'mine'"):
        load_theme("mine", [tmp_path])

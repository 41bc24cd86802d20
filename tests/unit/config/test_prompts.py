"""Prompt files: what stands above the prompt, its variables, and each mistake in one line with its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from hybridchat.config.prompts import BrokenPrompt, PromptFile, Variable, as_file, fill, preview, read_prompt
from hybridchat.errors import UsageError

FILE = Path("review.md")
REVIEW = """+++
title = "Code review"
description = "strict"
preset = "Code"
workload = "code"

[variables.language]
choices = ["Go", "Python"]
default = "Go"

[variables.code]
description = "what to look at"
multiline = true
+++

Review this {{language}}:

{{ code }}

Write \\{{name}} for a name, and leave {{ a.b }} and {{}} alone.
"""


def read(text: str) -> PromptFile:
    return read_prompt(text, "review", FILE)


def test_all_that_a_file_says() -> None:
    prompt = read(REVIEW)
    assert (prompt.title, prompt.description, prompt.preset, prompt.workload) == (
        "Code review",
        "strict",
        "Code",
        "code",
    )
    assert list(prompt.variables.items()) == [
        ("language", Variable(choices=("Go", "Python"), default="Go")),
        ("code", Variable(description="what to look at", multiline=True)),
    ]
    assert fill(prompt, {"code": "x = {{language}}"}) == (
        "Review this Go:\n\nx = {{language}}\n\nWrite {{name}} for a name, and leave {{ a.b }} and {{}} alone."
    ), "what is put in is not looked at again"
    assert "{{ code }}" in preview(prompt, {"language": "Go"})


def test_without_anything_above_it() -> None:
    prompt = read("# Translate\r\nInto {{language}}: {{text}} {{language}}\r\n")
    assert (prompt.title, list(prompt.variables)) == ("Translate", ["language", "text"])
    assert fill(prompt, {"language": "French", "text": ""}) == "# Translate\nInto French:  French"
    assert read_prompt("Hello", "code/say-hello", FILE).title == "say hello"
    assert fill(read("Hello"), {}) == "Hello"


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({}, "code is not said — --var code=…"),
        ({"code": "", "language": "Rust"}, "'Rust' is no language — one of: Go, Python"),
        ({"code": "", "langage": "Go"}, "has no variable 'langage' — it has language, code"),
    ],
)
def test_what_cannot_be_filled_in(values: dict[str, str], says: str) -> None:
    with pytest.raises(UsageError) as raised:
        fill(read(REVIEW), values)
    assert says in str(raised.value)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (
            REVIEW.replace("{{ code }}", "{{ cod }}"),
            "review.md:18: {{cod}} is no variable of this prompt — did you mean {{code}}?",
        ),
        (
            REVIEW.replace('title = "Code review"', "titel = 1"),
            "review.md:2: titel: there is no such key — did you mean",
        ),
        (
            REVIEW.replace('default = "Go"', 'default = "C"'),
            'review.md:9: variables.language.default: "C" is no choice — Go, Python',
        ),
        (REVIEW.replace("multiline = true", "multiline = 1"), "review.md:13: variables.code.multiline: is a number"),
        (REVIEW.replace("[variables.code]", "[variables.code"), "review.md:11: not valid TOML"),
        (REVIEW.replace("[variables.code]", '[variables."a b"]'), "is no name for a variable — letters, digits"),
        ("+++\ntitle = 1\n", "review.md:1: the +++ is not closed"),
        ("---\ntitle: x\n---\nHello", "review.md:1: what stands between --- is YAML — write TOML between +++ lines"),
        ("+++\n" + "a = " + "[" * 3000 + "\n+++\n", "review.md"),
    ],
)
def test_a_mistake_is_one_line_with_its_place(text: str, says: str) -> None:
    with pytest.raises(BrokenPrompt) as raised:
        read(text)
    assert says in str(raised.value) and "\n" not in str(raised.value)


def test_a_rule_at_the_top_is_markdown() -> None:
    assert read("---\nHello").body == "---\nHello"


def test_a_new_file_says_what_it_was_made_of() -> None:
    prompt = read(as_file('A "title"', "\n+++\nHello {{name}}\n"))
    assert (prompt.title, prompt.body, list(prompt.variables)) == ('A "title"', "+++\nHello {{name}}", ["name"])

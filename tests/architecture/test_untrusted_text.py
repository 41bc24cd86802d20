"""Untrusted text cannot be forgotten: nothing is read as markup, and one place writes to each terminal."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import hybridchat

PACKAGE = Path(hybridchat.__file__).parent
WIDGETS = {"Button", "Input", "Static", "TextArea"}  # Textual's others read their texts as markup, or draw links
READ_AS_MARKUP = {"border_title", "border_subtitle", "from_markup", "sub_title", "tooltip"}
RAW = {"__stdout__", "__stderr__", "buffer"}  # what lies under the streams that make text inert


def trees(folder: Path) -> Iterator[tuple[str, ast.Module]]:
    for path in sorted(folder.rglob("*.py")):
        yield path.relative_to(PACKAGE).as_posix(), ast.parse(path.read_text(encoding="utf-8"))


def test_no_widget_reads_its_text_as_markup() -> None:
    found = [f"{file}:{line} {what}" for file, tree in trees(PACKAGE / "tui") for line, what in _markup(tree)]
    assert found == []


def _markup(tree: ast.Module) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        match node:
            case ast.ImportFrom(module="textual.widgets", names=names):
                yield from ((node.lineno, alias.name) for alias in names if alias.name not in WIDGETS)
            case ast.Call(func=ast.Name(id="Static"), keywords=given):
                if not any(word.arg == "markup" and ast.unparse(word.value) == "False" for word in given):
                    yield node.lineno, "Static without markup=False"
            case ast.Call(func=ast.Name(id="Button"), args=[label, *_]):
                if not ast.unparse(label).startswith("Content("):
                    yield node.lineno, "Button with a string"
            case ast.Attribute(attr=name) if name in READ_AS_MARKUP:
                yield node.lineno, name


def test_what_is_written_passes_the_streams_that_make_it_inert() -> None:
    raw = {
        f"{file}: {ast.unparse(node)}"
        for file, tree in trees(PACKAGE)
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr in RAW and ast.unparse(node.value) != "sys.stdin"
    }
    screen = {"tui/terminal.py: sys.__stderr__", "tui/terminal.py: sys.__stdout__"}  # drawn through `InertFilter`
    assert raw == {*screen, "tui/app.py: sys.__stderr__"}, "the last one's encoding is asked for"

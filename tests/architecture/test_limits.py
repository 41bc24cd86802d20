"""Files and functions stay small enough to be read in one go."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDERS = ("hybridchat", "scripts", "packaging", "tests")
MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 60


def python_files() -> Iterator[Path]:
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix == ".py" or (path.is_file() and not path.suffix and _says_python(path)):
                yield path


def _says_python(path: Path) -> bool:
    with path.open("rb") as file:
        return b"python" in file.readline(80)


def test_no_file_is_too_long() -> None:
    lines = {path: path.read_text(encoding="utf-8").count("\n") for path in python_files()}
    long = {str(path.relative_to(ROOT)): count for path, count in lines.items() if count > MAX_FILE_LINES}
    assert long == {}, "which two things is each of these files?"


def test_no_function_is_too_long() -> None:
    long = {
        f"{path.relative_to(ROOT)}:{node.lineno} {node.name}": length
        for path in python_files()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (length := (node.end_lineno or node.lineno) - node.lineno + 1) > MAX_FUNCTION_LINES
    }
    assert long == {}, "what does each of these functions do twice?"

"""Every dialog is looked after by its stylesheet: one that it does not name fills the screen from the corner."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from pathlib import Path

import pytest
from textual.screen import ModalScreen

from hybridchat.tui import screens

MODULES = [importlib.import_module(f"{screens.__name__}.{one.name}") for one in pkgutil.iter_modules(screens.__path__)]
DIALOGS = [
    kind
    for module in MODULES
    for _, kind in inspect.getmembers(module, inspect.isclass)
    if kind.__module__ == module.__name__ and ModalScreen in kind.__bases__
]


def test_there_are_dialogs() -> None:
    assert len(DIALOGS) > 10


@pytest.mark.parametrize("dialog", DIALOGS, ids=lambda dialog: dialog.__name__)
def test_a_dialog_has_its_place(dialog: type[ModalScreen[object]]) -> None:
    sheet = Path(inspect.getfile(dialog)).parent / str(dialog.CSS_PATH)
    assert f"{dialog.__name__} .dialog" in sheet.read_text(encoding="utf-8")

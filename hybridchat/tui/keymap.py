"""Which keys do what, where: the table's own unless a keymap says otherwise, and how they are named on the screen."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct
from textual.binding import Binding, BindingsMap, BindingType
from textual.dom import DOMNode

from hybridchat.tui.actions import ACTIONS, BY_ID, Action, character_of, key_name, short_key

# Without modifiers they belong to a focused widget first: it moves by them, clears or closes something with Esc.
_OF_WIDGETS = {
    "escape",
    "tab",
    "up",
    "down",
    "left",
    "right",
    "home",
    "end",
    "pageup",
    "pagedown",
    "backspace",
    "delete",
}
_COPIES = "ctrl+c"  # Textual's own everywhere, where something is selected; else it may mean something of ours


class Keymap(Struct, frozen=True):
    """Keys by action, the one that is shown first."""

    keys: Mapping[str, tuple[str, ...]]

    def of(self, action: str) -> tuple[str, ...]:
        return self.keys[action]

    def name(self, action: str) -> str:
        """Its key as a person reads it; without one, what the palette calls the action."""
        keys = self.keys[action]
        return key_name(keys[0]) if keys else f"“{BY_ID[action].title.rstrip('…')}”"

    def names(self, action: str, room: int = 1000) -> str:
        """All of them, as many as fit into so many characters."""
        names = [key_name(key) for key in self.keys[action]]
        while len(", ".join(names)) > room:
            names.pop()
        return ", ".join(names)

    def short(self, action: str) -> str:
        """The first as the footer has it; "" without one."""
        keys = self.keys[action]
        return short_key(keys[0]) if keys else ""


DEFAULT = Keymap({action.id: action.keys for action in ACTIONS})


def keymap_of(node: DOMNode) -> Keymap:
    """The one in use where that node is."""
    found: Keymap = getattr(node.app, "keymap", DEFAULT)
    return found


def bindings(where: str) -> list[BindingType]:
    """Textual's bindings for one place. Those of the chat and the app win over a focused widget's own keys."""
    return list(_bindings(where, DEFAULT))


def _bindings(where: str, keymap: Keymap) -> list[Binding]:
    return [
        Binding(
            key,
            action.id,
            action.title,
            tooltip=action.help,
            id=action.id,
            show=False,
            priority=where != "transcript" and not _is_of_widgets(action, key),
        )
        for action in ACTIONS
        if action.where == where
        for key in keymap.of(action.id)
    ]


def _is_of_widgets(action: Action, key: str) -> bool:
    return key in _OF_WIDGETS or key == _COPIES or (action.where != "composer" and character_of(key) is not None)


def rebind(node: DOMNode, where: str, keymap: Keymap) -> None:
    """Gives the node of that place its keys; what the table's own keys hid of a widget's comes back."""
    base: BindingsMap = type(node).__mro__[1]._merged_bindings  # type: ignore[attr-defined]
    ours = {action.id for action in ACTIONS if action.where == where}
    keys = {key: [b for b in found if b.action not in ours] for key, found in base.key_to_bindings.items()}
    for binding in _bindings(where, keymap):
        keys[binding.key] = [*keys.get(binding.key, []), binding] if binding.key == _COPIES else [binding]
    node._bindings = BindingsMap.from_keys(keys)

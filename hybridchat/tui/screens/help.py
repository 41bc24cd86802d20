"""What can be done here: the keys of the place where help was asked for, and what they do. To find, and to do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from textwrap import wrap
from typing import Any, NamedTuple

from textual.binding import Binding
from textual.containers import Vertical
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Input, Static

from hybridchat.config.problems import Problem
from hybridchat.domain.text import clean_line
from hybridchat.tui.actions import ACTIONS, GROUPS, Action, character_of, key_name
from hybridchat.tui.keymap import Keymap
from hybridchat.tui.matching import rank
from hybridchat.tui.screens.chat import ChatScreen
from hybridchat.tui.screens.picker import Picker
from hybridchat.tui.widgets.rows import Row, RowList

KEYS_ROOM = 19
READING = "In the transcript"
WIDE = 106  # columns: from here on a row has room for all; else what is chosen is said in full below
_TEXTUALS = {(binding.key, binding.action) for binding in Binding.make_bindings(Screen.BINDINGS)}


class Entry(NamedTuple):
    """One line: an action of the table, or what the keys of a dialog do."""

    keys: str
    action: Action
    press: str = ""  # the key that does it there

    @property
    def words(self) -> str:
        """All that is known of it."""
        title, names = self.action.title.rstrip("…"), " ".join(f"/{name}" for name in self.action.names)
        return ". ".join(filter(None, (title, self.action.help, names and f"Also: {names}")))


Groups = dict[str, list[Entry]]


class HelpScreen(Picker):
    """Answers with the entry that was chosen, to be done."""

    AROUND = 11

    def __init__(self, groups: Groups, problems: Sequence[Problem] = ()) -> None:
        super().__init__("Keys", [], hint="Enter does it · type to find it · Esc closes")
        self._entries, self._problems = groups, problems
        self._meaning = Static(classes="meaning", markup=False)

    def on_mount(self) -> None:
        self.query_one(".dialog", Vertical).mount(self._meaning, after=self.list)
        self.on_resize()

    def on_resize(self) -> None:
        width = self.app.size.width
        told = [line for one in self._problems for line in wrap(clean_line(str(one), 400), min(100, width) - 16)]
        mistakes = [Row(None, "Mistakes"), *(Row(None, line, style="muted") for line in told)] if told else []
        self.set_all_rows([*mistakes, *_rows(self._entries, with_help=width >= WIDE)])

    def _narrow(self) -> None:
        """The best hit first."""
        query = self.filter.value.strip()
        if query:
            ranked = [(_rank(query, row.key), row) for row in self.all_rows if row.key is not None]
            hits = sorted((one for one in ranked if one[0]), key=lambda one: -one[0])
            self.list.set_rows([row for _, row in hits] or [Row(None, "Nothing matches.")])
        else:
            self.list.set_rows(self.all_rows)
        self._explain(self.list.current)

    def on_row_list_moved(self, event: RowList.Moved) -> None:
        self._explain(event.row)

    def _explain(self, row: Row | None) -> None:
        self._meaning.update(Content(row.key.words if row else ""))


def _rows(groups: Groups, *, with_help: bool) -> Iterator[Row]:
    for name, entries in groups.items():
        yield Row(None, name)
        for entry in entries:
            help_words = entry.action.help if with_help else ""
            yield Row(entry, f"{entry.keys:<{KEYS_ROOM}}  {entry.action.title}", help_words)


def _rank(query: str, entry: Entry) -> float:
    return 5.0 if query.casefold() in entry.keys.casefold().split(", ") else rank(query, entry.action)


# --- what there is


def entries_for(screen: Screen[Any], keymap: Keymap) -> Groups:
    """What can be done on that screen as it is now; what the focus is in comes first."""
    if not isinstance(screen, ChatScreen):
        everywhere = [action for action in ACTIONS if action.where == "app" and action.id != "commands"]
        here = [*_here(screen), *_typing(screen)]
        return {"Here": here, "Everywhere": [Entry(keymap.names(one.id, KEYS_ROOM), one) for one in everywhere]}
    is_reading = screen.focused is screen.transcript
    leads = "" if is_reading else keymap.short("read")
    groups = {
        name: [Entry(_keys(action, keymap, "" if name == READING else leads), action) for action in actions]
        for name, actions in GROUPS.items()
    }
    if is_reading:
        return {name: groups[name] for name in (READING, "Reading", *groups)}
    if screen.focused in (None, screen.composer):
        return groups
    return {"Here": _here(screen, own=False), **groups}


def _keys(action: Action, keymap: Keymap, leads: str) -> str:
    """As many as there is room for. What is a letter to whoever writes stands behind the key that leads away: F7 b."""
    names = [
        f"{leads} {key_name(key)}" if leads and character_of(key) else key_name(key) for key in keymap.of(action.id)
    ]
    while len(", ".join(names)) > KEYS_ROOM:
        names.pop()
    return ", ".join(names)


def _typing(screen: Screen[Any]) -> list[Entry]:
    """What Enter does in a field, which has no words for it."""
    words = "Choose" if isinstance(screen, Picker) else "Accept what is typed"
    return [Entry("Enter", Action("", (), words, ""), "enter")] if isinstance(screen.focused, Input) else []


def _here(screen: Screen[Any], *, own: bool = True) -> list[Entry]:
    """The keys of its widgets and, if `own`, of the screen itself, as their bindings say it."""
    said: dict[str, list[str]] = {}
    for key, active in screen.active_bindings.items():
        binding = active.binding
        is_ours = type(active.node).__module__.startswith("hybridchat.") and (key, binding.action) not in _TEXTUALS
        if is_ours and binding.description and active.node is not screen.app and (own or active.node is not screen):
            said.setdefault(binding.description, []).append(key)
    return [
        Entry(", ".join(map(key_name, keys)), Action("", (), description, ""), keys[0])
        for description, keys in said.items()
    ]

"""The first start, without a config: what was found, and one key to take it. Nothing is written before that key."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import TYPE_CHECKING, ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Static

from hybridchat.domain.chat import Proof
from hybridchat.domain.text import clean_line
from hybridchat.errors import HybridchatError
from hybridchat.session.setup import Discovery, Found, Setup
from hybridchat.session.standing import Standing
from hybridchat.tui.beside import BESIDE
from hybridchat.tui.keymap import keymap_of
from hybridchat.tui.widgets.hints import Hints
from hybridchat.tui.widgets.rows import Row, RowList
from hybridchat.tui.words import zone_words

if TYPE_CHECKING:
    from hybridchat.session.providers import Providers

_LOOKING = "Looking at this device and the environment…"


class FirstRun(Screen[bool]):
    """Answers whether the demo is wanted; if not, the config is written by then.

    Local places are ticked from the start; a key or an address from the environment only by its own yes.
    """

    CSS_PATH = "first_run.tcss"
    AUTO_FOCUS = "RowList"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "accept", "Use what is ticked", show=False, priority=True),
        Binding("space", "tick", "Tick it, or not", show=False),
        Binding("v", "vouch", "Vouch that it computes here", show=False),
        Binding("e", "embedded", "A small model, run by hybridchat itself", show=False),
        Binding("a", "add", "Add a rented one, or another server", show=False),
        Binding("d", "demo", "The demo: two simulated backends", show=False),
        Binding("r", "look", "Look again", show=False),
    ]

    def __init__(self, setup: Setup, open_providers: Callable[[], Providers] | None, *, has_demo: bool) -> None:
        super().__init__()
        self.setup = setup
        self._open_providers = open_providers
        self._has_demo = has_demo
        self.found: dict[str, Found] = {}
        self.ticked: set[str] = set()
        self.vouched: set[str] = set()
        self.list = RowList()
        self._status = Static(_LOOKING, id="status", markup=False)
        self._keys = Static("", id="choices", markup=False)

    def compose(self) -> ComposeResult:
        with Vertical(id="first-run"):
            yield Static("hybridchat", markup=False, classes="title")
            yield Static("Your own models and rented ones, in one conversation.", markup=False, classes="note")
            yield self._status
            yield self.list
            yield self._keys
            yield Hints()

    def on_mount(self) -> None:
        self.action_look()

    # --- what there is

    @work(name=BESIDE, exclusive=True, group="look")
    async def action_look(self) -> None:
        self._say(_LOOKING)
        try:
            discovery = await self.setup.discover()
        except HybridchatError as error:
            discovery = Discovery(notices=(str(error),))
        self.found = {found.id: found for found in discovery.found}
        self.ticked = {
            f.id for f in discovery.found if f.zone.is_local and not f.needs_own_yes and f.is_healthy is not False
        }
        self.vouched.clear()
        head = "Found:" if self.found else "No model server was found on this device, and no key in the environment."
        self._say("\n".join([head, *(clean_line(notice) for notice in discovery.notices)]))
        self._show()

    def _say(self, text: str) -> None:
        self._status.update(text)

    def _show(self) -> None:
        current = self.list.current
        self.list.set_rows(found_rows(self.found.values(), self.ticked, self.vouched), current and current.key)
        self.list.styles.height = max(1, min(len(self.list.rows), self.app.size.height - 17))
        self.list.display = bool(self.found)
        self._keys.update(self._choices())

    def _choices(self) -> Content:
        lines: list[tuple[str, str]] = []
        if self.ticked:
            names = ", ".join(sorted(self.ticked))
            lines.append(("Enter", f"write config.toml with {clean_line(names, 60)} and start"))
        if self.found:
            lines.append(("Space", "tick or untick; environment keys are used only when ticked"))
        if any(f.proof is Proof.ASSUMED and f.id in self.ticked for f in self.found.values()):
            lines.append(("v", "vouch: I know that it computes here (local-only chats need that)"))
        lines += [
            ("e", "run a small open model inside hybridchat"),
            *([("a", "add a provider of rented models, or a server")] if self._open_providers else []),
            *([("d", "look around with simulated backends")] if self._has_demo else []),
            ("r", "look again"),
            (keymap_of(self).name("quit"), "quit"),
        ]
        return Content.assemble(
            *(part for key, text in lines for part in ((f"{key:>6}", "bold $primary"), f"  {text}\n"))
        )

    # --- choices

    def action_tick(self) -> None:
        if row := self.list.current:
            self.ticked ^= {row.key}
            self.vouched &= self.ticked
            self._show()

    @work(exclusive=True, group="vouch")
    async def action_vouch(self) -> None:
        from hybridchat.tui.screens.standing import vouch_question

        row = self.list.current
        if row is None or self.found[row.key].proof is not Proof.ASSUMED:
            return
        found = self.found[row.key]
        if found.id in self.vouched or await self.app.push_screen_wait(vouch_question(_standing(found))):
            self.vouched ^= {found.id}
            self.ticked |= {found.id}
            self._show()

    @work(exclusive=True, group="accept")
    async def action_accept(self) -> None:
        chosen = [found for found in self.found.values() if found.id in self.ticked]
        if not chosen:
            self._complain("Nothing is ticked. Space ticks; e, a and d are other ways to begin.")
            return
        try:
            await self.setup.accept(chosen, vouched=sorted(self.vouched))
        except HybridchatError as error:
            self._complain(str(error))
        else:
            self.dismiss(False)

    @work(exclusive=True, group="embedded")
    async def action_embedded(self) -> None:
        from hybridchat.tui.screens.pull import PullModel

        if await self.app.push_screen_wait(PullModel(self.setup)):
            self.dismiss(False)

    @work(exclusive=True, group="add")
    async def action_add(self) -> None:
        from hybridchat.tui.screens.add_backend import add_backend

        if self._open_providers and (added := await add_backend(self.app, self._open_providers)):
            self.dismiss(False)
            if added.notice:
                self._complain(added.notice)

    def action_demo(self) -> None:
        if self._has_demo:
            self.dismiss(True)

    def on_row_list_chosen(self) -> None:
        self.action_tick()  # a click; Enter is the screen's

    def _complain(self, text: str) -> None:
        self.notify(clean_line(text, 300), severity="warning")


def _standing(found: Found) -> Standing:
    return Standing(
        backend=found.id,
        kind=found.kind,
        url=found.base_url,
        zone=found.zone,
        proof=found.proof,
        how="",
        peer=found.peer,
    )


def found_rows(all_found: Iterable[Found], ticked: Collection[str], vouched: Collection[str]) -> list[Row]:
    """Two lines for each place: what it is with its health, then where it was seen (never cut off) and its models."""
    rows = []
    for found in all_found:
        proof = Proof.VOUCHED if found.id in vouched else found.proof
        tick = "[x]" if found.id in ticked else "[ ]"
        health = {True: "healthy", False: "not healthy", None: "not asked"}[found.is_healthy]
        name = f"{tick} {clean_line(found.id, 30)} · {zone_words(found.zone, proof, found.kind)}"
        rows.append(Row(found.id, name, health, "local" if found.zone.is_local else "managed"))
        models = ", ".join(clean_line(model, 40) for model in found.models[:2])
        more = f" and {len(found.models) - 2} more" if len(found.models) > 2 else ""
        where = "" if found.is_healthy else found.base_url.partition("://")[2]  # what is not known to be here is named
        facts = (found.source, f"{models}{more}", where, "" if found.is_healthy else found.detail)
        rows.append(Row(None, "      " + " · ".join(clean_line(fact, 80) for fact in facts if fact), style="muted"))
    return rows

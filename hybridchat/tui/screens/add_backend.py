"""Adding a backend in one step: where it is, its key, a look at it, its model. Nothing is written before that."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, ClassVar, cast, get_args

from textual import work
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from hybridchat.config import KINDS
from hybridchat.config.providers import Provider
from hybridchat.domain.address import parse_base_url
from hybridchat.domain.text import clean_line
from hybridchat.errors import HybridchatError, UsageError
from hybridchat.session.keeping import place_for_keys
from hybridchat.tui.beside import BESIDE
from hybridchat.tui.screens.dialogs import Confirm, Prompt
from hybridchat.tui.screens.picker import Picker
from hybridchat.tui.widgets.key_field import KeyField
from hybridchat.tui.widgets.rows import Row
from hybridchat.tui.widgets.tick import Tick
from hybridchat.tui.words import brief

if TYPE_CHECKING:
    from hybridchat.session.drafting import NewBackend
    from hybridchat.session.providers import Added, ListedModel, Look, Providers

_ANY = ""  # in place of a protocol: the server is asked which it speaks
_KEYS = "Enter goes on · Tab moves · Esc closes"


async def add_backend(app: App[int], open_providers: Callable[[], Providers]) -> Added | None:
    """All of it, for a worker; None when the user closed it, and then nothing was written."""
    providers = await asyncio.to_thread(open_providers)
    place = None
    while True:
        title = "Add a backend"
        place = await app.push_screen_wait(Picker(title, list(_place_rows(providers.presets())), current=place))
        if place is None:
            return None
        if added := await app.push_screen_wait(AddBackend(providers, place)):
            return added


def _place_rows(presets: Sequence[Provider]) -> Iterator[Row]:
    """Keys are a provider, or a protocol of one's own server."""
    yield Row(None, "Rented models")
    for preset in presets:
        where = parse_base_url(preset.base_url).host if preset.base_url else "at your own address"
        yield Row(preset, preset.name, where, "managed")
    yield Row(None, "By its address")
    yield Row(_ANY, "Any server: it is asked what it is", style="local")
    for kind in get_args(KINDS):
        if kind != "embedded":
            yield Row(kind, f"A server that speaks {kind}", style="local")


class AddBackend(ModalScreen["Added | None"]):
    """The address where it is not known, and the key. Whatever goes wrong, what was typed stays."""

    CSS_PATH = "dialogs.tcss"
    AUTO_FOCUS = "Input"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "Close", show=False),
        Binding("ctrl+s", "add", "Add it", show=False, priority=True),
    ]

    def __init__(self, providers: Providers, place: Provider | str) -> None:
        super().__init__()
        self._providers = providers
        self._provider = place if isinstance(place, Provider) else None
        self._kind = None if isinstance(place, Provider) else place
        self._example = self._provider.url if self._provider else "http://127.0.0.1:8000"
        self.url = Input(placeholder=f"address, such as {self._example}", compact=True)
        self.key = KeyField("key" if self._provider else "key; empty: none")
        self.environment: Tick | None = None  # shown where there is a key in it
        self.mine = Tick("It is mine: I know that it computes there, and forwards to nobody")
        self._facts = Static("", markup=False, classes="note")
        self._status = Static(_KEYS, markup=False, classes="note")

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog -wide"):
            name = self._provider.name if self._provider else f"a server that speaks {self._kind}" if self._kind else ""
            yield Static(f"Add {name or 'a server'}", markup=False, classes="title")
            yield self._facts
            if self._provider is None or not self._provider.base_url:
                yield self.url
            yield self.key
            if self._provider is None:
                yield self.mine
            yield self._status

    @work(name=BESIDE, group="facts")
    async def on_mount(self) -> None:
        """What there is to say beforehand: where it is, where a key comes from, and where it will be."""
        provider = self._provider
        facts = ["A key goes to that host alone."]
        if provider:
            where = f"{provider.base_url or 'at your own address'} · managed, leaves your machines"
            facts = [where, f"Where to get a key: {provider.keys_url}", "It goes to that host alone."]
        self._facts.update("\n".join(facts))
        facts += [f"It is {clean_line(await place_for_keys())}."]
        self._facts.update("\n".join(facts))
        if origin := await self._key_at_hand():
            self.environment = Tick(f"Use the key in {origin}")
            await self.mount(self.environment, after=self.key)

    async def _key_at_hand(self) -> str:
        """Where there is a key for this provider already, in words, or ""."""
        if self._provider is None:
            return ""
        try:
            new = await self._providers.draft(self._provider.id, {"base_url": self._provider.url})
            _, key = await self._providers.find_key(new)
        except HybridchatError:  # said when it is added
            return ""
        return key.origin if key else ""

    def on_input_submitted(self, event: Input.Submitted) -> None:
        if event.input is self.key:
            self.action_add()
        else:
            self.set_focus(self.key)

    @work(exclusive=True, group="add")
    async def action_add(self) -> None:
        try:
            added = await self._add()
        except HybridchatError as error:
            self._say(brief(str(error), 400), is_error=True)
            return
        if added is None:
            self._say(_KEYS)
        else:
            self.dismiss(added)

    def _say(self, text: str, *, is_error: bool = False) -> None:
        self._status.set_class(is_error, "-error")
        self._status.update(text)

    async def _add(self) -> Added | None:
        """None: the user went back to this form."""
        from hybridchat.keys import typed_key
        from hybridchat.session.providers import why_not

        new = await self._draft()
        typed = typed_key(self.key.value) if self.key.value.strip() else None
        key = typed
        if self.environment is not None and self.environment.is_ticked and typed is None:
            new, found = await self._providers.find_key(new)
            key = found.value if found else None
        self._say(f"Asking {clean_line(new.spec.address.host, 80)}…")
        look = await self._providers.look(new, key)
        if problem := why_not(new, look):
            raise problem
        model = await self._choose(new, look)
        if model is None:
            return None
        if look.key == "unproven" and key and model and await self._wants_proof():
            self._say("Asking for one token…")
            await self._providers.prove(new, key, model)
        vouched = look.peer if self.mine.is_ticked and new.spec.address.is_loopback else None
        return await self._providers.add(new, model=model or None, key=typed, vouched=vouched)

    async def _draft(self) -> NewBackend:
        url = self.url.value.strip()
        if self.url.is_mounted and not url:
            raise UsageError("the address is missing", f"type one, such as {self._example}")
        if self._provider is not None:
            return await self._providers.draft(self._provider.id, {"base_url": url})
        given: dict[str, object] = {"kind": self._kind}
        if self.mine.is_ticked and not parse_base_url(url).is_loopback:
            given["private"] = True
        return await self._providers.draft(url, given)

    async def _choose(self, new: NewBackend, look: Look) -> str | None:
        """The default model; "" leaves it open, None goes back."""
        name = clean_line(new.provider.name if new.provider else new.config.id, 40)
        if not look.models or (new.provider and new.provider.models_are_own_names):
            prompt = Prompt(f"Which model of {name}?", placeholder="its name there; empty: none yet")
            answer = await self.app.push_screen_wait(prompt)
            return None if answer is None else answer.strip()
        note = "The list is open to everybody: the key is not proven yet." if look.key == "unproven" else ""
        known = "USD per million tokens in/out · context window · abilities"
        picker = Picker(f"Which model of {name}?", model_rows(look.models), note="\n".join(filter(None, (note, known))))
        return cast("str | None", await self.app.push_screen_wait(picker))

    async def _wants_proof(self) -> bool:
        question = "Ask for one token, to prove the key?"
        detail = "The list of models did not prove it. The provider charges for that token."
        return await self.app.push_screen_wait(Confirm(question, detail, yes="Ask", no="Add unproven"))


def model_rows(models: Sequence[ListedModel]) -> list[Row]:
    """Each with what is known of it; an unknown price is said."""
    return [Row(model.info.name, clean_line(model.info.name, 120), _model_words(model)) for model in models]


def _model_words(model: ListedModel) -> str:
    price = f"${model.price.input_usd:g}/${model.price.output_usd:g}" if model.price else "price unknown"
    abilities = ", ".join(clean_line(ability, 20) for ability in model.info.capabilities)
    return " · ".join(filter(None, (price, _window(model.context_window), abilities)))


def _window(tokens: int | None) -> str:
    """`128k`, `1.05M`."""
    if tokens is None:
        return ""
    return f"{tokens / 1e6:.3g}M" if tokens >= 1e6 else f"{tokens / 1e3:.0f}k" if tokens >= 1e3 else str(tokens)

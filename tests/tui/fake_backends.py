"""The scripted session's backends and keys, and providers whose answers a test decides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from msgspec.structs import replace

from hybridchat.backends.base import BackendSpec
from hybridchat.backends.taking import untaken
from hybridchat.config import BackendConfig, PresetConfig
from hybridchat.config.providers import Provider, providers
from hybridchat.domain.address import parse_base_url
from hybridchat.domain.chat import Conversation, Effort, Kind, ModelInfo, Parameters, Zone
from hybridchat.domain.peers import Peer
from hybridchat.domain.routing import Candidate
from hybridchat.domain.tuning import Untaken, given
from hybridchat.errors import BackendError, ErrorKind, HybridchatError
from hybridchat.keys import Key, typed_key
from hybridchat.session.drafting import NewBackend, draft
from hybridchat.session.floor import Floor
from hybridchat.session.keeping import Kept
from hybridchat.session.key_hosts import KeyMoved
from hybridchat.session.presets import Listed, Presets
from hybridchat.session.prices import Quote
from hybridchat.session.prompts import Prompts, PromptUse
from hybridchat.session.providers import Added, KeyState, ListedModel, Look
from hybridchat.session.state import Chat, Plan, settings_of
from tests.tui.fake_chats import FakeChats

if TYPE_CHECKING:
    from hybridchat.session.chats import Chats
    from hybridchat.session.providers import Providers

KEY = "sk-canary-4711-0815"
MODELS = (
    ListedModel(ModelInfo("gpt-big", 400_000, capabilities=("vision", "tools")), Quote(1.25, 10.0, "a list")),
    ListedModel(ModelInfo("gpt-small", 128_000), Quote(0.05, 0.4, "a list")),
    ListedModel(ModelInfo("gpt-secret")),
)


class FakeTransfer:
    """What was exported, and where to."""

    def __init__(self) -> None:
        self.exported: list[tuple[int, str, Path, bool]] = []

    def file_name(self, conversation: Conversation, form: str) -> str:
        return f"{conversation.id}.{form}"

    async def export(self, conversation: Conversation, form: str, file: Path, *, branches: bool) -> None:
        self.exported.append((conversation.id, form, file, branches))


class FakePresets(Presets):
    """Those that a test says there are; what was saved comes to them."""

    def __init__(self, chats: Chats, floor: Floor) -> None:
        super().__init__(None, chats, floor)
        self.listed = Listed()

    @property
    def can_save(self) -> bool:
        return True

    async def list(self) -> Listed:
        return self.listed

    async def save(self, name: str, chat: Chat, *, replace: bool = False) -> PresetConfig:
        preset = PresetConfig(name=name, system=chat.system, **given(settings_of(chat)))
        self.listed = Listed((*self.listed.presets, preset), self.listed.problems)
        return preset


class FakeBackends(FakeChats):
    """Further backends, their keys, and how much they may think."""

    def __init__(self, candidates: Sequence[Candidate], *, local_only: bool = False) -> None:
        super().__init__(candidates, local_only=local_only)
        self.moved: dict[str, KeyMoved] = {}  # keys that were for another host
        self.keys: list[tuple[str, str]] = []  # backend, key
        self.added: list[BackendConfig] = []
        self.transfer = FakeTransfer()
        self.presets = FakePresets(cast("Chats", self), self.floor)
        self.keep_prompts(Prompts())

    def keep_prompts(self, prompts: Prompts) -> None:
        """That library is the session's."""
        self.prompts = prompts
        self.use_prompt = PromptUse(prompts, self.presets, cast("Chats", self)).prepare

    async def set_settings(self, chat: Chat, parameters: Parameters, system: str) -> None:
        chat.parameters, chat.effort, chat.system = replace(parameters, effort=None), parameters.effort, system

    def untaken(self, target: Candidate, parameters: Parameters) -> tuple[Untaken, ...]:
        """As a Chat Completions server takes them, and a managed model that thinks."""
        url = "https://api.openai.com" if target.zone is Zone.MANAGED else "http://127.0.0.1:9"
        spec = BackendSpec(
            id=target.backend, kind=Kind(target.kind), address=parse_base_url(url), zone=target.zone, proof=target.proof
        )
        return untaken(spec, target.model, parameters)

    async def set_effort(self, chat: Chat, effort: Effort | None) -> None:
        chat.effort = effort

    def plan(self, chat: Chat, draft: str, **options: Any) -> Plan:
        plan = super().plan(chat, draft, **options)
        target = plan.decision.target
        left_out = self.untaken(target, settings_of(chat)) if target else ()
        return replace(plan, effort=chat.effort, untaken=left_out)

    async def add_backend(self, entry: BackendConfig) -> None:
        self.added.append(entry)
        model = entry.model or ""
        new = Candidate(backend=entry.id, kind=Kind(entry.kind), model=model, zone=Zone.MANAGED, proof=None)
        self.backends.append(new)

    def key_host(self, backend: str) -> str:
        return f"https://{backend}.example"

    def moved_key(self, backend: str) -> KeyMoved | None:
        return self.moved.get(backend)

    async def confirm_key(self, backend: str) -> None:
        self.moved.pop(backend).agree()

    async def set_key(self, backend: str, value: str) -> Kept:
        self.keys.append((backend, typed_key(value)))
        return Kept("keyring", self.key_host(backend))


class FakeProviders:
    """Looks at a new backend as the test says; writes nothing but `written`."""

    def __init__(self, look: Look | None = None) -> None:
        self.look_says = look or Look(KeyState.WORKS, "3 models", models=MODELS)
        self.in_environment: str | None = None
        self.looked: list[tuple[BackendConfig, str | None]] = []  # and the key
        self.proven: list[tuple[str | None, str]] = []  # key, model
        self.proof_fails: HybridchatError | None = None
        self.written: list[tuple[NewBackend, str | None, str | None]] = []  # model, typed key
        self.vouched: Peer | None = None
        self.notice = ""

    def opener(self) -> Providers:
        return cast("Providers", self)

    def presets(self) -> tuple[Provider, ...]:
        return providers()

    async def draft(self, what: str, given: Mapping[str, object]) -> NewBackend:
        return draft(what, given, ())

    async def find_key(self, new: NewBackend) -> tuple[NewBackend, Key | None]:
        if self.in_environment is None:
            return new, None
        return new, Key(self.in_environment, f"the environment's {new.variable}")

    async def look(self, new: NewBackend, key: str | None) -> Look:
        self.looked.append((new.config, key))
        return self.look_says

    async def prove(self, new: NewBackend, key: str | None, model: str) -> None:
        if self.proof_fails:
            raise self.proof_fails
        self.proven.append((key, model))

    async def add(
        self, new: NewBackend, *, model: str | None = None, key: str | None = None, vouched: Peer | None = None
    ) -> Added:
        self.vouched = vouched
        self.written.append((new, model, key))
        return Added(new.with_values(model=model).config, self.notice)


def refused(detail: str = "401: Incorrect API key provided") -> Look:
    return Look(KeyState.REFUSED, detail)


def unreachable() -> Look:
    return Look(KeyState.UNREACHABLE, "nothing listens at 127.0.0.1:9", "start the server, or correct base_url")


NO_TOKEN = BackendError(ErrorKind.AUTH, "openrouter refused the key", "get another one")

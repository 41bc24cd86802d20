"""Adding a place that answers, in one step. Nothing is written before its key has worked and a model is chosen."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable, Mapping
from enum import StrEnum
from functools import partial

from msgspec import Struct

from hybridchat.backends.base import BackendSpec, policy_of
from hybridchat.backends.failures import in_its_words
from hybridchat.backends.identity import who_answers
from hybridchat.backends.registry import make_backend
from hybridchat.config import BackendConfig, load_config
from hybridchat.config.providers import Provider, providers
from hybridchat.config_edit import add_backend
from hybridchat.domain.audit import Errand
from hybridchat.domain.chat import Health, HealthState, ModelInfo, Zone
from hybridchat.domain.peers import Peer
from hybridchat.errors import BackendError, ErrorKind, HybridchatError, Refused
from hybridchat.keys import Key, SessionKeys, delete_key, find_key, secret_variables, typed_key
from hybridchat.net.audit import Recorder, on_errand
from hybridchat.net.client import open_client
from hybridchat.net.peers import meeting
from hybridchat.paths import Paths
from hybridchat.session.drafting import NewBackend, draft, written
from hybridchat.session.keeping import keep_key
from hybridchat.session.prices import PriceBook, Quote
from hybridchat.session.probing import ask_one_token
from hybridchat.session.vouches import Vouches


class KeyState(StrEnum):
    WORKS = "works"
    NOT_NEEDED = "not needed"
    MISSING = "missing"  # the server wants one, and none was given
    REFUSED = "refused"
    UNPROVEN = "unproven"  # the server lists its models to anybody, or none: only a question would tell
    UNREACHABLE = "unreachable"  # nothing is known: the server did not answer as it should


class ListedModel(Struct, frozen=True):
    """One model to choose. `price` is None where it is not known."""

    info: ModelInfo
    price: Quote | None = None

    @property
    def context_window(self) -> int | None:
        """In tokens: the server's word, else the price list's."""
        return self.info.context_window or (self.price.context_window if self.price else None)


class Look(Struct, frozen=True):
    """What one look at a new backend told; the texts may come from the server: clean them on the way to a screen."""

    key: KeyState
    detail: str
    remedy: str = ""
    models: tuple[ListedModel, ...] = ()
    peer: Peer | None = None  # the program that answered, on this machine


def why_not(new: NewBackend, look: Look) -> BackendError | None:
    """What keeps it from being added after that look, in one line; None: nothing does."""
    name = new.provider.name if new.provider else new.spec.address.host
    where = f"get one from {new.provider.keys_url}" if new.provider else "ask whoever runs it"
    match look.key:
        case KeyState.MISSING:
            return BackendError(ErrorKind.AUTH, f"{name} needs a key", where)
        case KeyState.REFUSED:
            return BackendError(ErrorKind.AUTH, f"the key was refused, and nothing was written: {look.detail}", where)
        case KeyState.UNREACHABLE:
            return BackendError(ErrorKind.CONNECT, f"nothing was written: {look.detail}", look.remedy)
        case _:
            return None


class Added(Struct, frozen=True):
    """The entry as it was written. `notice`: one line where the key could not be kept."""

    config: BackendConfig
    notice: str = ""


class Providers:
    """For the command line and the screen alike; all coroutines raise HybridchatError with a remedy."""

    def __init__(
        self,
        paths: Paths,
        prices: PriceBook,
        session_keys: SessionKeys,
        recorder: Recorder | None = None,
        *,
        local_only: bool = False,
    ) -> None:
        """Without a `recorder`, only what is on this device can be asked."""
        self._config_file = paths.config_file
        self._vouches = Vouches(paths.vouches_file)
        self._prices = prices
        self._session_keys = session_keys
        self._recorder = recorder
        self._local_only = local_only

    def presets(self) -> tuple[Provider, ...]:
        return providers()

    async def draft(self, what: str, given: Mapping[str, object]) -> NewBackend:
        """See `drafting.draft`. An own server without a kind is asked which it speaks."""
        taken = [backend.id for backend in load_config(self._config_file)[0].backend]
        new = draft(what, given, taken)
        spec = new.spec
        self._check(spec)
        if new.has_own_kind or not spec.zone.is_local:
            return new
        client = open_client(policy_of(spec, None), self._recorder)
        try:
            server = await who_answers(client, first=spec.address.port)
        finally:
            await client.aclose()
        return draft(what, {**given, "kind": server.kind.value}, taken) if server else new

    def _check(self, spec: BackendSpec) -> None:
        if self._local_only and spec.zone is not Zone.DEVICE:
            raise Refused(f"{spec.address.host} is not on this device", "leave out --local-only to ask it")

    async def find_key(self, new: NewBackend) -> tuple[NewBackend, Key | None]:
        """The key of the place that the user named, else of the provider's variable. An entry names that variable only
        where the address is the user's: what is at the provider's own host finds it unnamed, and loses it when it
        moves. To another host than its own it does not go by itself."""
        self._check(new.spec)
        if new.config.key is None and new.provider and not new.provider.base_url:
            variable = next(filter(os.environ.get, new.provider.variables), None)
            new = new.with_values(key=f"env:{variable}" if variable else None)
        secret = secret_variables(load_config(self._config_file)[0])
        find = partial(find_key, new.config, new.spec.address, local_only=self._local_only, secret=secret)
        return new, await asyncio.to_thread(find)

    async def look(self, new: NewBackend, key: str | None) -> Look:
        """The cheapest call that tells: the list of models, which is asked for without the key too where the provider
        is not known to guard it."""
        with on_errand(Errand(purpose="key test")):
            return await self._look(new, key)

    async def _look(self, new: NewBackend, key: str | None) -> Look:
        peers: list[Peer] = []
        with meeting(peers.append):
            health, detail = await self._health(new.spec, key), ""
        if health.error_kind is ErrorKind.AUTH:
            state = KeyState.REFUSED if key else KeyState.MISSING
        elif health.state is HealthState.UNHEALTHY:
            state = KeyState.UNREACHABLE
        elif key is None:
            state = KeyState.MISSING if new.is_guarded else KeyState.NOT_NEEDED
        else:
            state, detail = await self._key_state(new, key, health)
        provider = new.provider
        models = [model for model in health.models if provider is None or provider.is_for_chat(model.name)]
        listed = await asyncio.to_thread(self._priced, new.spec, models)
        return Look(state, detail or health.detail, health.remedy, listed, peers[-1] if peers else None)

    async def _health(self, spec: BackendSpec, key: str | None) -> Health:
        backend = make_backend(spec, key, recorder=self._recorder)
        try:
            return await backend.health()
        finally:
            await backend.aclose()

    async def _key_state(self, new: NewBackend, key: str, health: Health) -> tuple[KeyState, str]:
        """Of a key with which the list was answered; with what the server said to it, where it was asked apart."""
        if new.provider and new.provider.key_check:
            client = open_client(policy_of(new.spec, key), self._recorder)
            try:
                await client.get_json(new.spec.address.endpoint(new.provider.key_check))
            except BackendError as error:
                said = in_its_words(error, key)
                return KeyState.REFUSED if said.kind is ErrorKind.AUTH else KeyState.UNPROVEN, said.message
            finally:
                await client.aclose()
            return KeyState.WORKS, ""
        if not health.models:
            return KeyState.UNPROVEN, ""
        if new.is_guarded:
            return KeyState.WORKS, ""
        without = await self._health(new.spec, None)
        return KeyState.WORKS if without.error_kind is ErrorKind.AUTH else KeyState.UNPROVEN, ""

    def _priced(self, spec: BackendSpec, models: Iterable[ModelInfo]) -> tuple[ListedModel, ...]:
        return tuple(ListedModel(model, self._prices.quote(spec, model.name)) for model in models)

    async def prove(self, new: NewBackend, key: str | None, model: str) -> None:
        """Asks for one token, which the provider charges for. Raises BackendError when it does not come."""
        backend = make_backend(new.spec, key, recorder=self._recorder)
        try:
            failure = await ask_one_token(backend, model)
        finally:
            await backend.aclose()
        if failure:
            raise BackendError(failure.kind, failure.message, failure.remedy, status=failure.status)

    async def add(
        self, new: NewBackend, *, model: str | None = None, key: str | None = None, vouched: Peer | None = None
    ) -> Added:
        """Writes it to the config. A `key` that was typed goes into the keyring, else into this session alone, and the
        config then names the variable in which a later session will look for it, unless it does so anyway. `vouched` is
        the program of which the user knows that it computes on this machine."""
        new = new.with_values(model=model or new.config.model)
        notice = ""
        if key is not None:
            new, notice = await self._keep(new, typed_key(key))
        try:
            await asyncio.to_thread(add_backend, self._config_file, written(new.config))
        except HybridchatError:
            if key is not None and new.config.key == "keyring":
                await asyncio.to_thread(delete_key, new.spec.address)
            raise
        if vouched is not None:
            spec = new.spec
            await asyncio.to_thread(self._vouches.give, spec.id, spec.kind, spec.address, vouched)
        return Added(new.config, notice)

    async def _keep(self, new: NewBackend, key: str) -> tuple[NewBackend, str]:
        kept = await keep_key(self._session_keys, new.config.id, new.spec.address, key)
        if kept.place == "keyring":
            return new.with_values(key="keyring"), ""
        remedy = f"put it into the environment as {new.variable}"
        notice = f"{kept.reason}, so the key is gone when this program ends — {remedy}"
        return new.with_values(key=None if new.is_at_home else f"env:{new.variable}"), notice

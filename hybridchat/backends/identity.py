"""Who really answers at an address, whether it is well, and what it offers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from hybridchat.backends.base import BackendSpec
from hybridchat.backends.facts import Server, facts
from hybridchat.backends.failures import failed_from
from hybridchat.config.providers import names_are_own
from hybridchat.domain.chat import Health, HealthState, Kind, ModelInfo, is_alias
from hybridchat.domain.events import Failed
from hybridchat.errors import BackendError, ErrorKind, HybridchatError
from hybridchat.net.client import Client
from hybridchat.net.replies import place

HEALTH_S = 3.0
MANAGED_HEALTH_S = 8.0  # far away, and some list hundreds of models

_PROBE_S = 1.0
_LM_STUDIO_PATH = "/api/v0/models"

Models = tuple[ModelInfo, ...]
T = TypeVar("T")


async def answers_as(client: Client, server: Server, timeout_s: float = HEALTH_S) -> bool:
    """Whether the fingerprint is there. Raises BackendError when nobody answers, wants a key, or is still loading."""
    try:
        value = await client.get_json(server.path, timeout_s=timeout_s)
    except BackendError as error:
        if error.kind in (ErrorKind.AUTH, ErrorKind.OVERLOADED) or (
            error.status is None and error.kind is not ErrorKind.PROTOCOL
        ):
            raise
        return False
    return isinstance(value, dict) and server.has in value


async def who_answers(client: Client, *, first: int = 0) -> Server | None:
    """The known server behind a client, by fingerprint; `first` is the port whose usual server is tried first.

    None when something else answers, or a known one that wants a key or is loading. Raises BackendError (CONNECT) when
    nothing is there.
    """
    for server in sorted(facts().server, key=lambda server: server.port != first):
        try:
            if await answers_as(client, server, _PROBE_S):
                return server
        except BackendError as error:
            if error.kind is ErrorKind.CONNECT:
                raise
    return None


async def refuse_ollama(client: Client, spec: BackendSpec, timeout_s: float) -> Failed | None:
    """A refusal unless it is sure that no Ollama answers here under another kind: its /v1 forwards untold."""
    try:
        await _check_not_ollama(client, spec, timeout_s)
    except HybridchatError as error:
        return failed_from(error)
    return None


async def _check_not_ollama(client: Client, spec: BackendSpec, timeout_s: float = HEALTH_S) -> None:
    ollama = facts().server_of(Kind.OLLAMA)
    if ollama is None:
        return
    try:
        is_ollama = await answers_as(client, ollama, timeout_s)
    except BackendError as error:
        if error.status is None:
            raise
        return  # loading, or behind a key: an Ollama is neither
    if is_ollama:
        raise _wrong_server(spec, ollama)


def _wrong_server(spec: BackendSpec, found: Server | None) -> BackendError:
    what = f"is {found.name}" if found else "is another service"
    ours = f'start the server again, or check its port; if this one is meant, set kind = "{Kind.OPENAI_COMPATIBLE}"'
    remedy = f'set kind = "{found.kind}" for this backend' if found else ours
    return BackendError(ErrorKind.IDENTITY, f"{place(spec.address)} {what}, not {spec.kind}", remedy)


async def check_identity(client: Client, spec: BackendSpec) -> None:
    """Raises BackendError: IDENTITY when another service answers, or why nobody does.

    Managed places are not asked: their gateways often show nothing but the protocol itself.
    """
    wanted = facts().server_of(spec.kind)
    if not spec.zone.is_local:
        return
    if wanted is None:
        await _check_not_ollama(client, spec)
    elif not await answers_as(client, wanted):
        raise _wrong_server(spec, await who_answers(client))


async def look(client: Client, spec: BackendSpec, models: Callable[[], Awaitable[Models]]) -> Health:
    """One health check: identity, then models. Never raises; takes at most HEALTH_S, or MANAGED_HEALTH_S."""
    try:
        async with asyncio.timeout(HEALTH_S if spec.zone.is_local else MANAGED_HEALTH_S):
            await check_identity(client, spec)
            found = await models()
    except TimeoutError:
        return _health(HealthState.UNHEALTHY, f"{place(spec.address)} went silent", remedy="check the server")
    except HybridchatError as error:
        if spec.zone.is_local and isinstance(error, BackendError) and error.status == 503:
            return _health(HealthState.LOADING, "loading its model")
        kind = error.kind if isinstance(error, BackendError) else None
        return _health(HealthState.UNHEALTHY, error.message, remedy=error.remedy, error_kind=kind)
    return _healthy(spec, found)


def _health(
    state: HealthState, detail: str, models: Models = (), remedy: str = "", error_kind: ErrorKind | None = None
) -> Health:
    return Health(state, detail, models, time.monotonic(), remedy, error_kind)


def _healthy(spec: BackendSpec, models: Models) -> Health:
    if not models:
        return _health(HealthState.HEALTHY, "answers; lists no models")
    health = _health(HealthState.HEALTHY, f"{len(models)} model{'s' if len(models) > 1 else ''}", models)
    if lacks_its_model(spec, health):
        remedy = "`hybridchat models` lists what it has"
        return replace(health, detail=f"answers, but has no model {spec.model}", remedy=remedy)
    return health


def lacks_its_model(spec: BackendSpec, health: Health) -> bool:
    """Whether there is a list, and the backend's model cannot be meant by it."""
    if not (spec.model and health.models) or health.model(spec.model):
        return False
    if spec.kind is Kind.LLAMACPP or names_are_own(spec.address):  # which answers to any name, or lists other names
        return False
    return spec.zone.is_local or not is_alias(spec.model, [model.name for model in health.models])


class _Meta(Struct):
    n_ctx: int | None = None
    size: int | None = None


class _Entry(Struct):
    """One model in any server's list: the context window has another name with each."""

    id: str
    max_model_len: int | None = None  # vLLM
    meta: _Meta | None = None  # llama.cpp
    context_length: int | None = None  # OpenRouter, Together
    context_window: int | None = None  # Groq
    max_context_length: int | None = None  # LM Studio: what the model could; Mistral
    loaded_context_length: int | None = None  # LM Studio: what it has
    state: str | None = None  # LM Studio
    architecture: Any = None  # OpenRouter, llama.cpp
    supported_parameters: Any = None  # OpenRouter
    capabilities: Any = None  # Mistral


class _List(Struct):
    data: list[_Entry] | None = None  # null is how Go writes an empty one


async def list_models(client: Client, spec: BackendSpec) -> Models:
    """What a Chat Completions server lists. A compatible server without a list offers none that we know of."""
    path = spec.address.endpoint("/models")
    value: Any = None
    if spec.kind is Kind.OPENAI_COMPATIBLE and spec.zone.is_local:
        value = await get_if_there(client, _LM_STUDIO_PATH)
    if not isinstance(value, dict) or "data" not in value:
        value = await get_if_there(client, path)
    value = {"data": value} if isinstance(value, list) else value  # Together
    return tuple(_model(entry) for entry in as_list(value, _List, spec, path).data or ())


def as_list(value: object, shape: type[T], spec: BackendSpec, path: str) -> T:
    """What a server answered at `path`, as the list that it should be; None is an empty one."""
    try:
        return msgspec.convert({} if value is None else value, shape)
    except msgspec.ValidationError:
        raise BackendError(
            ErrorKind.PROTOCOL, f"{place(spec.address, path)} is no list of models", "check base_url and kind"
        ) from None


async def get_if_there(client: Client, path: str) -> object:
    """The JSON at a path that not every server has; None without it."""
    try:
        return await client.get_json(path, timeout_s=MANAGED_HEALTH_S)
    except BackendError as error:
        if error.status in (404, 405):
            return None
        raise


def _model(entry: _Entry) -> ModelInfo:
    meta = entry.meta or _Meta()
    told: tuple[int | None, ...] = (entry.max_model_len, meta.n_ctx, entry.loaded_context_length, entry.context_length)
    told += (entry.context_window, entry.max_context_length)
    abilities, says_whether_it_sees = _abilities(entry)
    return ModelInfo(
        entry.id,
        context_window=next((tokens for tokens in told if tokens and tokens > 0), None),
        size_bytes=meta.size,
        loaded=entry.state == "loaded" if entry.state else None,
        capabilities=abilities,
        sees="vision" in abilities if says_whether_it_sees else None,
    )


def _abilities(entry: _Entry) -> tuple[tuple[str, ...], bool]:
    """What the lists that say something say, in Ollama's words, and whether one would have said `vision`. Else nobody's
    word for what a model cannot do is taken."""
    architecture, has = (value if isinstance(value, dict) else {} for value in (entry.architecture, entry.capabilities))
    takes, knows = (
        value if isinstance(value, list) else []
        for value in (architecture.get("input_modalities"), entry.supported_parameters)
    )
    abilities = {
        "vision": "image" in takes or has.get("vision") is True,
        "documents": "file" in takes,
        "thinking": "reasoning" in knows or has.get("reasoning") is True,
    }
    says_whether_it_sees = bool(takes) or isinstance(has.get("vision"), bool)
    return tuple(name for name, is_there in abilities.items() if is_there), says_whether_it_sees

"""Ollama's own protocol. In the device and private zones every request uses the name that Ollama refuses to forward."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable, Mapping
from contextlib import aclosing
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from hybridchat.backends import identity
from hybridchat.backends.attachments import cannot_go, titled_text
from hybridchat.backends.base import BackendSpec, policy_of
from hybridchat.backends.decoding import JsonStreamDecoder, OnError, is_set
from hybridchat.backends.facts import effort_fields
from hybridchat.backends.failures import failed, failed_from
from hybridchat.backends.streaming import Exchange, stream_reply
from hybridchat.domain.chat import ChatMessage, ChatRequest, Health, HealthState, ModelInfo
from hybridchat.domain.events import Event, Failed, Finished, Loading, Started, Usage
from hybridchat.domain.privacy import fail_closed_name, is_cloud_name
from hybridchat.domain.text import clean_line
from hybridchat.errors import BackendError, ErrorKind, HybridchatError, UsageError
from hybridchat.net.audit import Recorder
from hybridchat.net.client import Client, open_client
from hybridchat.net.framing import NdjsonFramer

PATH = "/api/chat"


class _Message(Struct, gc=False):
    content: str | None = None
    thinking: str | None = None


class _Line(Struct, gc=False):
    model: str | None = None
    message: _Message | None = None
    done: bool = False
    done_reason: str | None = None
    remote_host: str | None = None
    remote_model: str | None = None
    prompt_eval_count: int | None = None
    eval_count: int | None = None
    load_duration: float | None = None  # ns, as the next
    prompt_eval_duration: float | None = None
    error: msgspec.Raw = msgspec.Raw()


class OllamaDecoder(JsonStreamDecoder[_Line]):
    """NDJSON lines to our events.

    With `may_forward` False a line that names a remote host ends the stream before its text is shown. `was_cold` says
    that the model was not loaded, so that `load_duration` is a load and not the few milliseconds of a warm start.
    """

    def __init__(self, on_error: OnError, *, may_forward: bool, was_cold: bool = False) -> None:
        super().__init__(NdjsonFramer(), _Line, on_error)
        self._may_forward = may_forward
        self._was_cold = was_cold

    def _take(self, value: _Line, events: list[Event], *, is_repaired: bool = False) -> None:
        if is_set(value.error):
            self._fail(value.error, events)
            return
        if (value.remote_host or value.remote_model) and not self._may_forward:
            self._close(_forwarded(value.model or "the model", value.remote_host or "another host"), events)
            return
        if value.message is None and not value.done:
            self._skip(events)
            return
        if not self.understood:
            self.understood = True
            events.append(Started(value.model))
        if value.message is not None:
            self._pieces(value.message.thinking, value.message.content, events, is_repaired=is_repaired)
        if value.done:
            load_ms = value.load_duration / 1e6 if self._was_cold and value.load_duration is not None else None
            prompt_ms = None if value.prompt_eval_duration is None else value.prompt_eval_duration / 1e6
            usage = Usage(
                value.prompt_eval_count, None, None, value.eval_count, None, load_ms=load_ms, prompt_ms=prompt_ms
            )
            if usage != Usage():
                events.append(usage)
            self._close(Finished(value.done_reason, self._skipped), events)


def _forwarded(model: str, remote_host: str) -> Failed:
    host = clean_line(remote_host, 120)
    what = f"{host} answered for {clean_line(model, 120)}: this server forwards, and your words went there"
    return Failed(ErrorKind.FORWARDED, what, "look into that server; it is no Ollama as it comes", remote_host=host)


def _refuse_stub(model: str, remote_host: str, status: int | None) -> Failed:
    return Failed(
        ErrorKind.REFUSED,
        f"{model} does not compute here: Ollama would forward it to {clean_line(remote_host, 120)}, and has refused",
        "nothing left this machine; choose a model that is on it",
        status,
    )


def request_body(request: ChatRequest, name: str, num_ctx: int | None, fields: Mapping[str, Any] = {}) -> bytes:
    """The JSON of a streaming request under `name`; what does not fit is refused by the server, never dropped.

    `fields` ask for the effort. Raises UsageError for an attachment that is neither picture nor text.
    """
    given = request.parameters
    options = {
        "num_ctx": given.num_ctx or num_ctx,
        "temperature": given.temperature,
        "top_p": given.top_p,
        "seed": given.seed,
        "stop": given.stop or None,
        "num_predict": given.max_tokens,
    }
    body: dict[str, Any] = {
        "model": name,
        "messages": [_message(message) for message in request.messages],
        "stream": True,
        "truncate": False,
        "options": {key: value for key, value in options.items() if value is not None},
        **fields,
    }
    return msgspec.json.encode(body)


def _message(message: ChatMessage) -> dict[str, Any]:
    texts: list[str] = []
    images: list[bytes] = []  # base64 in JSON
    for attachment in message.attachments:
        if attachment.media_type.startswith("image/"):
            images.append(attachment.data)
        elif attachment.text is not None:
            texts.append(titled_text(attachment))
        else:
            raise cannot_go(attachment, "images and text")
    wire = {"role": message.role, "content": "\n\n".join([*texts, message.text])}
    return {**wire, "images": images} if images else wire


class OllamaBackend:
    """See `backends.base.Backend`. A spec in the managed zone is one for models that are known to be forwarded.

    Raises Refused or UsageError when its client cannot be made safely.
    """

    def __init__(self, spec: BackendSpec, key: str | None = None, *, recorder: Recorder | None = None) -> None:
        self.spec = spec
        self._key = key
        self._client: Client = open_client(policy_of(spec, key), recorder)
        self._thinks: dict[str, bool] = {}  # by the name on the wire
        self._fails_closed = False

    async def chat(self, request: ChatRequest) -> AsyncGenerator[Event, None]:
        is_local = self.spec.zone.is_local
        if is_local and is_cloud_name(request.model):
            yield refuse_cloud_name(request.model)
            return
        num_ctx = request.parameters.num_ctx or self.spec.num_ctx
        was_cold = is_local and not await self._is_loaded(request.model, num_ctx)
        if was_cold:
            yield Loading(f"Ollama is loading {request.model}")
        wire_name = fail_closed_name(request.model) if is_local else request.model
        try:
            body = request_body(request, wire_name, num_ctx, await self._effort(request, wire_name))
        except UsageError as error:
            yield failed_from(error)
            return
        exchange = Exchange(
            client=self._client,
            path=PATH,
            body=body,
            backend=self.spec.id,
            first_s=request.deadline_s if was_cold else request.idle_s,
            idle_s=request.idle_s,
            deadline_s=request.deadline_s,
            secret=self._key,
        )
        decoder = OllamaDecoder(self._failed, may_forward=not is_local, was_cold=was_cold)
        async with aclosing(stream_reply(exchange, decoder)) as events:
            async for event in events:
                if is_local and isinstance(event, Failed) and event.kind is ErrorKind.MODEL_MISSING:
                    event = await self._why_refused(request.model, event)
                elif isinstance(event, Started) and event.model == wire_name:
                    event = Started(request.model)  # the suffix is ours, not the model's name
                yield event

    def _failed(self, body: bytes) -> Failed:
        return failed(body, backend=self.spec.id, secret=self._key)

    async def _effort(self, request: ChatRequest, wire_name: str) -> dict[str, Any]:
        """Nothing for a model that cannot think: it would answer with an error."""
        effort = request.parameters.effort
        fields = effort_fields(self.spec.kind, self.spec.address.host, request.model, effort)
        return fields if fields and await self._can_think(wire_name) else {}

    async def _can_think(self, wire_name: str) -> bool:
        if wire_name not in self._thinks:
            try:
                shown = await self._client.post_json("/api/show", {"model": wire_name})
            except HybridchatError:
                return False  # the chat itself will tell what is wrong
            capabilities = shown.get("capabilities") if isinstance(shown, dict) else None
            self._thinks[wire_name] = isinstance(capabilities, list) and "thinking" in capabilities
        return self._thinks[wire_name]

    async def _is_loaded(self, model: str, num_ctx: int | None) -> bool:
        """Whether the model is in memory with that context size; True where the server does not say."""
        try:
            running = await running_models(self._client)
        except HybridchatError:
            return True  # the chat itself will tell what is wrong
        window = running.get(full_name(model))
        return window is not None and (num_ctx is None or window in (0, num_ctx))

    async def _why_refused(self, model: str, refusal: Failed) -> Failed:
        """A fail-closed name was refused: is the model missing, forwarded, or the server too old to know such names?

        Only the server's own list is asked: a question about the plain name could be forwarded itself.
        """
        try:
            listed = Health(models=await list_models(self._client)).model(model)
        except BackendError:
            return refusal
        if listed is None:
            return Failed(
                ErrorKind.MODEL_MISSING,
                f"{self.spec.id} has no model {model}",
                f"hybridchat models pull {model}, or choose another",
                refusal.status,
            )
        if listed.remote_host:
            return _refuse_stub(model, listed.remote_host, refusal.status)
        return Failed(
            ErrorKind.REFUSED,
            "this Ollama cannot promise that a model stays on this machine",
            "update Ollama to 0.17.8 or newer",
            refusal.status,
        )

    async def health(self) -> Health:
        health = await identity.look(self._client, self.spec, self._models)
        if health.state is not HealthState.HEALTHY or not self.spec.zone.is_local:
            self._fails_closed = False
        elif not self._fails_closed:
            self._fails_closed = await self._answers_fail_closed(health.models)
        return replace(health, fails_closed=self._fails_closed)

    async def _answers_fail_closed(self, models: Iterable[ModelInfo]) -> bool:
        """Whether it knows the name under which it forwards nothing; older servers take it for a model's own."""
        here = (model.name for model in models if not model.remote_host and not is_cloud_name(model.name))
        if (name := next(here, None)) is None:
            return False
        try:
            await self._client.post_json("/api/show", {"model": fail_closed_name(name)})
        except BackendError:
            return False
        return True

    async def cloud_is_off(self) -> bool | None:
        """Whether the server's own forwarding is switched off; None where it does not say (older servers)."""
        try:
            status = msgspec.convert(await self._client.get_json("/api/status"), _Status)
        except (BackendError, msgspec.ValidationError):
            return None
        return status.cloud.disabled

    async def _models(self) -> tuple[ModelInfo, ...]:
        return await list_models(self._client, self.spec.num_ctx)

    async def aclose(self) -> None:
        await self._client.aclose()


def refuse_cloud_name(model: str) -> Failed:
    return Failed(
        ErrorKind.REFUSED,
        f"{model} is a cloud model: Ollama would send this conversation to another host",
        "nothing was sent; choose a model that is on this machine",
    )


def full_name(model: str) -> str:
    """With the tag that Ollama fills in."""
    return model if ":" in model.rpartition("/")[2] else f"{model}:latest"


class _Cloud(Struct):
    disabled: bool


class _Status(Struct):
    cloud: _Cloud


class _Details(Struct):
    context_length: int | None = None


class _Entry(Struct):
    name: str
    size: int | None = None
    remote_host: str | None = None
    capabilities: list[str] | None = None
    context_length: int | None = None  # of a running model: what it was loaded with
    details: _Details | None = None


class _List(Struct):
    models: list[_Entry] | None = None


async def _get_list(client: Client, path: str) -> list[_Entry]:
    value = await client.get_json(path)
    try:
        return msgspec.convert(value, _List).models or []
    except msgspec.ValidationError:
        raise BackendError(
            ErrorKind.PROTOCOL, f"{path} did not answer as Ollama does", "check base_url and kind of this backend"
        ) from None


async def running_models(client: Client) -> dict[str, int]:
    """Full name → context size in tokens (0: not told) of each model in memory."""
    return {full_name(entry.name): entry.context_length or 0 for entry in await _get_list(client, "/api/ps")}


async def list_models(client: Client, num_ctx: int | None = None) -> tuple[ModelInfo, ...]:
    """All models with what forwards them. The context window is the one asked for or loaded, else unknown."""
    running = await running_models(client)
    return tuple(_model(entry, running, num_ctx) for entry in await _get_list(client, "/api/tags"))


def _model(entry: _Entry, running: dict[str, int], num_ctx: int | None) -> ModelInfo:
    largest = entry.details.context_length if entry.details else None
    window = num_ctx or running.get(full_name(entry.name)) or None
    return ModelInfo(
        entry.name,
        context_window=min(window, largest) if window and largest else window,
        size_bytes=entry.size,
        loaded=full_name(entry.name) in running,
        remote_host=entry.remote_host,
        capabilities=tuple(entry.capabilities or ()),
        sees="vision" in entry.capabilities if entry.capabilities else None,
    )

"""What the protocols over HTTP have in common: one client, a look at who answers, one exchange per request."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing

from msgspec.structs import replace

from hybridchat.backends import identity
from hybridchat.backends.base import BackendSpec, policy_of
from hybridchat.backends.failures import failed, failed_from, in_its_words
from hybridchat.backends.streaming import Decoder, Exchange, stream_reply
from hybridchat.domain.chat import ChatRequest, Health, HealthState, Proof
from hybridchat.domain.events import Event, Failed
from hybridchat.errors import BackendError, UsageError
from hybridchat.net.audit import Recorder
from hybridchat.net.client import Client, open_client


class HttpBackend:
    """A protocol adds `chat` — a body and a decoder for `_reply` or `_ask` — and how its models are listed.

    Raises Refused or UsageError when its client cannot be made safely. `recorder` may be None in the device zone alone.
    """

    def __init__(
        self,
        spec: BackendSpec,
        key: str | None = None,
        headers: Mapping[str, str] = {},
        *,
        recorder: Recorder | None = None,
    ) -> None:
        self.spec = spec
        self._key = key
        self._client: Client = open_client(policy_of(spec, key, headers), recorder)
        # An Ollama would forward a model under a harmless name, and its /v1 never tells; our own child cannot be one.
        self._must_not_be_ollama = spec.zone.is_local and spec.proof is not Proof.VERIFIED
        self._may_be_ollama = self._must_not_be_ollama

    async def _ask(
        self, request: ChatRequest, prepare: Callable[[ChatRequest], tuple[str, bytes]], decoder: Callable[[], Decoder]
    ) -> AsyncGenerator[Event, None]:
        """As `_reply`, with the path and body that `prepare` makes. What cannot go is a refusal of ours (UsageError);
        where the API does not take back the thinking that it once signed, it is asked again without."""
        try:
            path, body = prepare(request)
        except UsageError as error:
            yield failed_from(error)
            return
        is_refused = False
        async with aclosing(self._reply(request, path, body, decoder())) as events:
            async for event in events:
                is_refused = _refuses_thinking(event, request)
                if not is_refused:
                    yield event
        if is_refused:
            messages = tuple(replace(message, thinking="", signature="") for message in request.messages)
            async with aclosing(self._ask(replace(request, messages=messages), prepare, decoder)) as events:
                async for event in events:
                    yield event

    async def _reply(
        self, request: ChatRequest, path: str, body: bytes, decoder: Decoder
    ) -> AsyncGenerator[Event, None]:
        """The events of one request to `path`, counted from the server's root."""
        if self._may_be_ollama:
            if refusal := await identity.refuse_ollama(self._client, self.spec, request.idle_s):
                yield refusal
                return
            self._may_be_ollama = False
        exchange = Exchange(
            client=self._client,
            path=path,
            body=body,
            backend=self.spec.id,
            first_s=request.idle_s,
            idle_s=request.idle_s,
            deadline_s=request.deadline_s,
            secret=self._key,
        )
        async with aclosing(stream_reply(exchange, decoder)) as events:
            async for event in events:
                yield event

    def _failed(self, body: bytes) -> Failed:
        """An error inside a stream."""
        return failed(body, backend=self.spec.id, secret=self._key)

    async def health(self) -> Health:
        health = await identity.look(self._client, self.spec, self._explained_models)
        self._may_be_ollama = self._must_not_be_ollama and health.state is not HealthState.HEALTHY
        return health

    async def _explained_models(self) -> identity.Models:
        try:
            return await self._models()
        except BackendError as error:
            raise in_its_words(error, self._key) from None

    async def _models(self) -> identity.Models:
        return await identity.list_models(self._client, self.spec)

    async def aclose(self) -> None:
        await self._client.aclose()


def _refuses_thinking(event: Event, request: ChatRequest) -> bool:
    """It was signed for another account, or by another model. Nothing was generated, so asking again is safe."""
    return (
        isinstance(event, Failed)
        and event.status == 400
        and any(words in event.message.lower() for words in ("signature", "encrypted content"))
        and any(message.signature for message in request.messages)
    )


def percent_encoded(text: str) -> str:
    """As one segment of a path, or one value of a query: a server's or a user's words stay what they are."""
    return "".join(
        chr(byte) if byte < 128 and (chr(byte).isalnum() or byte in b"-._~") else f"%{byte:02X}"
        for byte in text.encode("utf-8", "replace")
    )

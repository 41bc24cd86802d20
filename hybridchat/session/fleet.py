"""The configured backends as this run sees them: opened when needed, looked at now and then, offered to routing."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from functools import partial

from msgspec.structs import replace

from hybridchat.backends.base import Backend, BackendSpec
from hybridchat.backends.taking import carried, untaken
from hybridchat.domain.breaker import Breaker, begun, failed, given_up, why_paused
from hybridchat.domain.chat import Health, HealthState, Kind, ModelInfo, Parameters, Proof, Zone
from hybridchat.domain.events import Failed, Finished, Limits
from hybridchat.domain.peers import Peer
from hybridchat.domain.privacy import is_cloud_name
from hybridchat.domain.routing import Candidate
from hybridchat.domain.tuning import Untaken
from hybridchat.errors import BackendError, ErrorKind, HybridchatError, Refused, UsageError
from hybridchat.net.peers import meeting
from hybridchat.session.keeping import Kept
from hybridchat.session.key_hosts import KeyMoved
from hybridchat.session.standing import Standing, Standings
from hybridchat.session.vouches import Vouches

LOOK_S = 10.0
_GONE = {ErrorKind.CONNECT, ErrorKind.DNS, ErrorKind.TLS, ErrorKind.IDENTITY}

OpenBackend = Callable[[BackendSpec], Awaitable[Backend]]
OnHealth = Callable[[str, Health], None]
KeepKey = Callable[[str, str], Awaitable[Kept]]  # backend, key → where it is kept


class Fleet:
    """Holds one opened backend per id and zone: a forwarding Ollama model never shares a client with a local one."""

    def __init__(
        self,
        specs: Mapping[str, BackendSpec],
        open_backend: OpenBackend,
        on_health: OnHealth,
        *,
        local_only: bool,
        keep_key: KeepKey | None = None,
        vouches: Vouches | None = None,
    ) -> None:
        self._specs = dict(specs)
        self._open_backend = open_backend
        self._on_health = on_health
        self._local_only = local_only
        self._keep_key = keep_key
        self._standings = Standings(vouches or Vouches())
        self._open: dict[tuple[str, Zone], Backend] = {}
        self._opening: dict[tuple[str, Zone], asyncio.Task[Backend]] = {}
        self._keyless: set[str] = set()  # their key could not be had when they were last opened
        self._moved: dict[str, KeyMoved] = {}  # their key was for another host when they were last opened
        self._replaced: list[Backend] = []  # opened with an older key; replies may still stream from them
        self._health: dict[str, Health] = {}
        self._stood: dict[str, Proof | None] = {}  # each backend's proof at the last look
        self._breakers: dict[str, Breaker] = {}
        self._limits: dict[str, Limits] = {}
        self._refused_tokens: dict[tuple[str, str], int] = {}  # by backend and model

    @property
    def specs(self) -> Mapping[str, BackendSpec]:
        return self._specs

    def add(self, spec: BackendSpec) -> None:
        self._specs[spec.id] = spec

    def health(self, backend: str) -> Health:
        return self._health.get(backend, Health())

    def candidates(self, model: str | None = None, models: Mapping[str, str] | None = None) -> tuple[Candidate, ...]:
        """Every backend with the model it would answer with: `model`, its entry in `models`, its own, or its first.

        Where a backend is known to offer `model`, those that are known to lack it are left out.
        """
        known = {s.id: self.health(s.id) for s in self._specs.values()}
        offered = model is not None and any(health.model(model) for health in known.values())
        found = []
        for spec in self._specs.values():
            if offered and known[spec.id].models and not known[spec.id].model(model):
                continue
            found.append(self._candidate(spec, model or (models or {}).get(spec.id)))
        return tuple(found)

    def candidate(self, backend: str, model: str) -> Candidate:
        """With that model: it may be forwarded where others are not."""
        return self._candidate(self._specs[backend], model)

    def _candidate(self, spec: BackendSpec, wanted: str | None) -> Candidate:
        health = self.health(spec.id)
        name = wanted or spec.model or _first_usable(health.models, spec.kind)
        info = health.model(name)
        remote_host = (info.remote_host if info else None) or self._standings.forwards_to(spec.id)
        zone, proof, doubt = spec.zone, self._standings.proof(spec, health), self._standings.doubt(spec, health)
        if spec.kind is Kind.OLLAMA and zone.is_local and (remote_host or is_cloud_name(name)):
            zone, proof, doubt, remote_host = Zone.MANAGED, None, "", remote_host or "Ollama's cloud"
        state, detail = health.state, str(health)
        if not name and state is not HealthState.UNHEALTHY:
            state, detail = HealthState.UNHEALTHY, "no model is chosen: pick one as the route"
        return Candidate(
            backend=spec.id,
            kind=spec.kind,
            model=name,
            zone=zone,
            proof=proof,
            health=state,
            health_detail=detail,
            context_window=info.context_window if info else None,
            refused_tokens=self._refused_tokens.get((spec.id, name)),
            paused=why_paused(self.breaker(spec.id), time.monotonic()) or "",
            doubt=doubt,
            sees=info.sees if info else None,
            remote_host=remote_host,
        )

    # --- who computes, and how that is known

    def standing(self, backend: str) -> Standing:
        return self._standings.of(self._specs[backend], self.health(backend))

    def vouchable(self, backend: str) -> BackendSpec:
        """Raises UsageError where no word can make it local, or none is needed."""
        spec = self._specs[backend]
        if spec.zone is not Zone.DEVICE or spec.proof is Proof.VERIFIED:
            known = "verified" if spec.proof is Proof.VERIFIED else spec.zone
            raise UsageError(f"{backend} is {known}; only a server on loopback can be vouched for")
        return spec

    async def vouch(self, backend: str, seen: Peer | None = None) -> None:
        """The user knows that it computes here: kept for its address and for the program that answers now.

        Raises UsageError where no word can make it local, Refused where another program answers than the one `seen`,
        HybridchatError where nobody answers.
        """
        spec = self.vouchable(backend)
        await self.check(backend)
        now = self._standings.peer(backend)
        if seen is not None and now is not None and (now.executable, now.owner) != (seen.executable, seen.owner):
            raise Refused(f"{now} answers now, and not {seen}", "look who it is, and vouch again")
        await asyncio.to_thread(self._standings.vouch, spec)
        self._on_health(backend, self.health(backend))

    async def take_word_back(self, backend: str) -> None:
        """The user's word, given in the program, holds no more. Raises HybridchatError when that cannot be kept."""
        await asyncio.to_thread(self._standings.vouches.end, backend)
        self._on_health(backend, self.health(backend))

    def promised(self, target: Candidate) -> AbstractContextManager[None]:
        """Requests within go to whom the plan saw: where another program answers, they end as Refused, nothing sent."""
        spec = self._specs[target.backend]
        rests_on_it = target.proof is not None and target.proof is not spec.proof
        return meeting(partial(self._met, target)) if rests_on_it else nullcontext()

    def _met(self, target: Candidate, peer: Peer) -> None:
        spec, health = self._specs[target.backend], self.health(target.backend)
        self._standings.note_peer(spec, peer)
        if self._standings.still_holds(spec, target.proof):
            return
        self._on_health(spec.id, health)
        raise Refused(f"{peer} answers for {spec.id} now", "nothing was sent; see who that is, then send it again")

    async def backend(self, backend: str, zone: Zone) -> Backend:
        """The opened backend for that zone. Raises Refused off this device in a local-only run, and what opening it
        met.

        Who gives up waiting does not end the opening: its key's program may be asking the user.
        """
        if self._local_only and zone is not Zone.DEVICE:
            raise Refused("this run is local only", "start without --local-only to use other machines")
        key = (backend, zone)
        if key not in self._open and key not in self._opening:
            self._opening[key] = asyncio.create_task(self._opened(key))
            self._opening[key].add_done_callback(partial(self._opening_ended, key))
        return self._open[key] if key in self._open else await asyncio.shield(self._opening[key])

    async def _opened(self, key: tuple[str, Zone]) -> Backend:
        backend, zone = key
        spec = self._specs[backend]
        if zone is not spec.zone:
            spec = replace(spec, zone=zone, proof=None)
        return await self._open_backend(spec)

    def _opening_ended(self, key: tuple[str, Zone], task: asyncio.Task[Backend]) -> None:
        del self._opening[key]
        if task.cancelled():
            return
        error = task.exception()
        if error is None:
            self._open[key] = task.result()
            self._keyless.discard(key[0])
            self._moved.pop(key[0], None)
        elif isinstance(error, KeyMoved):
            self._moved[key[0]] = error
        elif isinstance(error, BackendError) and error.kind is ErrorKind.AUTH:
            self._keyless.add(key[0])

    async def set_key(self, backend: str, value: str) -> Kept:
        """Keeps a key that the user typed, and uses it from now on. Raises UsageError for what cannot be a key."""
        if self._keep_key is None:
            raise UsageError(f"{backend} takes no key here")
        kept = await self._keep_key(backend, value)
        for key in [key for key in self._open if key[0] == backend]:
            self._replaced.append(self._open.pop(key))
        self._keyless.discard(backend)
        if self._specs[backend].zone.is_local:
            await self.check(backend)
        return kept

    def moved_key(self, backend: str) -> KeyMoved | None:
        """Why its key was not sent, where it was for another host; the user may let it go."""
        return self._moved.get(backend)

    async def confirm_key(self, backend: str) -> None:
        """The user lets it go where the backend is now. Raises HybridchatError when that cannot be kept."""
        await asyncio.to_thread(self._moved[backend].agree)
        del self._moved[backend]
        if self._specs[backend].zone.is_local:
            await self.check(backend)

    async def check(self, backend: str) -> Health:
        """Looks at one backend now. Never raises."""
        spec = self._specs[backend]
        await asyncio.to_thread(self._standings.vouches.read)
        try:
            async with asyncio.timeout(LOOK_S):  # a key program may take its time
                opened = await self.backend(backend, spec.zone)
                with meeting(partial(self._standings.note_peer, spec)):
                    health = await opened.health()
        except HybridchatError as error:  # a certificate that cannot be read is a UsageError
            kind = error.kind if isinstance(error, BackendError) else None
            health = Health(HealthState.UNHEALTHY, error.message, remedy=error.remedy, error_kind=kind)
        except TimeoutError:
            health = Health(HealthState.UNHEALTHY, f"no answer within {LOOK_S:g} s")
        except OSError as error:  # its files can vanish while they are looked at
            health = Health(HealthState.UNHEALTHY, f"{error.strerror or error}: {error.filename}")
        if health.error_kind is ErrorKind.IDENTITY:
            self._standings.end_vouch(backend, "another service answers there")
        health = replace(health, checked_at=time.monotonic())
        before, self._health[backend] = self.health(backend), health
        stood, self._stood[backend] = self._stood.get(backend), self._standings.proof(spec, health)
        changed = health.state, health.detail, health.models, self._stood[backend]
        if changed != (before.state, before.detail, before.models, stood):
            self._on_health(backend, health)
        return health

    async def check_local(self, only: str | None = None) -> None:
        """Looks at every local backend at once, or at that one. Managed ones wait for the user: a look is a request."""
        local = [spec.id for spec in self._specs.values() if spec.zone.is_local]
        await asyncio.gather(*(self.check(backend) for backend in local if only in (None, backend)))

    async def watch(self) -> None:
        """As `check_local`, but for those without a key: programs that give keys may ask the user each time."""
        local = [spec.id for spec in self._specs.values() if spec.zone.is_local and spec.id not in self._keyless]
        await asyncio.gather(*(self.check(backend) for backend in local))

    async def check_keyless(self) -> None:
        """For when the user wants to send: the keys that could not be had are asked for again."""
        await asyncio.gather(*(self.check(backend) for backend in sorted(self._keyless)))

    def demote(self, backend: str, host: str) -> None:
        """A server that forwards is not local, whatever its address says; holds for this run."""
        self._standings.note_forwarding(backend, host)
        spec = self._specs[backend]
        self._specs[backend] = replace(spec, zone=Zone.MANAGED, proof=None)

    def untaken(self, target: Candidate, parameters: Parameters) -> tuple[Untaken, ...]:
        """The settings that would not go to that target, and why."""
        if parameters == Parameters():  # asked at every key press
            return ()
        spec, model = self._specs[target.backend], target.model
        return untaken(spec, model, parameters, self.health(spec.id).model(model))

    def carried(self, target: Candidate, parameters: Parameters) -> Parameters:
        """The settings that a request to that target takes along."""
        spec, model = self._specs[target.backend], target.model
        return carried(spec, model, parameters, self.health(spec.id).model(model))

    # --- what the replies tell

    def limits(self, backend: str) -> Limits | None:
        """What the provider's rate limits left at its last reply."""
        return self._limits.get(backend)

    def note_limits(self, backend: str, limits: Limits) -> None:
        self._limits[backend] = limits

    def breaker(self, backend: str) -> Breaker:
        return self._breakers.get(backend, Breaker())

    def begin(self, backend: str) -> str | None:
        """A request is about to go out; returns why it must not."""
        paused = why_paused(self.breaker(backend), time.monotonic())
        if paused is None:
            self._breakers[backend] = begun(self.breaker(backend))
        return paused

    def note_end(self, backend: str, final: Finished | Failed | None) -> None:
        """How a request ended, or None: it was stopped before it could tell."""
        before = self.breaker(backend)
        match final:
            case Finished():
                after = Breaker()
            case Failed(kind=kind, retry_after_s=retry_after_s):
                after = failed(before, kind, retry_after_s, time.monotonic())
            case None:
                after = given_up(before)
        self._breakers[backend] = after
        if after.is_open != before.is_open:
            self._on_health(backend, self.health(backend))

    def note_overflow(self, backend: str, model: str, tokens: int, overflow: Failed) -> None:
        """`tokens`, as estimated here, did not fit; where the server counted them too, less may not fit either."""
        if overflow.context_window and overflow.prompt_tokens:
            tokens = min(tokens, overflow.context_window * tokens // overflow.prompt_tokens + 1)
        key = backend, model
        self._refused_tokens[key] = min(tokens, self._refused_tokens.get(key, tokens))

    def forget_overflows(self) -> None:
        """Models are loaded with another context size now."""
        self._refused_tokens.clear()

    def note_failure(self, backend: str, kind: ErrorKind, detail: str) -> None:
        """A reply failed in a way that says the server is gone; the next look may find it again.

        Managed backends are not looked at, so one failure must not close them: the next message tries anew.
        """
        if self._specs[backend].zone.is_local and kind in _GONE:
            health = Health(HealthState.UNHEALTHY, detail, self.health(backend).models, time.monotonic())
            self._health[backend] = health
            self._on_health(backend, health)

    def note_success(self, backend: str) -> None:
        """A reply came: that is better evidence than any look."""
        before = self.health(backend)
        if before.state is not HealthState.HEALTHY:
            self._health[backend] = Health(HealthState.HEALTHY, "answered", before.models, time.monotonic())
            self._on_health(backend, self._health[backend])

    async def close(self) -> None:
        for task in self._opening.values():
            task.cancel()
        await asyncio.gather(*self._opening.values(), return_exceptions=True)
        opened = (*self._open.values(), *self._replaced)
        await asyncio.gather(*(backend.aclose() for backend in opened), return_exceptions=True)
        self._open.clear()


def _first_usable(models: tuple[ModelInfo, ...], kind: Kind) -> str:
    """A loaded local model before any local one before any; "" when none is known."""
    local = [m for m in models if not m.remote_host and not (kind is Kind.OLLAMA and is_cloud_name(m.name))]
    ordered = [m for m in local if m.loaded] + local + list(models)
    return ordered[0].name if ordered else ""

"""What is here without a config: engines on loopback, keys and addresses in the environment. No other is dialled."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping

from msgspec import Struct
from msgspec.structs import replace

from hybridchat.backends.base import BackendSpec, policy_of
from hybridchat.backends.facts import Server, facts
from hybridchat.backends.identity import who_answers
from hybridchat.backends.registry import make_backend
from hybridchat.config.providers import Provider, providers
from hybridchat.domain.address import Address, parse_base_url
from hybridchat.domain.chat import Health, HealthState, Kind, Proof, Zone
from hybridchat.domain.peers import Peer, is_ollamas_own
from hybridchat.domain.privacy import proof_of, zone_of
from hybridchat.errors import HybridchatError, UsageError
from hybridchat.net.client import open_client, warm_up
from hybridchat.net.peers import meeting
from hybridchat.net.replies import place

BUDGET_S = 0.4


class Found(Struct, frozen=True, kw_only=True):
    """One place that could answer. Texts come from servers and the environment: clean them on the way to a screen."""

    id: str  # the id it would get in the config
    kind: Kind
    base_url: str
    zone: Zone
    proof: Proof | None
    peer: Peer | None = None  # the program that answers there
    source: str  # where it was seen, in words: "listens on port 11434", "OLLAMA_HOST", "OPENAI_API_KEY"
    models: tuple[str, ...] = ()
    is_healthy: bool | None = None  # None: not asked (nothing is sent to a managed place before its own yes)
    detail: str = ""  # one line on its health
    needs_own_yes: bool = False  # a key or an address from the environment: never part of "accept all"


class Discovery(Struct, frozen=True, kw_only=True):
    """What one look around found, local places first. `notices`: one line each ("something else answers on …")."""

    found: tuple[Found, ...] = ()
    notices: tuple[str, ...] = ()


async def discover(environment: Mapping[str, str], ports: Iterable[int] | None = None) -> Discovery:
    """Looks at the usual loopback ports (or `ports`) in parallel, under half a second; then at the environment.

    Keys are named, never used. OLLAMA_HOST is dialled only where it is loopback.
    """
    await asyncio.to_thread(warm_up)
    addresses = {_loopback(port): f"listens on port {port}" for port in ports or [s.port for s in facts().server]}
    offered = _ollama_host(environment)
    if offered is not None and offered.is_loopback:
        addresses.setdefault(offered, "OLLAMA_HOST")
    looks = [asyncio.create_task(_look(address, source)) for address, source in addresses.items()]
    done, late = await asyncio.wait(looks, timeout=BUDGET_S)
    for task in late:
        task.cancel()
    await asyncio.gather(*late, return_exceptions=True)
    seen = [result for task in looks if task in done and (result := task.result())]
    found = [one for one in seen if isinstance(one, Found)]
    if offered is not None and not offered.is_loopback:
        found.append(_offer(offered))
    found += [_offer_key(*known) for known in _keys(environment)]
    return Discovery(found=_with_unique_ids(found), notices=tuple(one for one in seen if isinstance(one, str)))


def _loopback(port: int) -> Address:
    return parse_base_url(f"http://127.0.0.1:{port}")


async def _look(address: Address, source: str) -> Found | str | None:
    """What is there, or a line on what answers there instead; None where nothing does."""
    try:
        client = open_client(policy_of(_spec(address, "probe", Kind.OPENAI_COMPATIBLE), None))
        try:
            server = await who_answers(client, first=address.port)
        finally:
            await client.aclose()
    except HybridchatError:
        return None
    if server is None:
        return f"something else answers on {place(address)}: no known model server, or one that loads or wants a key"
    return await _ask(address, server, source)


async def _ask(address: Address, server: Server, source: str) -> Found:
    spec, peers = _spec(address, server.id, server.kind), list[Peer]()
    backend = make_backend(spec)
    try:
        with meeting(peers.append):
            health: Health = await backend.health()
    finally:
        await backend.aclose()
    peer = peers[-1] if peers else None
    return Found(
        id=server.id,
        kind=server.kind,
        base_url=address.origin,
        zone=spec.zone,
        proof=Proof.VERIFIED if is_ollamas_own(spec.kind, health, peer) else spec.proof,
        peer=peer,
        source=f"{server.name} {source}" if source.startswith("listens") else source,
        models=tuple(model.name for model in health.models),
        is_healthy=health.state is HealthState.HEALTHY,
        detail=str(health),
        needs_own_yes=not source.startswith("listens"),
    )


def _spec(address: Address, id: str, kind: Kind) -> BackendSpec:
    zone = zone_of(address)
    return BackendSpec(id=id, kind=kind, address=address, zone=zone, proof=proof_of(zone))


def _ollama_host(environment: Mapping[str, str]) -> Address | None:
    """OLLAMA_HOST as its own tools read it: a host, host:port or URL. A listening address means this machine."""
    value = environment.get("OLLAMA_HOST", "").strip()
    if not value:
        return None
    scheme, separator, rest = value.rpartition("://")
    host = rest.rstrip("/")
    if host.startswith(":") or host.split(":")[0] == "0.0.0.0":
        host = "127.0.0.1:" + (host.rpartition(":")[2] if ":" in host else "11434")
    if not separator and ":" not in host.rpartition("]")[2]:
        host += ":11434"
    try:
        return parse_base_url(f"{scheme or 'http'}://{host}")
    except UsageError:
        return None  # not an address that we would dial


def _offer(address: Address) -> Found:
    zone = zone_of(address)
    return Found(
        id="ollama-host",
        kind=Kind.OLLAMA,
        base_url=address.base_url,
        zone=zone,
        proof=proof_of(zone),
        source="OLLAMA_HOST",
        detail="on another machine",
        needs_own_yes=True,
    )


def _keys(environment: Mapping[str, str]) -> Iterator[tuple[Provider, str]]:
    """Each provider with an address of its own, and the first of its variables that is set."""
    for provider in providers():
        variable = next(filter(environment.get, provider.variables), None)
        if provider.base_url and variable:
            yield provider, variable


def _offer_key(provider: Provider, variable: str) -> Found:
    return Found(
        id=provider.id,
        kind=provider.kind,
        base_url=provider.base_url,
        zone=Zone.MANAGED,
        proof=None,
        source=variable,
        detail="used only after your yes",
        needs_own_yes=True,
    )


def _with_unique_ids(found: list[Found]) -> tuple[Found, ...]:
    taken: dict[str, int] = {}
    unique = []
    for one in found:
        count = taken[one.id] = taken.get(one.id, 0) + 1
        unique.append(one if count == 1 else replace(one, id=f"{one.id}-{count}"))
    return tuple(unique)

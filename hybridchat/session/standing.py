"""How far a backend is known to compute on this machine, and by what means: never more than was seen."""

from __future__ import annotations

import time
from datetime import datetime

from msgspec import Struct

from hybridchat.backends.base import BackendSpec
from hybridchat.domain.chat import Health, Kind, Proof, Zone
from hybridchat.domain.peers import Peer, is_ollamas_own, why_not_ollama
from hybridchat.errors import HybridchatError
from hybridchat.session.vouches import Vouch, Vouches

COULD_STILL = (
    "An address on loopback does not say who computes. What listens there could pass your words on, through a tunnel "
    "(ssh -L), to another machine or a rented model, or keep them in a log. hybridchat cannot see that."
)
HOLDS = "Your word is kept for this address and this program, and ends when one of them changes."


class Standing(Struct, frozen=True, kw_only=True):
    """Who computes at one backend, and how that is known. The texts may hold a path's or a server's words."""

    backend: str
    kind: Kind
    url: str
    zone: Zone
    proof: Proof | None
    how: str  # what it rests on, as one clause
    doubt: str = ""  # what speaks against more
    peer: Peer | None = None  # who answered last; None: nobody yet, or another machine
    seen_s: float | None = None  # ago

    @property
    def answers(self) -> str:
        """Who does, in words."""
        return str(self.peer) if self.peer else "nobody known"


class Standings:
    """What this run saw of the processes that answer, and what the user vouched for."""

    def __init__(self, vouches: Vouches) -> None:
        self.vouches = vouches
        self._peers: dict[str, tuple[Peer, float]] = {}
        self._forwarded: dict[str, str] = {}
        self._ended: dict[str, str] = {}  # why the user's word holds no more

    # --- what is seen

    def note_peer(self, spec: BackendSpec, peer: Peer) -> None:
        """Who answers now: the user's word for another program, or another place, ends here."""
        self._peers[spec.id] = (peer, time.monotonic())
        vouch = self.vouches.by_id.get(spec.id)
        if vouch is None:
            return
        if (vouch.kind, vouch.url) != (spec.kind, spec.address.base_url):
            self.end_vouch(spec.id, f"it was given for {vouch.kind} at {vouch.url}")
        elif not vouch.fits(peer) and (peer.executable or (peer.owner and not vouch.executable)):  # else: not seen now
            self.end_vouch(spec.id, f"it was given for {vouch.program}")

    def note_forwarding(self, backend: str, host: str) -> None:
        """It does not compute here: a word that was given in the program was wrong, in later runs as well."""
        self._forwarded[backend] = host
        self.end_vouch(backend, f"it forwarded a reply to {host}")

    def end_vouch(self, backend: str, why: str) -> None:
        try:
            was_there = self.vouches.end(backend)
        except HybridchatError:  # it is compared at every look, so it holds no more all the same
            was_there = True
        if was_there:
            self._ended[backend] = f"your word for it has ended: {why}"

    def vouch(self, spec: BackendSpec) -> None:
        """For whoever answered last. Raises HybridchatError where nobody did, or it cannot be kept."""
        peer = self.peer(spec.id)
        if peer is None:
            raise HybridchatError(f"nobody answers at {spec.address.base_url}", "start the server, then vouch for it")
        self.vouches.give(spec.id, spec.kind, spec.address, peer)
        self._ended.pop(spec.id, None)

    # --- what follows from it

    def peer(self, backend: str) -> Peer | None:
        return self._peers[backend][0] if backend in self._peers else None

    def forwards_to(self, backend: str) -> str | None:
        return self._forwarded.get(backend)

    def proof(self, spec: BackendSpec, health: Health) -> Proof | None:
        """As the config says; more where Ollama's own program was seen, or the user gave their word here."""
        if spec.zone is not Zone.DEVICE or spec.proof is Proof.VERIFIED:
            return spec.proof
        if is_ollamas_own(spec.kind, health, self.peer(spec.id)):
            return Proof.VERIFIED
        return Proof.VOUCHED if self._vouch(spec) else spec.proof

    def still_holds(self, spec: BackendSpec, proof: Proof | None) -> bool:
        """Whether whoever answered last is who a plan with that proof meant."""
        if proof is Proof.VERIFIED:
            return why_not_ollama(self.peer(spec.id)) is None
        return self._vouch(spec) is not None

    def of(self, spec: BackendSpec, health: Health) -> Standing:
        proof = self.proof(spec, health)
        peer, seen_at = self._peers.get(spec.id, (None, None))
        return Standing(
            backend=spec.id,
            kind=spec.kind,
            url=spec.address.base_url if spec.kind is not Kind.EMBEDDED else "a Unix socket",
            zone=spec.zone,
            proof=proof,
            how=self._how(spec, proof),
            doubt=self.doubt(spec, health),
            peer=peer,
            seen_s=None if seen_at is None else time.monotonic() - seen_at,
        )

    def doubt(self, spec: BackendSpec, health: Health) -> str:
        """Why it is not known better, where that can be said; "" where it is, or nothing more can be."""
        if spec.zone is not Zone.DEVICE or self.proof(spec, health) is Proof.VERIFIED:
            return ""
        ended = "" if self.proof(spec, health) is Proof.VOUCHED else self._ended.get(spec.id, "")
        if spec.kind is not Kind.OLLAMA:
            return ended
        other = why_not_ollama(self.peer(spec.id))
        if other is None and not health.fails_closed:
            other = "it did not answer to the name that Ollama never forwards"
        return "; ".join(filter(None, (ended, other)))

    def _vouch(self, spec: BackendSpec) -> Vouch | None:
        vouch, peer = self.vouches.by_id.get(spec.id), self.peer(spec.id)
        if vouch is None or (vouch.kind, vouch.url) != (spec.kind, spec.address.base_url):
            return None
        return vouch if peer is None or vouch.fits(peer) else None

    def _how(self, spec: BackendSpec, proof: Proof | None) -> str:
        match spec.zone, proof:
            case Zone.MANAGED, _:
                host = self._forwarded.get(spec.id)
                return f"it forwarded a reply to {host} in this run" if host else "so its address or your config says"
            case Zone.PRIVATE, _:
                return "private = true in config.toml"
            case _, Proof.VERIFIED if spec.kind is Kind.OLLAMA:
                return "Ollama's own program answers, to the name that Ollama never forwards"
            case _, Proof.VERIFIED if spec.kind is Kind.SIMULATED:
                return "it is simulated: nothing is sent"
            case _, Proof.VERIFIED:
                return "a process that hybridchat started itself, and that nobody else can reach"
            case _, Proof.VOUCHED:
                vouch = None if spec.proof is Proof.VOUCHED else self._vouch(spec)
                return f"your word of {_day(vouch.given_at)}" if vouch else "vouched = true in config.toml"
            case _:
                return "its address is on loopback; that alone proves nothing"


def _day(utc: str) -> str:
    try:
        return f"{datetime.fromisoformat(utc).astimezone():%d %B %Y}"
    except ValueError:  # changed by hand
        return "an unknown day"

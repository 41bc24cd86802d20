"""What the screen says about zones, plans, replies and money: pure, and clean of anything a server could smuggle in."""

from __future__ import annotations

from datetime import datetime

from hybridchat.domain.chat import Attempt, Kind, Message, MessageState, Privacy, Proof, Role, Zone
from hybridchat.domain.pricing import format_usd
from hybridchat.domain.routing import Candidate
from hybridchat.domain.text import clean_line

PRIVACY = {
    Privacy.LOCAL_ONLY: "local only: stays on this device",
    Privacy.PRIVATE: "private: your machines only",
    Privacy.OPEN: "open: may leave your machines",
}


def zone_words(zone: Zone, proof: Proof | None, kind: str = "", remote_host: str | None = None) -> str:
    """Who computes, and how that is known; never more than is known."""
    if kind == Kind.SIMULATED:
        return f"simulated {'managed' if zone is Zone.MANAGED else 'local'}"
    if remote_host:
        return f"managed, forwarded to {clean_line(remote_host, 60)}"
    match zone, proof:
        case Zone.MANAGED, _:
            return "managed, leaves your machines"
        case Zone.DEVICE, Proof.VERIFIED:
            return "this device, verified"
        case Zone.DEVICE, Proof.VOUCHED:
            return "loopback, you vouched"
        case Zone.DEVICE, _:
            return "loopback, not proven local"
        case _:
            return "your own host, " + ("you vouched" if proof is Proof.VOUCHED else "by your config")


def candidate_words(candidate: Candidate) -> tuple[str, str, str]:
    """(backend, model, zone in words), each one clean line."""
    zone = zone_words(candidate.zone, candidate.proof, candidate.kind, candidate.remote_host)
    return clean_line(candidate.backend, 40), clean_line(candidate.model, 60) or "no model known", zone


def brief(text: str, limit: int = 300) -> str:
    """An error of any length as one line: what went wrong may be cut, what to do about it stays whole."""
    what, dash, remedy = text.rpartition(" — ")
    if not dash or len(remedy) > limit:
        return clean_line(text, limit)
    return f"{clean_line(what, limit)} — {clean_line(remedy, limit)}"


def earlier_turns(count: int) -> str:
    """What a route away from this machine takes along."""
    match count:
        case 0:
            return "no earlier messages go along"
        case 1:
            return "1 earlier message goes along"
        case _:
            return f"{count} earlier messages go along"


def milliseconds(value: float | None) -> str:
    """`84 ms`, `1.2 s`; unknown is "unknown"."""
    if value is None:
        return "unknown"
    return f"{value:.0f} ms" if value < 1000 else seconds(value / 1000)


def seconds(value: float) -> str:
    """`3.2 s`, `1 min 05 s`."""
    if value < 60:
        return f"{value:.1f} s"
    whole = round(value)
    return f"{whole // 60} min {whole % 60:02} s"


def size(count: int | None) -> str:
    """Bytes as people say them: `638 MB`, `1.1 GB`; unknown is "size unknown"."""
    if count is None:
        return "size unknown"
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"


def when(utc: str, now: datetime) -> str:
    """A ledger's time for a list, in the zone of `now`: `14:02` today, else `20 Nov`, else `2025-11-20`."""
    try:
        moment = datetime.fromisoformat(utc).astimezone(now.tzinfo)
    except ValueError:
        return ""
    if moment.date() == now.date():
        return f"{moment:%H:%M}"
    return f"{moment.day} {moment:%b}" if moment.year == now.year else f"{moment:%Y-%m-%d}"


def describe(message: Message) -> tuple[str, str]:
    """The transcript's header and footer of a message."""
    if message.role is Role.USER:
        return "you", ""
    if message.role is Role.SYSTEM:
        return "system", ""
    attempt = message.attempt
    if attempt is None:
        return "reply", _ending(message)
    who = f"{clean_line(attempt.backend, 40)} · {clean_line(attempt.model, 60)}"
    header = f"{who} · {zone_words(attempt.zone, attempt.proof, attempt.kind)}"
    if message.state is MessageState.STREAMING:
        return header, ""
    return header, " · ".join(filter(None, [_ending(message), *_measured(attempt)]))


def _ending(message: Message) -> str:
    note = brief(message.note)
    match message.state:
        case MessageState.STOPPED:
            return note or "stopped"
        case MessageState.INTERRUPTED:
            return note or "interrupted"
        case MessageState.FAILED:
            return f"failed: {note}" if note else "failed"
        case MessageState.COMPLETE if not message.text.strip():
            return note or "empty reply"
        case _:
            return note


def _measured(attempt: Attempt) -> list[str]:
    """Only what was measured; a managed reply's unknown price is said, a local one's is no news."""
    facts = []
    if attempt.ttft_ms is not None:
        facts.append(f"{milliseconds(attempt.ttft_ms)} to first token")
    if attempt.load_ms is not None:
        part = "" if attempt.ttft_ms is None else "of it "
        facts.append(f"{milliseconds(attempt.load_ms)} {part}loading")
    if attempt.completion_tokens is not None:
        facts.append(f"{attempt.completion_tokens:,} tokens")
    if attempt.tokens_per_s is not None:
        facts.append(f"{attempt.tokens_per_s:.0f} tok/s")
    if attempt.cost_usd is not None:
        facts.append(f"{format_usd(attempt.cost_usd)} {attempt.cost_basis}")
    elif attempt.zone is Zone.MANAGED and attempt.kind != Kind.SIMULATED:
        facts.append("cost unknown")
    return facts

"""What the screen says about zones, plans, replies and money: pure, and clean of anything a server could smuggle in."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime

from hybridchat.domain.attachments import AttachedFile
from hybridchat.domain.chat import (
    OFF_RECORD_FROM,
    Attempt,
    Conversation,
    Effort,
    Kind,
    Message,
    MessageState,
    Privacy,
    Proof,
    Role,
    Zone,
    is_off_record,
)
from hybridchat.domain.pricing import CostEstimate, format_range, format_usd, why_unbilled
from hybridchat.domain.retry import MAX_RETRIES
from hybridchat.domain.routing import Candidate
from hybridchat.domain.text import clean_line, count_of, oldest_turns, title_of
from hybridchat.errors import UsageError

Part = str | tuple[str, str]  # words, or words and their style

MOST_OTHERS = 3  # answers beside one that its foot names
MOST_LEFT_OUT = 8
LIMITS = "Names and addresses cannot be found: look for those yourself."

WORKLOADS = (
    "chat",
    "code",
    "summarization",
    "classification",
    "extraction",
    "translation",
    "writing",
    "reasoning",
    "agentic",
)

AS_IT_DOES = "as the model does by itself"
EFFORT = {
    Effort.OFF: "no thinking",
    Effort.LOW: "low effort",
    Effort.MEDIUM: "medium effort",
    Effort.HIGH: "high effort",
}

PRIVACY = {
    Privacy.LOCAL_ONLY: "local only: stays on this device",
    Privacy.PRIVATE: "private: your machines only",
    Privacy.OPEN: "open: may leave your machines",
}
PINNED = {Privacy.LOCAL_ONLY: "local only", Privacy.PRIVATE: "private", Privacy.OPEN: ""}


_OFF = "off-"  # before the number of a conversation off the record


def chat_name(number: int) -> str:
    """How a conversation is called where one is chosen by its number."""
    return f"{_OFF}{number - OFF_RECORD_FROM + 1}" if is_off_record(number) else str(number)


def chat_number(typed: str) -> int:
    """Raises UsageError for what is no number of a conversation."""
    digits = typed.removeprefix(_OFF)
    if not digits.isdecimal():
        raise UsageError(f"{clean_line(typed, 40)!r} is no number of a conversation", "/open shows them")
    return int(digits) + (OFF_RECORD_FROM - 1 if typed.startswith(_OFF) else 0)


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


def who_words(attempt: Attempt) -> str:
    """Who answered, and where: on one line."""
    zone = zone_words(attempt.zone, attempt.proof, attempt.kind)
    return f"{clean_line(attempt.backend, 40)} · {clean_line(attempt.model, 60)} · {zone}"


def candidate_words(candidate: Candidate) -> tuple[str, str, str]:
    """(backend, model, zone in words), each one clean line."""
    zone = zone_words(candidate.zone, candidate.proof, candidate.kind, candidate.remote_host)
    return clean_line(candidate.backend, 40), clean_line(candidate.model, 60) or "no model known", zone


def marks_of(conversation: Conversation) -> str:
    """What the user marked it with: `★ #work`."""
    states = ["★"] if conversation.starred_at else []
    states += ["archived"] if conversation.archived_at else []
    return " ".join([*states, *(f"#{clean_line(tag, 40)}" for tag in conversation.tags)])


def brief(text: str, limit: int = 300) -> str:
    """An error of any length as one line: what went wrong may be cut, what to do about it stays whole."""
    what, dash, remedy = text.rpartition(" — ")
    if not dash or len(remedy) > limit:
        return clean_line(text, limit)
    return f"{clean_line(what, limit)} — {clean_line(remedy, limit)}"


def first_lines(text: str, most: int) -> list[str]:
    """Of a text that may be long; the last one says how many more there are."""
    lines = text.splitlines()
    more = len(lines) - most
    return [*lines[:most], f"… {count_of(more, 'more line')}"] if more > 0 else lines


def new_replies(count: int) -> str:
    return f"{count:,} new {'reply' if count == 1 else 'replies'}"


def earlier_turns(count: int) -> str:
    """What a route away from this machine takes along."""
    match count:
        case 0:
            return "no earlier messages go along"
        case 1:
            return "1 earlier message goes along"
        case _:
            return f"{count} earlier messages go along"


def turns_along(count: int) -> str:
    go = "goes" if count == 1 else "go"
    return f"{count_of(count, 'earlier turn')} {go} along" if count else "no earlier turn goes along"


def cost_words(cost: CostEstimate) -> str:
    """What sending may cost, and of what that is the price."""
    what = "with a reply as usual" if cost.with_reply else "for this prompt"
    return f"{format_range(cost.low_usd, cost.high_usd)} {what}"


def waiting_to_retry(reason: str, left_s: int, retry_no: int, key: str) -> str:
    return f"{clean_line(reason, 100)}: trying again in {left_s} s ({retry_no} of {MAX_RETRIES}) · {key} cancels"


def left_out_words(messages: Sequence[Message], turns: int) -> str:
    """The first words of the turns that would be left out."""
    questions = [message.text for message in messages if message.role is Role.USER][:turns]
    lines = [f"{number}. {clean_line(text, 54)}" for number, text in enumerate(questions[:MOST_LEFT_OUT], 1)]
    if turns > MOST_LEFT_OUT:
        lines.append(f"… and {turns - MOST_LEFT_OUT:,} more")
    return "\n".join((*lines, "They stay in this chat; this reply and the next ones do without them."))


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


def attached_words(file: AttachedFile) -> str:
    """`notes.txt · 34 KB · ≈ 8,500 tokens`: what it weighs, where that is known before a model is."""
    tokens = "tokens unknown" if file.text_tokens is None else f"≈ {count_of(math.ceil(file.text_tokens), 'token')}"
    return f"{file} · {tokens}"


def describe(message: Message, beside: Sequence[Message] = ()) -> tuple[str, str]:
    """The transcript's header and footer of a message. `beside`: all answers to its question, or questions at its
    place, if there are several."""
    if message.role is Role.USER:
        asked = (f"{_place(other, beside)}{title_of(other.text)}" for other in beside if other.id != message.id)
        also = " · ".join(list(asked)[:MOST_OTHERS])
        return f"{_place(message, beside)}you", f"also asked: {also}" if also else ""
    if message.role is Role.SYSTEM:
        return "system", ""
    attempt = message.attempt
    if attempt is None:
        whence = "forked" if message.is_forked else "imported"
        who = f"{clean_line(message.model, 60)} · {whence}" if message.model else "reply"
        return f"{_place(message, beside)}{who}", _ending(message)
    header = f"{_place(message, beside)}{who_words(attempt)}"
    if message.state is MessageState.STREAMING:
        return " · ".join((header, *_unplanned(attempt))), ""
    others = [_other(other, beside) for other in beside if other.id != message.id]
    in_all = [f"{milliseconds(attempt.latency_ms)} in all"] if others and attempt.latency_ms is not None else []
    return header, " · ".join(filter(None, [_ending(message), *_measured(attempt), *in_all, *others[:MOST_OTHERS]]))


def deleted_words(count: int, undo_key: str) -> str:
    """Of messages, which stay for a while."""
    it = "it" if count == 1 else "them"
    return f"{count_of(count, 'message')} deleted. {undo_key} brings {it} back, until you quit."


def _place(message: Message, beside: Sequence[Message]) -> str:
    """`‹1/2› ` where there are several at one place."""
    number = next((number for number, other in enumerate(beside, 1) if other.id == message.id), None)
    return f"‹{number}/{len(beside)}› " if number else ""


def _other(message: Message, beside: Sequence[Message]) -> str:
    """Another answer, with what is compared."""
    attempt = message.attempt
    if attempt is None:
        return ""
    untimed = "first token unknown" if message.has_words else "no token"
    facts = [
        f"{milliseconds(attempt.ttft_ms)} to first token" if attempt.ttft_ms is not None else untimed,
        f"{milliseconds(attempt.latency_ms)} in all" if attempt.latency_ms is not None else "",
        *cost_facts(attempt),
    ]
    who = f"{clean_line(attempt.model, 60)} on {clean_line(attempt.backend, 40)}"
    return f"{_place(message, beside)}{who}: {', '.join(filter(None, facts))}"


def _unplanned(attempt: Attempt) -> list[str]:
    """While it streams; the note says it at the end."""
    reason = attempt.route_reason.partition("; ")[0]
    left_out = attempt.left_out_turns
    return [
        *([clean_line(reason, 100)] if reason.startswith("fallback: ") else []),
        *([f"without {oldest_turns(left_out)}"] if left_out else []),
    ]


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
    """Only what was measured; an unknown price is said, but not where nobody bills, nor of local replies."""
    facts = []
    if attempt.ttft_ms is not None:
        facts.append(f"{milliseconds(attempt.ttft_ms)} to first token")
    if attempt.load_ms is not None:
        part = "" if attempt.ttft_ms is None else "of it "
        facts.append(f"{milliseconds(attempt.load_ms)} {part}loading")
    if attempt.completion_tokens is not None:
        thought = f", {attempt.thinking_tokens:,} of them thinking" if attempt.thinking_tokens else ""
        facts.append(f"{attempt.completion_tokens:,} tokens{thought}")
    if attempt.cached_tokens:
        of_all = "" if attempt.prompt_tokens is None else f"of {attempt.prompt_tokens:,} "
        facts.append(f"{attempt.cached_tokens:,} {of_all}prompt tokens cached")
    if attempt.tokens_per_s is not None:
        facts.append(f"{attempt.tokens_per_s:.0f} tok/s")
    return [*facts, *cost_facts(attempt)]


def cost_facts(attempt: Attempt) -> list[str]:
    if attempt.cost_usd is not None:
        return [f"{format_usd(attempt.cost_usd)} {attempt.cost_basis}"]
    came_anything = attempt.ttft_ms is not None
    is_unbilled = attempt.outcome and why_unbilled(attempt.outcome, attempt.error_kind, came_anything=came_anything)
    is_news = attempt.zone is Zone.MANAGED and attempt.kind != Kind.SIMULATED and not is_unbilled
    return ["cost unknown"] if is_news else []

"""What a reply's details say, line by line, for the screen and for the command line."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from hybridchat.domain.chat import Attempt, Disclosure, Outcome, Zone
from hybridchat.domain.pricing import why_unbilled
from hybridchat.domain.privacy import in_words
from hybridchat.domain.text import clean, clean_line, count_of
from hybridchat.domain.tuning import trace_words
from hybridchat.domain.waterfall import Span
from hybridchat.session.details import AttemptDetails, ReplyDetails
from hybridchat.tui.words import milliseconds, who_words

NAMES = {
    "load": "model load",
    "queue": "queue",
    "prompt": "reading the prompt",
    "first_token": "first token",
    "thinking": "thinking",
    "decoding": "decoding",
    "whole": "in all",
}
UNKNOWN = "unknown"
NOTHING_KNOWN = "Nothing is known here of how this reply came about: an import or a fork brought it."
LONGEST_LINE = 2_000


class Line(NamedTuple):
    """`name` "" begins a section, whose title is `value`. With a span there may be a bar."""

    name: str
    value: str
    span: Span | None = None


def detail_lines(details: ReplyDetails) -> Iterator[tuple[AttemptDetails, list[Line]]]:
    """Each attempt with its lines, the one that wrote the reply first; without the request's JSON."""
    for one in reversed(details.attempts):
        lines = [Line("", f"{number_words(details, one)}{who_words(one.attempt)}"), Line("outcome", _outcome(one))]
        lines += [Line("", "Time"), *(_time(span) for span in details.spans(one) if _is_of(span, one.attempt))]
        lines += [Line("", "Tokens"), *_tokens(one.attempt)]
        lines += [Line("", "Cost"), *_cost(one)]
        lines += [Line("", "Route"), *_route(one.attempt)]
        lines += [Line("", "Request"), Line("sent", request_words(one))]
        if settings := trace_words(one.attempt.parameters or "{}"):
            lines.append(Line("with", settings))
        yield one, lines


def text_lines(details: ReplyDetails) -> Iterator[str]:
    """As plain text: a line for each fact."""
    if not details.attempts:
        yield NOTHING_KNOWN
    for _, lines in detail_lines(details):
        for line in lines:
            yield f"{line.name}: {line.value}" if line.name else line.value


def number_words(details: ReplyDetails, one: AttemptDetails) -> str:
    """`Attempt 2 of 3: `; "" for the only one."""
    several = len(details.attempts) > 1
    return f"Attempt {details.attempts.index(one) + 1} of {len(details.attempts)}: " if several else ""


def request_words(one: AttemptDetails) -> str:
    """How the request that can be shown relates to what was sent."""
    if one.request is None:
        return "not kept" if one.attempt.outcome is not Outcome.REFUSED else "nothing was sent"
    size = f"{clean_line(one.request.path)}, {len(one.request.body.encode()):,} bytes"
    if one.request.is_exact:
        return f"{size}, byte for byte as it was sent without its headers, where the key is"
    return f"{size}, without what was deleted since, or was too long to keep"


def request_json(one: AttemptDetails) -> str:
    """Indented and clean, its longest lines cut; or ""."""
    if one.request is None:
        return ""
    lines = clean(msgspec.json.format(one.request.body, indent=2)).split("\n")
    return "\n".join(map(_cut, lines))


def _cut(line: str) -> str:
    """A picture is one long text."""
    more = len(line) - LONGEST_LINE
    return f"{line[:LONGEST_LINE]}… {count_of(more, 'more character')}" if more > 0 else line


def _outcome(one: AttemptDetails) -> str:
    attempt = one.attempt
    error = f" ({clean_line(attempt.error_kind, 40).replace('_', ' ')})" if attempt.error_kind else ""
    ended = f", the model ended with “{clean_line(attempt.finish_reason, 40)}”" if attempt.finish_reason else ""
    note = f": {clean_line(one.note, 600)}" if one.note else ""
    return f"{attempt.outcome or 'running'}{error}{ended}{note}"


def _is_of(span: Span, attempt: Attempt) -> bool:
    """Of a reply without thinking, that is nothing unknown."""
    return span.step != "thinking" or span.length_ms is not None or bool(attempt.thinking_tokens)


def _time(span: Span) -> Line:
    if span.length_ms is None:
        return Line(NAMES[span.step], "not told" if span.by_server else UNKNOWN)
    told = ", by the server's clock" if span.by_server and span.start_ms is None else ""
    return Line(NAMES[span.step], f"{milliseconds(span.length_ms)}{told}", span)


def _tokens(attempt: Attempt) -> Iterator[Line]:
    yield Line("prompt", _of(attempt.prompt_tokens, ("cached", attempt.cached_tokens), _written(attempt)))
    yield Line("completion", _of(attempt.completion_tokens, ("thinking", attempt.thinking_tokens)))
    if attempt.prompt_tokens_estimated is not None:
        yield Line("estimated before", f"{attempt.prompt_tokens_estimated:,} for the prompt")
    speed = None if attempt.tokens_per_s is None else f"{attempt.tokens_per_s:.1f} tokens/s after the first"
    yield Line("speed", speed or UNKNOWN)


def _written(attempt: Attempt) -> tuple[str, int | None]:
    return "written to the cache", attempt.cache_write_tokens


def _of(count: int | None, *parts: tuple[str, int | None]) -> str:
    if count is None:
        return UNKNOWN
    known = [f"{part:,} {what}" for what, part in parts if part is not None]
    return f"{count:,}{', of them ' if known else ''}{', '.join(known)}"


def _cost(one: AttemptDetails) -> Iterator[Line]:
    attempt = one.attempt
    yield Line("cost", UNKNOWN if one.cost_usd is None else f"${one.cost_usd} ({attempt.cost_basis})")
    came = attempt.ttft_ms is not None
    why = attempt.outcome and why_unbilled(attempt.outcome, attempt.error_kind, came_anything=came)
    local = "" if attempt.zone is Zone.MANAGED else "nobody bills what is computed here"
    yield Line("price from", clean_line(one.cost_detail, 300) or (why or "") or local or UNKNOWN)
    if attempt.estimate_low_usd is not None and attempt.estimate_high_usd is not None:
        yield Line("estimated before", f"${attempt.estimate_low_usd:.4f} to ${attempt.estimate_high_usd:.4f}")


def _route(attempt: Attempt) -> Iterator[Line]:
    for reason in filter(None, attempt.route_reason.split("; ")):
        yield Line("because", clean_line(reason, 300))
    yield Line("privacy", in_words(attempt.privacy))
    if attempt.workload:
        yield Line("kind of task", clean_line(attempt.workload, 40))
    if attempt.requested_model and attempt.requested_model != attempt.model:
        yield Line("asked for", clean_line(attempt.requested_model, 80))
    if attempt.left_out_turns:
        yield Line("left out", count_of(attempt.left_out_turns, "oldest turn"))
    if attempt.found:
        done = "masked" if attempt.disclosure is Disclosure.MASKED else "sent as it is"
        yield Line("found in it", f"{clean_line(attempt.found, 200)}, {done}")
    yield Line("began", attempt.started_at)

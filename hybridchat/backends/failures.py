"""What a server says when it refuses, in any API's shape, as one `Failed` with its remedy."""

from __future__ import annotations

import html
import math
import re
import time
from collections.abc import Iterator, Mapping
from email.utils import parsedate_to_datetime
from itertools import groupby
from typing import Any, NamedTuple

import msgspec
from msgspec import Struct

from hybridchat.domain.events import Failed
from hybridchat.domain.text import clean_line
from hybridchat.errors import BackendError, ErrorKind, HybridchatError
from hybridchat.net.framing import repair_json
from hybridchat.net.replies import KIND_OF_STATUS

_MESSAGE_LIMIT = 300
_READ_LIMIT = 2000  # of characters, in which a key is looked for
_TELLING_CHARACTERS = 8  # of a key: shorter pieces of it are its sort, or its last ones, as vendors show them
_SHOULD_RETRY = {"true": True, "false": False}  # the header `x-should-retry`
_SECONDS = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)s")

# Each API's words for "the prompt does not fit", with the counts where it gives them.
_OVERFLOWS = tuple(
    re.compile(pattern, re.IGNORECASE | re.DOTALL)
    for pattern in (
        r"maximum context length is (?P<window>\d{1,12}) tokens"
        r"(?:.*?(?:requested|resulted in|contains(?: at least)?) (?P<prompt>\d{1,12}) (?:input )?tokens)?",
        r"cannot be greater than max_model_len=(?P<window>\d{1,12})",
        r"request \((?P<prompt>\d{1,12}) tokens\) exceeds the available context size \((?P<window>\d{1,12}) tokens\)",
        r"prompt is too long: (?P<prompt>\d{1,12}) tokens > (?P<window>\d{1,12}) maximum",
        r"input length and `max_tokens` exceed context limit: (?P<prompt>\d{1,12}) \+ \d{1,12} > (?P<window>\d{1,12})",
        r"input token count \((?P<prompt>\d{1,12})\) exceeds the maximum number of tokens allowed "
        r"\((?P<window>\d{1,12})\)",
        r"context length of only (?P<window>\d{1,12}) tokens",
    )
)
_OVERFLOW_CODES = {"context_length_exceeded", "exceed_context_size_error"}
_QUOTA_CODES = {
    *("insufficient_quota", "billing_hard_limit_reached", "billing_not_active", "billing_error"),
    *("contract_spend_limit_reached", "enforced_spend_limit_reached"),
}
# Where no code says it: Anthropic's 400s, Gemini's and xAI's 429s, and the metric of Gemini's daily limits.
_QUOTA_WORDS = re.compile(
    r"credit balance is too low|specified (?:workspace )?API usage limits|PerDay|credits are depleted"
    r"|used all available credits|run out of credits"
)
_MODEL_CODES = {"model_not_found", "model_not_available"}

_KEY_CODES = {"API_KEY_INVALID", "invalid_api_key"}  # Gemini's comes with status 400

# Codes of errors inside a stream, where no status tells: statuses, Anthropic's types, Google's names, OpenAI's codes.
_KIND_OF_CODE = {
    **{str(status): kind for status, kind in KIND_OF_STATUS.items()},
    "authentication_error": ErrorKind.AUTH,
    "permission_error": ErrorKind.AUTH,
    "rate_limit_error": ErrorKind.RATE_LIMIT,
    "overloaded_error": ErrorKind.OVERLOADED,
    "request_too_large": ErrorKind.TOO_LARGE,
    "timeout_error": ErrorKind.TIMEOUT,
    "invalid_request_error": ErrorKind.BAD_REQUEST,
    "RESOURCE_EXHAUSTED": ErrorKind.RATE_LIMIT,
    "UNAVAILABLE": ErrorKind.OVERLOADED,
    "INVALID_ARGUMENT": ErrorKind.BAD_REQUEST,
    "DEADLINE_EXCEEDED": ErrorKind.TIMEOUT,
    "rate_limit_exceeded": ErrorKind.RATE_LIMIT,
    "slow_down": ErrorKind.OVERLOADED,
    "server_is_overloaded": ErrorKind.OVERLOADED,
    "invalid_prompt": ErrorKind.BAD_REQUEST,
    "bio_policy": ErrorKind.BAD_REQUEST,
    "misalignment_policy_violation": ErrorKind.BAD_REQUEST,
    "image_content_policy_violation": ErrorKind.BAD_REQUEST,
}

_REMEDIES = {
    ErrorKind.AUTH: "check `key` of this backend",
    ErrorKind.QUOTA: "add credit or raise the limit at the provider; retrying does not help",
    ErrorKind.RATE_LIMIT: "wait a little, or use another backend",
    ErrorKind.OVERLOADED: "wait a little, or use another backend",
    ErrorKind.MODEL_MISSING: "choose another model; `hybridchat models` lists them",
    ErrorKind.CONTEXT_OVERFLOW: "shorten the conversation, or use a model with a larger context window",
    ErrorKind.TOO_LARGE: "shorten the conversation",
    ErrorKind.PROTOCOL: "check base_url and kind of this backend",
    ErrorKind.TIMEOUT: "try again",
    ErrorKind.BAD_REQUEST: "change the request, or use another backend",
    ErrorKind.SERVER: "try again, or look at the server's log",
}


class ErrorBody(Struct, frozen=True):
    """The common parts of an error, whatever its shape. `is_error` is False for a body that is no JSON error."""

    message: str
    codes: frozenset[str] = frozenset()
    prompt_tokens: int | None = None
    context_window: int | None = None
    retry_after_s: float | None = None
    is_error: bool = False


def read_error(body: bytes) -> ErrorBody:
    """JSON of any API's shape (Ollama's JSON text in a string included), or else an excerpt of what it is."""
    try:
        value = repair_json(body)
    except ValueError:
        return ErrorBody(excerpt(body))
    return _from_json(value) or ErrorBody(excerpt(body))


def _from_json(value: Any) -> ErrorBody | None:
    if isinstance(value, list) and value:
        value = value[0]
    if not isinstance(value, dict):
        return None
    inner = value.get("error") or value.get("detail") or value
    if isinstance(inner, str):
        nested = _nested(inner)
        return nested or ErrorBody(inner, is_error=True)
    if not isinstance(inner, dict) or not isinstance(inner.get("message"), str):
        return None
    details = _details(inner.get("details"))
    return ErrorBody(
        inner["message"],
        frozenset(str(inner[name]) for name in ("code", "type", "param", "status") if inner.get(name) is not None)
        | details.codes,
        _count(inner.get("n_prompt_tokens")),
        _count(inner.get("n_ctx")),
        details.retry_after_s,
        is_error=True,
    )


class _Violation(Struct):
    quota: str = msgspec.field(default="", name="quotaId")


class _Detail(Struct):
    """One of Google's (google.rpc.ErrorInfo, QuotaFailure, RetryInfo), or Anthropic's only one."""

    reason: str = ""
    error_code: str = ""
    violations: list[_Violation] = []
    retry_delay: str = msgspec.field(default="", name="retryDelay")  # such as 38s


class _Details(NamedTuple):
    codes: frozenset[str] = frozenset()
    retry_after_s: float | None = None


def _details(value: Any) -> _Details:
    try:
        details = msgspec.convert(value if isinstance(value, list) else [value], list[_Detail])
    except msgspec.ValidationError:
        return _Details()
    codes = {code for detail in details for code in (detail.reason, detail.error_code) if code}
    codes |= {violation.quota for detail in details for violation in detail.violations}
    waits = [float(found[1]) for detail in details if (found := _SECONDS.fullmatch(detail.retry_delay))]
    return _Details(frozenset(codes), max(waits, default=None))


def _nested(text: str) -> ErrorBody | None:
    """Ollama passes its engine's error on as a JSON text inside a string."""
    if not text.startswith("{"):
        return None
    try:
        return _from_json(msgspec.json.decode(text))
    except (msgspec.DecodeError, RecursionError):
        return None


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 10**12 else None


def excerpt(body: bytes) -> str:
    """The words of a page or text, without its markup."""
    text = body[:20_000].decode("utf-8", "replace")
    text = re.sub(r"(?is)<(script|style|head)\b.*?(</\1>|$)|<!--.*?-->", " ", text)
    return clean_line(html.unescape(re.sub(r"<[^>]*>", " ", text)).strip(), _MESSAGE_LIMIT)


def failed(
    body: bytes,
    *,
    backend: str,
    status: int | None = None,
    headers: Mapping[str, str] | None = None,
    secret: str | None = None,
) -> Failed:
    """An error reply (`status` set), or an error inside a stream (`status` None). `secret` never gets into the text,
    nor a longer piece of it."""
    error = read_error(body)
    message = clean_line(_without(secret, error.message[:_READ_LIMIT]), _MESSAGE_LIMIT)
    prompt, window, overflows = _overflow(error)
    waits = retry_after_s(headers or {})
    kind = ErrorKind.CONTEXT_OVERFLOW if overflows else _kind(error, status)
    shown = f"{backend}: {message}" if message else f"{backend} gave no reason"
    if status is not None and not error.is_error:
        shown = (
            f"{backend} answered with status {status}: {message}"
            if message
            else f"{backend} answered with status {status}"
        )
    return Failed(
        kind,
        shown,
        _REMEDIES[kind],
        status=status,
        retry_after_s=error.retry_after_s if waits is None else waits,
        should_retry=_SHOULD_RETRY.get((headers or {}).get("x-should-retry", "")),
        prompt_tokens=prompt,
        context_window=window,
    )


def _without(secret: str | None, text: str) -> str:
    """Servers repeat a wrong key whole, or its beginning and end: a few characters of it tell nobody anything."""
    if not secret:
        return text
    size = min(len(secret), _TELLING_CHARACTERS)
    pieces = (secret[at : at + size] for at in range(len(secret) - size + 1))
    found = {at for piece in pieces for at in _places(piece, text)}
    hidden = {at + offset for at in found for offset in range(size)}
    runs = groupby(range(len(text)), key=hidden.__contains__)
    return "".join("[key]" if is_hidden else "".join(text[at] for at in run) for is_hidden, run in runs)


def _places(piece: str, text: str) -> Iterator[int]:
    at = text.find(piece)
    while at >= 0:
        yield at
        at = text.find(piece, at + 1)


def _overflow(error: ErrorBody) -> tuple[int | None, int | None, bool]:
    match = next(filter(None, (pattern.search(error.message) for pattern in _OVERFLOWS)), None)
    groups = match.groupdict() if match else {}
    prompt, window = (int(groups[name]) if groups.get(name) else None for name in ("prompt", "window"))
    overflows = match is not None or bool(error.codes & _OVERFLOW_CODES)
    return error.prompt_tokens or prompt, error.context_window or window, overflows


def _kind(error: ErrorBody, status: int | None) -> ErrorKind:
    if error.codes & _QUOTA_CODES or any(map(_QUOTA_WORDS.search, (error.message, *error.codes))):
        return ErrorKind.QUOTA
    if error.codes & _KEY_CODES:
        return ErrorKind.AUTH
    if error.codes & _MODEL_CODES or (status == 404 and error.is_error and "model" in error.message.lower()):
        return ErrorKind.MODEL_MISSING
    if status is None:
        return next((_KIND_OF_CODE[code] for code in error.codes if code in _KIND_OF_CODE), ErrorKind.SERVER)
    if status == 403 and "cloud is disabled" in error.message:
        return ErrorKind.MODEL_MISSING
    if status in KIND_OF_STATUS:
        return KIND_OF_STATUS[status]
    if status >= 500:
        return ErrorKind.SERVER
    return ErrorKind.BAD_REQUEST if error.is_error and status != 404 else ErrorKind.PROTOCOL


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait, from `retry-after-ms`, or `retry-after` as a number or an HTTP date; None if it is not said."""
    for name, scale in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        try:
            seconds = float(headers[name]) / scale
        except (KeyError, ValueError):
            continue
        return max(0.0, seconds) if math.isfinite(seconds) else None
    try:
        return max(0.0, parsedate_to_datetime(headers["retry-after"]).timestamp() - time.time())
    except (KeyError, ValueError):
        return None


def in_its_words(error: BackendError, secret: str | None) -> BackendError:
    """A status in answer to another call than a chat, as the server explains it; as it is, where it does not."""
    said = read_error(error.body)
    if not (said.is_error and said.message):
        return error
    told = failed(error.body, backend=error.message, status=error.status, secret=secret)
    return BackendError(told.kind, told.message, told.remedy, status=error.status, retry_after_s=told.retry_after_s)


def failed_from(error: HybridchatError) -> Failed:
    """An exception as the end of a stream; what is no BackendError is a refusal of our own."""
    if isinstance(error, BackendError):
        return Failed(error.kind, error.message, error.remedy, error.status, error.retry_after_s)
    return Failed(ErrorKind.REFUSED, error.message, error.remedy)

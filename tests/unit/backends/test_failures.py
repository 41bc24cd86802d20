"""Error replies of every shape: what they mean, and nothing secret or raw in what is shown."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from hybridchat.backends.failures import excerpt, failed, retry_after_s
from hybridchat.errors import ErrorKind
from tests.fakes.captures import capture

FROM_CAPTURES = [
    ("vllm/error-context-overflow", ErrorKind.CONTEXT_OVERFLOW, None, 2048),
    ("vllm/error-max-tokens", ErrorKind.CONTEXT_OVERFLOW, None, 2048),
    ("vllm/error-unknown-model", ErrorKind.MODEL_MISSING, None, None),
    ("vllm/error-bad-json", ErrorKind.BAD_REQUEST, None, None),
    ("llamacpp/error-context-overflow", ErrorKind.CONTEXT_OVERFLOW, 8012, 1024),
    ("llamacpp/error-bad-json", ErrorKind.BAD_REQUEST, None, None),
    ("ollama/error-context-overflow", ErrorKind.CONTEXT_OVERFLOW, 6009, 512),
    ("ollama/error-unknown-model", ErrorKind.MODEL_MISSING, None, None),
    ("ollama/error-bad-json", ErrorKind.BAD_REQUEST, None, None),
    ("ollama/error-queue-full", ErrorKind.OVERLOADED, None, None),
    ("ollama/chat-think-unsupported", ErrorKind.BAD_REQUEST, None, None),
    ("ollama/chat-cloud-and-local", ErrorKind.BAD_REQUEST, None, None),
    ("ollama/chat-cloud-name-cloud-off", ErrorKind.MODEL_MISSING, None, None),
    ("ollama/v1-chat-forwarded-refused", ErrorKind.MODEL_MISSING, None, None),
    ("ollama/not-found-path", ErrorKind.PROTOCOL, None, None),
]


@pytest.mark.parametrize(("name", "kind", "prompt", "window"), FROM_CAPTURES)
def test_real_errors(name: str, kind: ErrorKind, prompt: int | None, window: int | None) -> None:
    given = capture(name)
    event = failed(given.body, backend="it", status=given.status)
    assert (event.kind, event.prompt_tokens, event.context_window) == (kind, prompt, window)
    assert event.status == given.status
    assert event.message.startswith("it")
    assert event.remedy


OVERFLOWS = [
    (
        '{"error":{"message":"This model\'s maximum context length is 128000 tokens. However, your messages resulted '
        'in 130000 tokens.","type":"invalid_request_error","param":"messages","code":"context_length_exceeded"}}',
        130_000,
        128_000,
    ),
    ('{"error":{"code":"context_length_exceeded","message":"Your input exceeds the context window."}}', None, None),
    (
        '{"type":"error","error":{"type":"invalid_request_error","message":"prompt is too long: 210000 tokens > 200000 '
        'maximum"}}',
        210_000,
        200_000,
    ),
    (
        '{"type":"error","error":{"type":"invalid_request_error","message":"input length and `max_tokens` exceed '
        'context limit: 190000 + 64000 > 200000, decrease input length or `max_tokens` and try again"}}',
        190_000,
        200_000,
    ),
    (
        '[{"error":{"code":400,"status":"INVALID_ARGUMENT","message":"The input token count (1100000) exceeds the '
        'maximum number of tokens allowed (1048576)."}}]',
        1_100_000,
        1_048_576,
    ),
    (
        '{"error":"Trying to keep the first 9000 tokens when context the overflows. However, the model is loaded with '
        'context length of only 4096 tokens, which is not enough."}',
        None,
        4096,
    ),
]


@pytest.mark.parametrize(("body", "prompt", "window"), OVERFLOWS)
def test_overflows_of_other_apis(body: str, prompt: int | None, window: int | None) -> None:
    event = failed(body.encode(), backend="it", status=400)
    assert (event.kind, event.prompt_tokens, event.context_window) == (ErrorKind.CONTEXT_OVERFLOW, prompt, window)


STATUSES = [
    (401, "invalid_api_key", ErrorKind.AUTH),
    (403, "forbidden", ErrorKind.AUTH),
    (402, "payment", ErrorKind.QUOTA),
    (429, "rate_limit_exceeded", ErrorKind.RATE_LIMIT),
    (429, "insufficient_quota", ErrorKind.QUOTA),
    (404, "model_not_found", ErrorKind.MODEL_MISSING),
    (400, "invalid_request_error", ErrorKind.BAD_REQUEST),
    (413, "request_too_large", ErrorKind.TOO_LARGE),
    (422, "x", ErrorKind.BAD_REQUEST),
    (500, "server_error", ErrorKind.SERVER),
    (503, "unavailable", ErrorKind.OVERLOADED),
    (529, "overloaded_error", ErrorKind.OVERLOADED),
]


@pytest.mark.parametrize(("status", "code", "kind"), STATUSES)
def test_statuses(status: int, code: str, kind: ErrorKind) -> None:
    body = f'{{"error":{{"message":"no","code":"{code}"}}}}'.encode()
    assert failed(body, backend="it", status=status).kind is kind


INSIDE_A_STREAM = [
    ('{"message":"slow down","code":429}', ErrorKind.RATE_LIMIT),
    ('{"type":"overloaded_error","message":"Overloaded"}', ErrorKind.OVERLOADED),
    ('{"type":"rate_limit_error","message":"no"}', ErrorKind.RATE_LIMIT),
    ('{"type":"authentication_error","message":"no"}', ErrorKind.AUTH),
    ('{"type":"invalid_request_error","message":"no"}', ErrorKind.BAD_REQUEST),
    ('{"type":"billing_error","message":"no"}', ErrorKind.QUOTA),
    ('{"type":"api_error","message":"no"}', ErrorKind.SERVER),
    ('{"code":503,"status":"UNAVAILABLE","message":"The model is overloaded."}', ErrorKind.OVERLOADED),
    ('{"code":400,"status":"INVALID_ARGUMENT","message":"no"}', ErrorKind.BAD_REQUEST),
    ('{"code":500,"status":"INTERNAL","message":"no"}', ErrorKind.SERVER),
]


@pytest.mark.parametrize(("error", "kind"), INSIDE_A_STREAM)
def test_codes_inside_a_stream_stand_for_statuses(error: str, kind: ErrorKind) -> None:
    assert failed(f'{{"error":{error}}}'.encode(), backend="it").kind is kind


CREDIT = "Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing to purchase credits."
NO_RETRY_HELPS = [
    (429, {"status": "RESOURCE_EXHAUSTED", "message": "Your prepayment credits are depleted."}, ErrorKind.QUOTA),
    (429, "Your team 1 has either used all available credits or reached its spending limit.", ErrorKind.QUOTA),
    (403, "You have run out of credits.", ErrorKind.QUOTA),
    (400, {"type": "invalid_request_error", "message": CREDIT}, ErrorKind.QUOTA),
    (
        400,
        {"type": "invalid_request_error", "message": "You have reached your specified API usage limits."},
        ErrorKind.QUOTA,
    ),
    (
        429,
        {"type": "rate_limit_error", "message": "no", "details": {"error_code": "enforced_spend_limit_reached"}},
        ErrorKind.QUOTA,
    ),
    (
        429,
        {
            "status": "RESOURCE_EXHAUSTED",
            "message": "You exceeded your current quota.",
            "details": [{"violations": [{"quotaId": "GenerateRequestsPerDayPerProjectPerModel-FreeTier"}]}],
        },
        ErrorKind.QUOTA,
    ),
    (
        400,
        {"status": "INVALID_ARGUMENT", "message": "API key not valid.", "details": [{"reason": "API_KEY_INVALID"}]},
        ErrorKind.AUTH,
    ),
]


@pytest.mark.parametrize(("status", "error", "kind"), NO_RETRY_HELPS)
def test_permanent_errors_behind_harmless_statuses(status: int, error: object, kind: ErrorKind) -> None:
    assert failed(json.dumps({"error": error}).encode(), backend="it", status=status).kind is kind


@pytest.mark.parametrize(
    ("delay", "seconds"), [("38s", 38.0), ("0.5s", 0.5), ("1e9s", None), ("s", None), (7, None), (None, None)]
)
def test_google_says_in_the_body_when_to_come_again(delay: object, seconds: float | None) -> None:
    details = [
        {"@type": "type.googleapis.com/google.rpc.Help", "links": []},
        {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": delay},
    ]
    error = {"code": 429, "status": "RESOURCE_EXHAUSTED", "message": "no", "details": details}
    event = failed(json.dumps({"error": error}).encode(), backend="it", status=429)
    assert (event.kind, event.retry_after_s) == (ErrorKind.RATE_LIMIT, seconds)


@pytest.mark.parametrize("body", [b"", b"null", b"{}", b"[]", b"7", b'{"error":{}}', b"\xff\xfe", b"[" * 99_999])
def test_bodies_that_say_nothing(body: bytes) -> None:
    event = failed(body, backend="it", status=502)
    assert event.kind is ErrorKind.SERVER
    assert event.message.startswith("it answered with status 502")


@pytest.mark.parametrize("damage", [b"\xff", b"\\ud83d"])
def test_an_error_with_damaged_words_is_the_error_that_it_is(damage: bytes) -> None:
    body = b'{"error":{"type":"overloaded_error","message":"Over' + damage + b'loaded"}}'
    event = failed(body, backend="it")
    assert (event.kind, event.message) == (ErrorKind.OVERLOADED, "it: Over\ufffdloaded")


def test_an_html_page_becomes_its_words() -> None:
    page = b"""<!DOCTYPE html><html><head><title>x</title><style>p{color:red}</style></head>
    <body><script>alert(1)</script><h1>502 Bad&nbsp;Gateway</h1>\x1b]0;evil\x07<p>nginx</p></body></html>"""
    event = failed(page, backend="it", status=502)
    assert event.message.startswith("it answered with status 502: 502 Bad")
    assert "alert" not in event.message
    assert "color" not in event.message
    assert not set("\x1b\x07<>\n") & set(event.message)


def test_an_excerpt_is_short() -> None:
    assert len(excerpt(b"word " * 100_000)) <= 300


def test_a_key_that_the_server_repeats_is_not_shown() -> None:
    body = b'{"error":{"message":"Incorrect API key: sk-canary"}}'
    event = failed(body, backend="it", status=401, secret="sk-canary")
    assert "sk-canary" not in repr(event)
    assert "[key]" in event.message


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("Incorrect: sk-proj-0815-4711-0042.", "Incorrect: [key]."),
        (
            "Incorrect: sk-proj-0815****0042, twice sk-proj-0815-4711-0042sk-proj-0815",
            "Incorrect: [key]****0042, twice [key]",
        ),
        ("'Bearer k-proj-0815-4711-004' \0", "'Bearer [key]' ␀"),
        ("Incorrect: sk-p***0042", "Incorrect: sk-p***0042"),
    ],
)
def test_no_longer_piece_of_a_key_is_shown(said: str, shown: str) -> None:
    body = json.dumps({"error": {"message": said}}).encode()
    assert failed(body, backend="it", status=401, secret="sk-proj-0815-4711-0042").message == f"it: {shown}"


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "1.5"}, 1.5),
        ({"retry-after": "9", "retry-after-ms": "250"}, 0.25),
        ({"retry-after": "-3"}, 0.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after-ms": "nan"}, None),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0.0),
    ],
)
def test_retry_after(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after_s(headers) == seconds


def test_retry_after_as_a_date() -> None:
    seconds = retry_after_s({"retry-after": format_datetime(datetime.now(UTC) + timedelta(seconds=90), usegmt=True)})
    assert seconds is not None
    assert 80 < seconds <= 90


@pytest.mark.parametrize(("value", "should"), [("true", True), ("false", False), ("perhaps", None), (None, None)])
def test_whether_a_retry_makes_sense_is_the_servers_word(value: str | None, should: bool | None) -> None:
    headers = {} if value is None else {"x-should-retry": value}
    assert failed(b"{}", backend="it", status=500, headers=headers).should_retry is should


def test_openais_codes_inside_a_stream() -> None:
    limited = failed(b'{"error":{"code":"rate_limit_exceeded","message":"slow"}}', backend="it")
    broken = failed(b'{"error":{"code":"server_error","message":"oops"}}', backend="it")
    assert (limited.kind, broken.kind) == (ErrorKind.RATE_LIMIT, ErrorKind.SERVER)


def test_a_number_without_end_is_no_number() -> None:
    body = b'{"error":{"message":"This model\'s maximum context length is %s tokens."}}' % (b"9" * 5000)
    event = failed(body, backend="it", status=400)
    assert (event.kind, event.context_window) == (ErrorKind.BAD_REQUEST, None)


@pytest.mark.parametrize("count", ["-1", "0", f"{10**30}", "true", "1.5", '"9"'])
def test_a_count_that_cannot_be_is_unknown(count: str) -> None:
    body = f'{{"error":{{"type":"exceed_context_size_error","message":"no","n_prompt_tokens":{count},"n_ctx":9}}}}'
    event = failed(body.encode(), backend="it", status=400)
    assert (event.kind, event.prompt_tokens, event.context_window) == (ErrorKind.CONTEXT_OVERFLOW, None, 9)

"""Every failure that a person meets: one line that says what, where, and what to do."""

from __future__ import annotations

from enum import StrEnum

EXIT_OK = 0
EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_REFUSED = 3
EXIT_INTERRUPTED = 130


class HybridchatError(Exception):
    """A failure with its remedy. `str()` is the one line that a person reads."""

    exit_code = EXIT_FAILED

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.message} — {self.remedy}" if self.remedy else self.message


class UsageError(HybridchatError):
    """The call or the configuration is wrong; nothing was tried."""

    exit_code = EXIT_USAGE


class Refused(HybridchatError):
    """Our own policy forbids it: privacy, budget, a missing consent."""

    exit_code = EXIT_REFUSED


class LedgerError(HybridchatError):
    """The ledger cannot be opened, read or written."""


class ErrorKind(StrEnum):
    """Why an attempt failed; stored as `error_kind`, so names are stable."""

    CONNECT = "connect"  # nothing listens, or the network is unreachable
    DNS = "dns"
    TLS = "tls"
    TIMEOUT = "timeout"  # connect, idle or total deadline
    RESET = "reset"  # the connection broke before or during the stream
    CUT_SHORT = "cut_short"  # a clean end without the protocol's end mark
    PROTOCOL = "protocol"  # not the protocol that was configured (HTML, garbage, wrong shape)
    IDENTITY = "identity"  # another service answers at this address
    AUTH = "auth"  # 401, 403
    QUOTA = "quota"  # permanent: spend cap, insufficient_quota
    RATE_LIMIT = "rate_limit"
    OVERLOADED = "overloaded"  # 503, 529, queue full
    MODEL_MISSING = "model_missing"
    CONTEXT_OVERFLOW = "context_overflow"
    TOO_LARGE = "too_large"  # a line or body over our own cap
    REDIRECT = "redirect"  # redirects are never followed
    FORWARDED = "forwarded"  # a "local" server revealed that another host computes
    BAD_REQUEST = "bad_request"
    SERVER = "server"  # 5xx or an error event after a 200
    REFUSED = "refused"  # our own policy; nothing was sent
    PINNED = "pinned"  # stopped by a pin that was set while it streamed: what was sent had left


class BackendError(HybridchatError):
    """A call to a backend that failed, outside a stream (inside one it is the event `Failed`)."""

    def __init__(
        self,
        kind: ErrorKind,
        message: str,
        remedy: str = "",
        *,
        status: int | None = None,
        retry_after_s: float | None = None,
        body: bytes = b"",
    ) -> None:
        """`body`: what the server said, as it came."""
        super().__init__(message, remedy)
        self.kind = kind
        self.status = status
        self.retry_after_s = retry_after_s
        self.body = body

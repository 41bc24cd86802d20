"""What a reply's status means, before anyone reads its body."""

from __future__ import annotations

from urllib.parse import urlsplit

from hybridchat.domain.address import Address
from hybridchat.domain.text import clean_line
from hybridchat.errors import BackendError, ErrorKind

KIND_OF_STATUS = {
    401: ErrorKind.AUTH,
    403: ErrorKind.AUTH,
    402: ErrorKind.QUOTA,
    408: ErrorKind.TIMEOUT,
    413: ErrorKind.TOO_LARGE,
    429: ErrorKind.RATE_LIMIT,
    503: ErrorKind.OVERLOADED,
    529: ErrorKind.OVERLOADED,
}

_REMEDIES = {
    ErrorKind.AUTH: "check the key of this backend",
    ErrorKind.QUOTA: "add credit or raise the limit at the provider",
    ErrorKind.TIMEOUT: "try again in a moment",
    ErrorKind.RATE_LIMIT: "try again in a moment",
    ErrorKind.OVERLOADED: "try again in a moment",
    ErrorKind.SERVER: "try again in a moment, or look at the server's log",
}


def place(address: Address, path: str = "") -> str:
    """Where a request went, for a person; with a `path` of the server's, in full."""
    if address.scheme == "unix":
        return address.path + path
    host = f"[{address.host}]:{address.port}" if ":" in address.host else f"{address.host}:{address.port}"
    return f"{host}{address.path}{path}" if path else host


def refuse_redirect(status: int, location: str, address: Address) -> BackendError:
    """A redirect is never followed: it would carry the conversation to another host. Only that host is named."""
    try:
        target = urlsplit(location).hostname or address.host
    except ValueError:
        target = "an unreadable address"
    return BackendError(
        ErrorKind.REDIRECT,
        f"{place(address)} redirects to {clean_line(target, 120)}; redirects are never followed",
        "put the final address into base_url; on a guest network, sign in to it first",
        status=status,
    )


def status_error(status: int, address: Address, path: str, body: bytes) -> BackendError:
    """A status that is not 2xx, before anyone has read what the server says of it."""
    kind = KIND_OF_STATUS.get(status)
    if kind is None:
        kind = ErrorKind.SERVER if status >= 500 else ErrorKind.PROTOCOL
    remedy = _REMEDIES.get(kind, "check the address and the kind of this backend")
    return BackendError(kind, f"{place(address, path)} answered with status {status}", remedy, status=status, body=body)

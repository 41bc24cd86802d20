"""The HTTP library's errors and refused replies, as one line with a remedy. Nothing here carries a key or a body."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from urllib.parse import urlsplit

import httpx2

from hybridchat.domain.address import Address
from hybridchat.domain.text import clean_line
from hybridchat.errors import BackendError, ErrorKind

# OpenSSL's verify codes (x509_vfy.h), in the words of the person who meets them
_NOT_YET_VALID, _EXPIRED, _WRONG_HOST = 9, 10, (62, 64)
_UNKNOWN_AUTHORITY = (2, 18, 19, 20, 21)

_STATUS_KINDS = {
    401: ErrorKind.AUTH,
    403: ErrorKind.AUTH,
    402: ErrorKind.QUOTA,
    408: ErrorKind.TIMEOUT,
    413: ErrorKind.TOO_LARGE,
    429: ErrorKind.RATE_LIMIT,
    503: ErrorKind.OVERLOADED,
    529: ErrorKind.OVERLOADED,
}


def place(address: Address) -> str:
    """Where a request went, for a person."""
    if address.scheme == "unix":
        return address.path
    return f"[{address.host}]:{address.port}" if ":" in address.host else f"{address.host}:{address.port}"


def explain(error: Exception, address: Address) -> BackendError:
    """What the library raised while talking to `address`, by its real cause."""
    where = place(address)
    for cause in _causes(error):
        if isinstance(cause, socket.gaierror):
            return BackendError(
                ErrorKind.DNS, f"the name {address.host} was not found", "check the address and the network connection"
            )
        if isinstance(cause, ssl.SSLError) and not isinstance(cause, ssl.SSLWantReadError | ssl.SSLWantWriteError):
            return _explain_tls(cause, where)
        if isinstance(cause, ConnectionRefusedError | FileNotFoundError):
            return BackendError(
                ErrorKind.CONNECT, f"nothing listens at {where}", "start the server or check the address"
            )
    if isinstance(error, httpx2.ConnectTimeout | httpx2.PoolTimeout):
        return BackendError(
            ErrorKind.TIMEOUT, f"{where} did not accept a connection in time", "check the address and the network"
        )
    if isinstance(error, httpx2.TimeoutException | TimeoutError):
        return BackendError(ErrorKind.TIMEOUT, f"{where} went silent", "try again, or raise idle_s for this backend")
    if isinstance(error, httpx2.ProxyError):
        return BackendError(ErrorKind.CONNECT, f"the proxy did not connect to {where}", "check `proxy` in the config")
    if isinstance(error, httpx2.ConnectError):
        return BackendError(
            ErrorKind.CONNECT, f"no connection to {where}", "check the address and the network connection"
        )
    if isinstance(error, httpx2.DecodingError):
        return BackendError(
            ErrorKind.PROTOCOL, f"{where} sent damaged compressed data", "check what stands between you and it"
        )
    if isinstance(error, httpx2.RemoteProtocolError) and not _is_broken_off(error):
        return BackendError(
            ErrorKind.PROTOCOL, f"{where} does not speak HTTP", "check the port, and http:// or https:// in base_url"
        )
    return BackendError(
        ErrorKind.RESET, f"the connection to {where} broke", "the server may have stopped; check it and retry"
    )


def _is_broken_off(error: httpx2.RemoteProtocolError) -> bool:
    """Whether the far side stopped in the middle, rather than said something that is no HTTP; only the words differ."""
    return "disconnected" in str(error) or "peer closed connection" in str(error)


def _explain_tls(error: ssl.SSLError, where: str) -> BackendError:
    what, remedy = f"no secure connection to {where}", "check the address; verification stays on"
    if isinstance(error, ssl.SSLCertVerificationError):
        code = error.verify_code
        if code in (_NOT_YET_VALID, _EXPIRED):
            state = "has expired" if code == _EXPIRED else "is not valid yet"
            what, remedy = (
                f"the certificate of {where} {state}",
                "check this machine's clock, then the server's certificate",
            )
        elif code in _UNKNOWN_AUTHORITY:
            what = f"the certificate of {where} is from an unknown authority"
            remedy = "set `ca` to your authority's PEM file; on a guest network, sign in to it first"
        elif code in _WRONG_HOST or "ostname mismatch" in str(error) or "IP address mismatch" in str(error):
            what = f"the certificate of {where} is for another host"
            remedy = "check the address; on a guest network, sign in to it first"
        else:
            what = (
                f"the certificate of {where} was refused ({clean_line(error.verify_message or 'no reason given', 80)})"
            )
    elif error.reason in ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE", "PACKET_LENGTH_TOO_LONG"):
        what, remedy = f"{where} does not speak TLS", "write http:// instead of https://, or check the port"
    return BackendError(ErrorKind.TLS, what, remedy)


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


def status_error(status: int, address: Address, path: str) -> BackendError:
    """A status that is not 2xx, where the body says nothing of use."""
    kind = _STATUS_KINDS.get(status)
    if kind is None:
        kind = ErrorKind.SERVER if status >= 500 else ErrorKind.PROTOCOL
    remedy = (
        "check the key of this backend" if kind is ErrorKind.AUTH else "check the address and the kind of this backend"
    )
    return BackendError(kind, f"{place(address)}{path} answered with status {status}", remedy, status=status)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error and everything that led to it, groups opened."""
    seen: set[int] = set()
    stack: list[BaseException] = [error]
    while stack:
        current = stack.pop()
        if id(current) in seen:
            continue
        seen.add(id(current))
        yield current
        if isinstance(current, BaseExceptionGroup):
            stack.extend(current.exceptions)
        stack.extend(cause for cause in (current.__context__, current.__cause__) if cause is not None)

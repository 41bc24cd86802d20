"""The HTTP library's errors by their real cause, as one line with a remedy. Nothing here carries a key or a body."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from datetime import datetime

import httpx2

from hybridchat.domain.address import Address
from hybridchat.domain.text import clean_line
from hybridchat.errors import BackendError, ErrorKind
from hybridchat.net.replies import place

# OpenSSL's verify codes (x509_vfy.h), in the words of the person who meets them
_NOT_YET_VALID, _EXPIRED, _WRONG_HOST = 9, 10, (62, 64)
_UNKNOWN_AUTHORITY = (2, 18, 19, 20, 21)
# Alerts of the server, in OpenSSL's words, about the certificate that the client showed, or did not
_CERTIFICATE_WANTED = ("TLSV13_ALERT_CERTIFICATE_REQUIRED", "SSLV3_ALERT_NO_CERTIFICATE")
_CERTIFICATE_REFUSED = (
    *("TLSV1_ALERT_UNKNOWN_CA", "SSLV3_ALERT_BAD_CERTIFICATE", "SSLV3_ALERT_CERTIFICATE_EXPIRED"),
    *("SSLV3_ALERT_CERTIFICATE_REVOKED", "SSLV3_ALERT_CERTIFICATE_UNKNOWN", "SSLV3_ALERT_UNSUPPORTED_CERTIFICATE"),
    *("TLSV1_ALERT_ACCESS_DENIED", "TLSV1_ALERT_DECRYPT_ERROR"),
)
_NOT_TLS = ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE", "PACKET_LENGTH_TOO_LONG")


# Checked in this order: the library's errors inherit from each other.
_BY_TYPE: tuple[tuple[type[Exception], ErrorKind, str, str], ...] = (
    (httpx2.ConnectTimeout, ErrorKind.TIMEOUT, "{} did not accept a connection in time", "check the address"),
    (httpx2.PoolTimeout, ErrorKind.TIMEOUT, "too many requests to {} at once", "wait for a reply or stop one"),
    (httpx2.TimeoutException, ErrorKind.TIMEOUT, "{} went silent", "try again, or raise idle_s for this backend"),
    (TimeoutError, ErrorKind.TIMEOUT, "{} went silent", "try again, or look at the server"),
    (httpx2.ProxyError, ErrorKind.CONNECT, "the proxy did not connect to {}", "check `proxy` in the config"),
    (httpx2.ConnectError, ErrorKind.CONNECT, "no connection to {}", "check the address and the network connection"),
    (httpx2.DecodingError, ErrorKind.PROTOCOL, "{} sent damaged compressed data", "check what stands in between"),
)


def explain(error: Exception, address: Address) -> BackendError:
    """What the library raised while talking to `address`, by its real cause."""
    where = place(address)
    for cause in _causes(error):
        if isinstance(cause, socket.gaierror):
            remedy = "check the address and the network connection"
            return BackendError(ErrorKind.DNS, f"the name {address.host} was not found", remedy)
        if isinstance(cause, ssl.SSLError) and not isinstance(cause, ssl.SSLWantReadError | ssl.SSLWantWriteError):
            return _explain_tls(cause, where)
        if isinstance(cause, ConnectionRefusedError | FileNotFoundError):
            remedy = "start the server or check the address"
            return BackendError(ErrorKind.CONNECT, f"nothing listens at {where}", remedy)
    for type_, kind, what, remedy in _BY_TYPE:
        if isinstance(error, type_):
            return BackendError(kind, what.format(where), remedy)
    if isinstance(error, httpx2.RemoteProtocolError) and not _is_broken_off(error):
        remedy = "check the port, and http:// or https:// in base_url"
        return BackendError(ErrorKind.PROTOCOL, f"{where} does not speak HTTP", remedy)
    remedy = "the server may have stopped; check it and retry"
    return BackendError(ErrorKind.RESET, f"the connection to {where} broke", remedy)


def _is_broken_off(error: httpx2.RemoteProtocolError) -> bool:
    """Whether the far side stopped in the middle, rather than said something that is no HTTP; only the words differ."""
    return "disconnected" in str(error) or "peer closed connection" in str(error)


def _explain_tls(error: ssl.SSLError, where: str) -> BackendError:
    if isinstance(error, ssl.SSLCertVerificationError):
        what, remedy = _explain_certificate(error)
        return BackendError(ErrorKind.TLS, f"the certificate of {where} {what}", remedy)
    if error.reason in _CERTIFICATE_WANTED:
        remedy = "set `cert` and `key_file` for this backend"
        return BackendError(ErrorKind.TLS, f"{where} wants a client certificate", remedy)
    if error.reason in _CERTIFICATE_REFUSED:
        remedy = "check `cert` of this backend: its authority, its dates, and this machine's clock"
        return BackendError(ErrorKind.TLS, f"{where} refused the client certificate", remedy)
    if error.reason == "SSLV3_ALERT_HANDSHAKE_FAILURE":  # what servers before TLS 1.3 say to a missing certificate
        remedy = "if it wants a client certificate, set `cert` and `key_file`"
        return BackendError(ErrorKind.TLS, f"{where} refused the secure connection", remedy)
    if error.reason in _NOT_TLS:
        remedy = "write http:// instead of https://, or check the port"
        return BackendError(ErrorKind.TLS, f"{where} does not speak TLS", remedy)
    return BackendError(ErrorKind.TLS, f"no secure connection to {where}", "check the address; verification stays on")


def _explain_certificate(error: ssl.SSLCertVerificationError) -> tuple[str, str]:
    """What is wrong with it, and what to do."""
    code = getattr(error, "verify_code", None)  # a system store may not give one
    if code in (_EXPIRED, _NOT_YET_VALID):
        remedy = (
            f"check this machine's clock ({datetime.now().astimezone():%Y-%m-%d %H:%M}), then the server's certificate"
        )
        return "has expired" if code == _EXPIRED else "is not valid yet", remedy
    if code in _UNKNOWN_AUTHORITY:
        remedy = "set `ca` to the PEM file of the authority that signed it; on a guest network, sign in to it first"
        return "is from an unknown authority", remedy
    if code in _WRONG_HOST:
        return "is for another host", "check the address; on a guest network, sign in to it first"
    reason = clean_line(getattr(error, "verify_message", "") or str(error), 80)
    return f"was refused ({reason})", "check the server's certificate; verification stays on"


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

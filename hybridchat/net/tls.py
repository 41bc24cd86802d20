"""Certificates: the system's store, or the authority that the config names. Verification is never turned off."""

from __future__ import annotations

import ssl

from hybridchat.errors import UsageError


def tls_context(ca_file: str | None, cert_file: str | None, key_file: str | None) -> ssl.SSLContext:
    """A verifying client context. Raises UsageError for a file that is missing or is no certificate.

    Made by hand: `ssl.create_default_context` would write session keys to whatever SSLKEYLOGFILE names.
    """
    import truststore

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT) if ca_file else truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if ca_file:
        try:
            context.load_verify_locations(cafile=ca_file)
        except OSError as error:
            raise UsageError(
                f"ca: {ca_file}: {_reason(error)}", "give a PEM file with the authority's certificate"
            ) from None
    if cert_file:
        try:
            context.load_cert_chain(cert_file, key_file, password=_no_password)
        except OSError as error:
            raise UsageError(
                f"cert: {cert_file}: {_reason(error)}", "give a PEM certificate, and its private key in key_file"
            ) from None
    return context


def _no_password() -> str:
    """Without it OpenSSL would ask on the terminal."""
    raise UsageError("key_file: the private key is encrypted", "give one without a passphrase, readable by you alone")


def _reason(error: OSError) -> str:
    return error.strerror or (error.reason if isinstance(error, ssl.SSLError) else "") or "cannot be read"

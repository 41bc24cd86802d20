"""A TLS server that wants client certificates and says why it refuses, as OpenSSL's own servers do.

asyncio's closes the connection without sending its alert, so this one blocks, in a thread.
"""

from __future__ import annotations

import socket
import ssl
import threading
from types import TracebackType


class StrictServer:
    """`with StrictServer(certificate, client_authority) as url:`; it answers no request."""

    def __init__(self, certificate: str, client_authority: str, newest: ssl.TLSVersion) -> None:
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificate)
        self._context.verify_mode = ssl.CERT_REQUIRED
        self._context.load_verify_locations(client_authority)
        self._context.maximum_version = newest
        self._is_over = False
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve, name="strict TLS server", daemon=True)

    def __enter__(self) -> str:
        self._thread.start()
        return f"https://127.0.0.1:{self._listener.getsockname()[1]}"

    def __exit__(
        self, type_: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._is_over = True
        socket.create_connection(self._listener.getsockname()).close()  # ends the accept that waits
        self._thread.join()
        self._listener.close()

    def _serve(self) -> None:
        while True:
            connection, _ = self._listener.accept()
            with connection:
                if self._is_over:
                    return
                self._refuse(connection)

    def _refuse(self, connection: socket.socket) -> None:
        """The alert goes out within the handshake; what the client has sent is read, or the alert would be lost."""
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = self._context.wrap_bio(incoming, outgoing, server_side=True)
        refused = False
        while data := connection.recv(65536):
            incoming.write(data)
            if refused:
                continue
            try:
                tls.do_handshake()
            except ssl.SSLWantReadError:
                pass
            except ssl.SSLError:
                refused = True
            connection.sendall(outgoing.read())
            if refused:
                connection.shutdown(socket.SHUT_WR)

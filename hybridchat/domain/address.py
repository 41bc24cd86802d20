"""Reading a base URL, without ever resolving a name: what looks local must be provably local."""

from __future__ import annotations

import re

from msgspec import Struct

from hybridchat.errors import UsageError

_DEFAULT_PORT = {"http": 80, "https": 443}
_URL = re.compile(r"(?P<scheme>https?)://(?P<authority>[^/?#]*)(?P<path>/[^?#]*)?(?P<rest>[?#].*)?", re.IGNORECASE)
_AUTHORITY = re.compile(r"(?P<host>\[[^\[\]]*\]|[^:\[\]]*)(?::(?P<port>.*))?")
_NAME = re.compile(
    r"(?=.{1,253}$)[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?)*"
)
_PATH = re.compile(r"[A-Za-z0-9._~!$&'()*+,;=:@%/-]*")
_PORT = re.compile(r"[1-9][0-9]{0,4}")
_OCTET = r"(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_IPV4 = re.compile(rf"{_OCTET}(?:\.{_OCTET}){{3}}")
_NUMERIC_LABEL = re.compile(r"[0-9]+|0x[0-9a-f]*")
# A path with a version in it is an API's root as it stands: /v1, /v1beta/openai, /api/paas/v4.
_VERSIONED = re.compile(r"(?P<root>.*)(?P<version>/v[1-9][0-9]*(?:(?:alpha|beta)[0-9]*)?(?:/.*)?)")
# What the protocols add by themselves, and people copy along with the address.
_ENDPOINT = re.compile(
    r"(?P<base>.*?)/(?:chat/completions|api/(?:chat|generate|tags|show|version))"
    r"|(?P<root>.*/v[1-9][a-z0-9]*(?:/openai)?)/(?:completions|responses|messages|embeddings|models)(?:/.*)?"
)


class Address(Struct, frozen=True):
    """A base URL taken apart. `host` is lower case ASCII, an IP literal without brackets, or "" for a Unix socket."""

    scheme: str  # http | https | unix
    host: str
    port: int  # 0 for a Unix socket
    path: str  # of the server: what stands before the API's version, without a trailing slash; of the socket for unix
    is_loopback: bool  # an IP literal of 127/8, ::1, ::ffff:127/104, or the word localhost; a Unix socket too
    version_path: str = ""  # the rest, from the last version segment on: /v1, /v1beta/openai; "" when the URL has none

    @property
    def origin(self) -> str:
        """scheme://host:port as a client dials it; localhost is written 127.0.0.1, a Unix socket http://localhost."""
        if self.scheme == "unix":
            return "http://localhost"
        host = "127.0.0.1" if self.host == "localhost" else self.host
        return f"{self.scheme}://[{host}]:{self.port}" if ":" in host else f"{self.scheme}://{host}:{self.port}"

    @property
    def base_url(self) -> str:
        """The URL to write down: reading it again gives the same place."""
        return f"unix://{self.path}" if self.scheme == "unix" else self.origin + self.path + self.version_path

    def endpoint(self, path: str, *, version: str = "/v1") -> str:
        """The path of an API's `path`, from the server's root on; `version` is the protocol's own, for a URL without.

        A path that belongs to the server and not to a version of its API (/version, /api/tags) needs no call of this.
        """
        return (self.version_path or version) + path


def parse_base_url(url: str) -> Address:
    """Raises UsageError (one line with the remedy) for anything ambiguous: user information, non-ASCII hosts,
    decimal or short IPv4, IPv6 zones, percent-encoded hosts, queries, fragments, other schemes, bad ports."""
    if url.startswith("unix:"):
        return _parse_unix(url)
    if not url.isascii():
        raise _refused(url, "has characters outside ASCII", "write the host's ASCII name")
    if any(char <= " " or char in "\\\x7f" for char in url):
        raise _refused(url, "has a blank, a backslash or a control character", "write it without")
    match = _URL.fullmatch(url)
    if match is None:
        raise _refused(url, "is not an address", "write it as http://127.0.0.1:8000 or https://host/path")
    if match["rest"]:
        raise _refused(url, "has a query or a fragment", "leave out everything from ? or # on")
    scheme = match["scheme"].lower()
    host, port = _parse_authority(url, match["authority"], _DEFAULT_PORT[scheme])
    is_loopback = host in ("localhost", "::1") or (host.startswith("127.") and _IPV4.fullmatch(host) is not None)
    path, version_path = _parse_path(url, match["path"] or "")
    return Address(scheme, host, port, path, is_loopback, version_path)


def _parse_unix(url: str) -> Address:
    path = url.removeprefix("unix:")
    if path.startswith("//"):
        path = path[2:]
    if not path.startswith("/") or not path.isprintable():
        raise _refused(url, "is not the path of a socket", "write it as unix:///absolute/path.sock")
    return Address("unix", "", 0, path, True)


def _parse_authority(url: str, authority: str, default_port: int) -> tuple[str, int]:
    if "@" in authority:
        raise _refused(url, "has user information before the host", "leave out everything up to @, and set `key`")
    if "%" in authority:
        raise _refused(url, "has a percent sign in its host", "write the host plainly, without an IPv6 zone")
    match = _AUTHORITY.fullmatch(authority)
    if match is None or not match["host"]:
        raise _refused(url, "has no clear host", "an IPv6 address stands in [brackets]")
    port_text = match["port"]
    if port_text is None:
        return _parse_host(url, match["host"].lower()), default_port
    if not _PORT.fullmatch(port_text) or int(port_text) > 65535:
        raise _refused(url, "has a bad port", "a port is a number from 1 to 65535")
    return _parse_host(url, match["host"].lower()), int(port_text)


def _parse_host(url: str, host: str) -> str:
    """The host in its one canonical spelling."""
    if host.startswith("["):
        host = _parse_ipv6(url, host[1:-1])
    elif host.endswith("."):
        raise _refused(url, "has a dot at the end of its host", "leave the dot out")
    elif _NUMERIC_LABEL.fullmatch(host.rpartition(".")[2]):
        if not _IPV4.fullmatch(host):
            raise _refused(url, "has a short, decimal, octal or hexadecimal IPv4 address", "write four decimal numbers")
    elif not _NAME.fullmatch(host):
        raise _refused(url, "has a malformed host name", "letters, digits, hyphens and dots")
    elif host != "localhost" and (host.startswith("127.") or "localhost" in host.split(".")):
        raise _refused(
            url, "looks local but names another host", "write 127.0.0.1 or localhost, or the host's other name"
        )
    if host in ("0.0.0.0", "::"):
        raise _refused(url, "is an address to listen on, not one to call", "write 127.0.0.1")
    return host


def _parse_ipv6(url: str, text: str) -> str:
    import ipaddress

    try:
        address = ipaddress.IPv6Address(text)
    except ValueError:
        raise _refused(url, "has a malformed IPv6 address", "write it as http://[::1]:8000") from None
    mapped = address.ipv4_mapped
    return str(mapped) if mapped else str(address)


def _parse_path(url: str, path: str) -> tuple[str, str]:
    """The server's part and, from its last version segment on, the API's."""
    path = path.rstrip("/")
    if not _PATH.fullmatch(path) or "//" in path or {".", ".."} & set(path.split("/")):
        raise _refused(url, "has an unusual path", "write it without empty parts, dots and special characters")
    if copied := _ENDPOINT.fullmatch(path):
        end = len(url.rstrip("/")) - len(path) + len(copied["base"] or copied["root"] or "")
        raise _refused(url, "has a path too much", f"write it as {url[:end]}")
    versioned = _VERSIONED.fullmatch(path)
    return (versioned["root"], versioned["version"]) if versioned else (path, "")


def _refused(url: str, what: str, remedy: str) -> UsageError:
    shown = re.sub("[?#].+", "***", re.sub("//.*@", "//***@", url))  # there may be a password, or a key
    return UsageError(f"base_url {shown!a} {what}", remedy)

"""Links that a model wrote: where each really leads, what to warn of, and which may be opened at all."""

from __future__ import annotations

import re
from collections.abc import Iterator

from msgspec import Struct

from hybridchat.domain.text import clean, clean_line


class Link(Struct, frozen=True):
    """`text` as the reply shows it, `url` normalised: percent-encoded, its host in punycode. Both are untrusted."""

    text: str
    url: str


class Target(Struct, frozen=True):
    """`before + host + after` is the whole URL, inert. For mail `host` is the address. "" where no host is clear."""

    before: str
    host: str
    after: str = ""
    warnings: tuple[str, ...] = ()
    barred: str = ""
    """Why it is not opened, though it can be copied."""


# Only what every browser reads the same way: no percent sign or other alphabet in a host, no backslash before its end.
_WEB = re.compile(
    r"(?P<before>https?://(?P<user>[^/?#\\]*@)?)"
    r"(?P<host>[a-z0-9._-]*[a-z0-9]\.?|\[[0-9a-f:.]+\])"
    r"(?P<after>(?::\d{0,5})?(?:[/?#].*)?)",
    re.IGNORECASE,
)
_MAIL = re.compile(r"(?P<before>mailto:)(?P<user>)(?P<host>[\w.+'-]+@[a-z0-9.-]+)(?P<after>)", re.IGNORECASE)
_OPENED = ("http:", "https:", "mailto:")
# What reads as an address in a link's text. Without http or www only endings that no file has: README.md is none.
_NAMED = re.compile(
    r"(?:https?://(?:[^/\s@]*@)?|\bwww\.)(?P<host>[^\s/:?#()<>\[\]\"']+)"
    r"|(?P<bare>(?:[\w-]+\.)+(?:com|org|net|gov|edu|io|co|info|biz))\b",
    re.IGNORECASE,
)


def look_at(link: Link) -> Target:
    """What a person should know before the link is opened. Nothing is looked up."""
    url = link.url
    known = None
    if url.isascii() and url.isprintable() and " " not in url:
        known = _WEB.fullmatch(url) or _MAIL.fullmatch(url)
    if known is None:
        scheme = url.partition(":")[0] + ":"
        why = "its address is not clear" if scheme.lower() in _OPENED else "only http, https and mailto are opened"
        return Target(" ".join(clean(url).split()), "", barred=why)
    host = known["host"]
    warnings = tuple(_warnings(link.text, host.lower().rpartition("@")[2], has_user=bool(known["user"])))
    return Target(known["before"], host, known["after"], warnings)


def _warnings(text: str, host: str, *, has_user: bool) -> Iterator[str]:
    if has_user:
        yield f"what stands before the @ is no host; this leads to {host}"
    name = _decoded(host)
    if name != host:
        yield f"the host is written {clean_line(name)}: its letters may only look like those that you know"
    named = _NAMED.search(clean_line(text, 1000))
    if named is not None:
        said = (named["host"] or named["bare"]).lower().rstrip(".,")
        if not any(_is_within(real, said) for real in (host, name)):
            yield f"the reply shows {clean_line(said)}, and this leads to {host}"


def _is_within(host: str, said: str) -> bool:
    """`docs.python.org` is within `python.org`, and www means nothing."""
    return f".{host}".endswith(f".{said.removeprefix('www.')}")


def _decoded(host: str) -> str:
    """With the letters that punycode stands for."""
    return ".".join(map(_decoded_label, host.split(".")))


def _decoded_label(label: str) -> str:
    if not label.startswith("xn--"):
        return label
    try:
        return label.removeprefix("xn--").encode("ascii").decode("punycode")
    except ValueError:
        return "\N{REPLACEMENT CHARACTER}"

"""What a config's types cannot say: contradicting keys, names that nothing bears, files that are missing."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from decimal import Decimal
from pathlib import Path

from hybridchat.config import BackendBudget, BackendConfig, BudgetConfig, Config
from hybridchat.config.problems import KeyPath
from hybridchat.domain.address import Address, parse_base_url
from hybridchat.domain.budget import Scope
from hybridchat.domain.pricing import MAX_USD
from hybridchat.domain.routing import SHIPPED_TABLES
from hybridchat.errors import UsageError

Contradiction = tuple[KeyPath, str, str]  # where, what is wrong, what is allowed

RESERVED_IDS = ("auto", "local", "managed", "ask")
_OF_SERVERS = (
    *("base_url", "vouched", "private", "zone", "key", "key_header", "headers", "ca", "cert", "key_file", "proxy"),
)
_ABSOLUTE = "an absolute path, or one that begins with ~"
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_CARRY_SECRETS = ("authorization", "proxy-authorization", "cookie", "x-api-key", "x-goog-api-key", "api-key")
_OF_THE_CLIENT = ("host", "content-length", "content-type", "transfer-encoding", "connection", "accept-encoding")


def contradictions(config: Config) -> Iterator[Contradiction]:
    """Every one of them, in the order of the file's tables."""
    seen: set[str] = set()
    for place, backend in enumerate(config.backend):
        path: KeyPath = ("backend", place)
        if backend.id in seen:
            yield (*path, "id"), f'"{backend.id}" is there twice', "each backend has an id of its own"
        seen.add(backend.id)
        for key, what, allowed in _of_backend(backend):
            yield (*path, *key), what, allowed
    yield from _of_route(config)
    yield from _of_budget(config.budget, Scope)
    if not 0 < config.budget.warn <= 1:
        yield ("budget", "warn"), f"{config.budget.warn:g} is not a share", "above 0, at most 1, such as 0.8"
    for text in config.privacy.local_only_folders:
        if not text.startswith("~") and not Path(text).is_absolute():
            yield ("privacy", "local_only_folders"), f'"{text}" is a relative path', _ABSOLUTE
    yield from _of_patterns(config.privacy.patterns)
    if (why := _why_no_folder(config.prompts.folder)) is not None:
        yield ("prompts", "folder"), why, _ABSOLUTE
    if (problem := _address_or_problem(config.embedded.hub_url))[1]:
        yield ("embedded", "hub_url"), *problem[1]


def _why_no_folder(text: str | None) -> str | None:
    try:
        is_one = text is None or Path(text).expanduser().is_absolute()
    except RuntimeError:
        return f'nobody knows whose home "{text}" is in'
    return None if is_one else f'"{text}" is a relative path'


def _of_backend(backend: BackendConfig) -> Iterator[Contradiction]:
    if backend.id in RESERVED_IDS:
        yield ("id",), f'"{backend.id}" has a meaning of its own', f"any id but {', '.join(RESERVED_IDS)}"
    address = None
    if backend.kind == "embedded":
        for name in _OF_SERVERS:
            if getattr(backend, name):
                yield (name,), "is for servers; the embedded engine has none", "leave it out"
    elif backend.base_url is None:
        yield ("base_url",), "is missing", "the address of the server, such as http://127.0.0.1:8000"
    else:
        address, problem = _address_or_problem(backend.base_url)
        if problem:
            yield ("base_url",), *problem
    if address is not None:
        yield from _of_zone(backend, address)
    yield from _of_key_and_files(backend)
    yield from _of_headers(backend)
    if backend.num_ctx is not None and backend.kind != "ollama":
        yield ("num_ctx",), f"kind {backend.kind} does not take it", "leave it out; it is for ollama"
    yield from _of_budget(backend.budget, (Scope.DAY, Scope.MONTH))
    for model, price in backend.price.items():
        for name in ("input", "output", "cached", "cache_write"):
            usd = getattr(price, name)
            if usd is not None and not (usd.is_finite() and usd >= 0):
                yield ("price", model, name), f"{usd} is not a price", "0 or more"


def _of_budget(budget: BudgetConfig | BackendBudget, scopes: Iterable[Scope]) -> Iterator[Contradiction]:
    for scope in scopes:
        usd = getattr(budget, scope)
        if usd is not None and (why := why_no_budget(usd)):
            yield ("budget", scope.value), *why


def why_no_budget(usd: Decimal) -> tuple[str, str] | None:
    """What is wrong with that amount, and what is allowed."""
    if usd.is_finite() and 0 <= usd <= MAX_USD:
        return None
    return f"{usd} is not a budget", f"US dollars, from 0 to {MAX_USD:,}"


def _of_zone(backend: BackendConfig, address: Address) -> Iterator[Contradiction]:
    is_local = backend.zone is None and (address.is_loopback or backend.private)
    if backend.vouched and not (address.is_loopback and is_local):
        yield ("vouched",), "only a server on loopback can be vouched for", "private = true for a host that is yours"
    if backend.private and address.is_loopback:
        yield ("private",), "loopback is this device", "vouched = true if you know that the server computes here"
    elif backend.private and backend.zone is not None:
        yield ("private",), 'contradicts zone = "managed"', "one of the two"
    if backend.proxy is not None and is_local:
        yield ("proxy",), "a local backend is never reached through a proxy", "leave it out"


def _of_key_and_files(backend: BackendConfig) -> Iterator[Contradiction]:
    if backend.key is not None and not is_key_place(backend.key):  # it may be a key: never shown
        yield ("key",), "is not a place to find a key", '"env:NAME", "keyring" or "command:PROGRAM ARGS"'
    if backend.key_file is not None and backend.cert is None:
        yield ("key_file",), "has no certificate", "set cert as well"
    for name in ("ca", "cert", "key_file"):
        value = getattr(backend, name)
        if value is None:
            continue
        path = Path(value).expanduser()
        if not path.is_absolute():
            yield (name,), f'"{value}" is a relative path', _ABSOLUTE
        elif not path.is_file():
            yield (name,), f'there is no file "{value}"', "a PEM file"


def _of_headers(backend: BackendConfig) -> Iterator[Contradiction]:
    for name, value in backend.headers.items():
        if not _HEADER.fullmatch(name):
            yield ("headers",), f"{name!a} is not the name of a header", "letters, digits and hyphens"
        elif name.lower() in _CARRY_SECRETS:
            yield ("headers", name), "carries secrets, and no secret stands in this file", "`key` and `key_header`"
        elif name.lower() in _OF_THE_CLIENT:
            yield ("headers", name), "is set by hybridchat itself", "leave it out"
        elif not (value.isascii() and value.isprintable()):
            yield ("headers", name), "has a value that no header may have", "one line of ASCII text"


def _of_route(config: Config) -> Iterator[Contradiction]:
    route, ids = config.route, [backend.id for backend in config.backend]
    if route.default not in ("auto", "local", "managed", *ids):
        allowed = ", ".join(("auto", "local", "managed", *ids))
        yield ("route", "default"), f'"{route.default}" is no route and no backend', f"allowed: {allowed}"
    if route.table not in SHIPPED_TABLES and route.table not in route.tables:
        allowed = ", ".join((*SHIPPED_TABLES, *route.tables))
        yield ("route", "table"), f'there is no table "{route.table}"', f"allowed: {allowed}"
    for name, rows in route.tables.items():
        if name in SHIPPED_TABLES:
            yield ("route", "tables", name), "is the name of a table that hybridchat ships", "another name"
        for place, row in enumerate(rows):
            if row.to not in ("local", "managed", "ask", *ids):
                allowed = ", ".join(("local", "managed", "ask", *ids))
                yield ("route", "tables", name, place, "to"), f'no backend is called "{row.to}"', f"allowed: {allowed}"


def _of_patterns(patterns: dict[str, str]) -> Iterator[Contradiction]:
    if not patterns:
        return
    from hybridchat.config.patterns import problem_of

    for name, pattern in patterns.items():
        if problem := problem_of(pattern):
            yield ("privacy", "patterns", name), f"is no pattern that can be used: {problem}", "an RE2 expression"
        elif not any(map(str.isalnum, name)):
            yield ("privacy", "patterns", name), "has a name without a letter", "letters, digits, blanks"


def _address_or_problem(url: str) -> tuple[Address | None, tuple[str, str] | None]:
    try:
        return parse_base_url(url), None
    except UsageError as error:
        return None, (error.message.removeprefix("base_url "), error.remedy)


def is_key_place(text: str) -> bool:
    """env:NAME, keyring or command:PROGRAM ARGS; what is none may be a key."""
    scheme, colon, rest = text.partition(":")
    return text == "keyring" or (scheme in ("env", "command") and bool(colon) and bool(rest.strip()))

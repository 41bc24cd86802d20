"""A backend as it would be written: from a provider's name, an address, or an id of the user's own. Asks nobody."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from itertools import count

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from hybridchat.backends.base import BackendSpec
from hybridchat.backends.spec import spec_of
from hybridchat.config import BackendConfig, Config
from hybridchat.config.checks import contradictions
from hybridchat.config.providers import Provider, provider_at, providers
from hybridchat.domain.address import Address, parse_base_url
from hybridchat.domain.chat import Kind
from hybridchat.errors import UsageError

_DEFAULTS = BackendConfig(id="new", kind="openai-compatible")


class NewBackend(Struct, frozen=True):
    """An entry that is not in the config yet, and what is known of its provider."""

    config: BackendConfig
    provider: Provider | None
    has_own_kind: bool = True  # the user or the provider said which; else it is a guess that the server can better

    @property
    def spec(self) -> BackendSpec:
        return spec_of(self.config)

    @property
    def is_guarded(self) -> bool:
        """Whether the provider is known to answer nobody without a key."""
        return self.provider is not None and bool(self.provider.base_url)

    @property
    def is_at_home(self) -> bool:
        """Whether it is the provider's own host, for which the provider's variables are looked at without a word."""
        return self.provider is not None and self.provider.is_at(self.spec.address)

    @property
    def variable(self) -> str:
        """The environment's variable in which a person would look for this key."""
        if self.provider:
            return self.provider.variables[0]
        return "".join(char if char.isalnum() else "_" for char in self.config.id.upper()) + "_API_KEY"

    def with_values(self, **values: object) -> NewBackend:
        return replace(self, config=replace(self.config, **values))


def draft(what: str, given: Mapping[str, object], taken: Collection[str]) -> NewBackend:
    """`what` is a provider's name, an address, or an id beside a `base_url`; `given` are keys of `[[backend]]`.

    `taken` are the ids that are configured. Raises UsageError for what the config would not take.
    """
    given = {name: value for name, value in given.items() if value}
    provider, url, own_id = _place(what, given)
    values: dict[str, object] = {"kind": _DEFAULTS.kind}
    if provider:
        values = {"kind": provider.kind.value, "key_header": provider.key_header, "zone": provider.zone}
        values["headers"] = provider.headers
    values |= {**given, "base_url": url}
    values["id"] = given.get("id") or own_id or _free(provider.id if provider else _name_of(url, values), taken)
    if values["id"] in taken:
        raise UsageError(f"{values['id']} is configured already", "give another --id, or remove that one first")
    return NewBackend(_entry(values), provider, provider is not None or "kind" in given)


def configured(entry: BackendConfig) -> NewBackend:
    """One that is in the config already, with what is known of its provider."""
    return NewBackend(entry, _provider_of(parse_base_url(entry.base_url or "")))


def written(config: BackendConfig) -> dict[str, object]:
    """Its keys as they stand in the file, without what is the default anyway."""
    values = msgspec.structs.asdict(config)
    return {name: value for name, value in values.items() if name in ("id", "kind") or value != _default(name)}


def _default(name: str) -> object:
    return getattr(_DEFAULTS, name)


def _place(what: str, given: Mapping[str, object]) -> tuple[Provider | None, str | None, str | None]:
    """The provider, the address, and the id, as far as they are known."""
    url = str(given["base_url"]) if "base_url" in given else None
    named = next((provider for provider in providers() if provider.id == what), None)
    if named:
        if not (url or named.base_url):
            raise UsageError(f"{named.name} has no address of its own", f"add it with --url, such as {named.url}")
        return named, _completed(url, named) if url else named.base_url, None
    if "://" in what or what.startswith("unix:"):
        if url:
            raise UsageError("two addresses were given", "give one of them")
        return _provider_of(parse_base_url(what)), what, None
    if url:
        return _provider_of(parse_base_url(url)), url, what
    if given.get("kind") == Kind.EMBEDDED:
        return None, None, what
    known = ", ".join(provider.id for provider in providers())
    raise UsageError(f"no provider is called {what!r}, and there is no base_url", f"one of: {known}; or add --url")


def _completed(url: str, provider: Provider) -> str:
    """With the provider's path where the user wrote none."""
    address = parse_base_url(url)
    return url if address.path or address.version_path else url.rstrip("/") + provider.path


def _provider_of(address: Address) -> Provider | None:
    """None for another API at a provider's host, such as Gemini's /v1beta/openai."""
    provider = provider_at(address)
    if provider is None:
        return None
    usual = parse_base_url(provider.base_url)
    is_usual = address.path == usual.path and address.version_path in ("", usual.version_path)
    return provider if is_usual else None


def _entry(values: Mapping[str, object]) -> BackendConfig:
    try:
        entry = msgspec.convert({name: value for name, value in values.items() if value}, BackendConfig)
    except msgspec.ValidationError:  # the other values are paths, flags and names from lists
        remedy = "letters, digits, dot, hyphen and underscore, at most 64"
        raise UsageError(f"{values['id']!a} cannot be an id", remedy) from None
    for path, what, allowed in contradictions(Config(backend=(entry,))):
        raise UsageError(f"{path[-1]} {what}", allowed)
    return entry


def _name_of(url: str | None, values: Mapping[str, object]) -> str:
    """An id from the address: the host's first word that says something, or the kind for this machine."""
    address = parse_base_url(url or "")
    is_number = address.host.replace(".", "").isdigit() or ":" in address.host
    words = [word.strip("_-") for word in address.host.split(".") if word not in ("api", "www")]
    return str(values["kind"]) if address.is_loopback or is_number or not words or not words[0] else words[0]


def _free(name: str, taken: Collection[str]) -> str:
    return name if name not in taken else next(n for i in count(2) if (n := f"{name}-{i}") not in taken)

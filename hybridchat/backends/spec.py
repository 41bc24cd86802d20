"""From the config's words to what a backend is: where it is, who computes there, and how that is known."""

from __future__ import annotations

from pathlib import Path

from hybridchat.backends.base import BackendSpec
from hybridchat.config import BackendConfig, Config
from hybridchat.domain.address import Address, parse_base_url
from hybridchat.domain.chat import Kind
from hybridchat.domain.privacy import proof_of, zone_of

# The socket's path is made when the engine starts.
_OWN_CHILD = Address(scheme="unix", host="", port=0, path="", is_loopback=True)


def backend_specs(config: Config) -> dict[str, BackendSpec]:
    """Every configured backend by id, in the config's order. The config has been checked (`load_config`)."""
    return {backend.id: spec_of(backend) for backend in config.backend}


def spec_of(backend: BackendConfig) -> BackendSpec:
    """Raises UsageError for a base URL that is not one."""
    kind = Kind(backend.kind)
    own_child = kind is Kind.EMBEDDED
    address = _OWN_CHILD if own_child else parse_base_url(backend.base_url or "")
    zone = zone_of(address, private=backend.private, declared=backend.zone)
    return BackendSpec(
        id=backend.id,
        kind=kind,
        address=address,
        zone=zone,
        proof=proof_of(zone, own_child=own_child, vouched=backend.vouched),
        model=backend.model,
        key_header=backend.key_header,
        headers={name.lower(): value for name, value in backend.headers.items()},
        prices=backend.price,
        ca_file=_expand(backend.ca),
        cert_file=_expand(backend.cert),
        key_file=_expand(backend.key_file),
        proxy=backend.proxy,
        idle_s=backend.idle_s,
        deadline_s=backend.deadline_s,
        num_ctx=backend.num_ctx,
    )


def _expand(path: str | None) -> str | None:
    return None if path is None else str(Path(path).expanduser())

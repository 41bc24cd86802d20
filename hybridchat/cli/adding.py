"""`hybridchat backends add`: a provider or a server of one's own, in one step. Keys are never arguments."""

from __future__ import annotations

import difflib
import sys
from typing import TYPE_CHECKING, NamedTuple, get_args

import click
from msgspec import Struct

from hybridchat.cli import output
from hybridchat.cli.doctor import tell_charges
from hybridchat.cli.known import MODEL, PROVIDER
from hybridchat.cli.prompt import read_stdin
from hybridchat.cli.running import run
from hybridchat.cli.store import load_recorded
from hybridchat.config import KINDS
from hybridchat.domain.chat import Kind, Proof, Zone, is_alias
from hybridchat.errors import UsageError

if TYPE_CHECKING:
    from hybridchat.backends.base import BackendSpec
    from hybridchat.session.drafting import NewBackend
    from hybridchat.session.providers import Added, ListedModel, Look, Providers

MOST_TRIES = 3
_PEM = click.Path(exists=True, dir_okay=False, resolve_path=True)


class ModelRow(Struct, frozen=True):
    """One model to choose. Unknown is None."""

    name: str
    context_window: int | None
    capabilities: tuple[str, ...]
    input_usd_per_million: float | None
    output_usd_per_million: float | None
    price_source: str | None


class AddedBackend(Struct, frozen=True, kw_only=True):
    """What was written, and what one look told."""

    id: str
    kind: str
    base_url: str | None
    zone: Zone
    proof: Proof | None
    model: str | None
    key: str | None
    key_state: str
    notice: str
    models: tuple[ModelRow, ...]


@click.command("add")
@click.argument("what", type=PROVIDER, metavar="PROVIDER|URL|ID")
@click.option("--id", "id", metavar="ID", help="Unique name; default: the provider's, or one from the address.")
@click.option("--url", "base_url", metavar="URL", help="Address of the server, with or without /v1.")
@click.option("--kind", type=click.Choice(get_args(KINDS)), help="The wire protocol; default: the provider's own.")
@click.option("--model", type=MODEL, metavar="NAME", help="Default model; asked for on a terminal.")
@click.option("--key-from", "key", metavar="PLACE", help="Where the API key is: env:NAME, keyring or command:…")
@click.option("--vouched", is_flag=True, help="On loopback: I know that this server computes here.")
@click.option("--private", is_flag=True, help="A host on the network that is mine.")
@click.option("--managed", is_flag=True, help="It forwards to others, though its address looks local.")
@click.option("--ca", type=_PEM, help="Own certificate authority (PEM).")
@click.option("--cert", type=_PEM, help="Client certificate (PEM).")
@click.option("--cert-key", "key_file", type=_PEM, help="Private key of the client certificate (PEM).")
@click.option("--prove", is_flag=True, help="Ask for one token where the list of models does not prove the key.")
@output.json_option
def add(what: str, managed: bool, prove: bool, as_json: bool, **given: object) -> None:
    """Add a provider by its name, or a server by its address.

    The key is tried, the models are listed, one is chosen, and then it is written down.

    Providers: openai, anthropic, gemini, openrouter, mistral, groq, deepseek, xai, together, azure-openai, litellm.

    The key is found in the environment, or asked for (from a pipe it is read); it is kept in the system's keyring.
    Comments in config.toml stay. When the key does not work nothing is written.

    \b
    hybridchat backends add openai
    pass show mistral | hybridchat backends add mistral --model mistral-small-latest
    hybridchat backends add azure-openai --url https://RESOURCE.openai.azure.com --model DEPLOYMENT
    hybridchat backends add http://127.0.0.1:8000 --vouched
    hybridchat backends add lab --kind vllm --url https://gpu.example:8443 --private --ca ~/lab-ca.pem
    """
    wired = load_recorded()
    service = wired.open_providers()
    new = run(service.draft(what, {**given, "zone": "managed" if managed else None}))
    if new.spec.kind is Kind.EMBEDDED:
        run(service.add(new))
        output.note(f"added {new.config.id} to {wired.paths.config_file}")
        return
    new, key, typed, look = try_key(service, new)
    models = tuple(_row(model) for model in look.models)
    is_asking = not as_json and sys.stdin is not None and sys.stdin.isatty() and sys.stdout.isatty()
    if models and not as_json:
        _print_models(models, numbered=is_asking and not new.config.model)
    model = choose(new, models, is_asking=is_asking)
    if look.key == "unproven" and key:
        why = "the list of models is open to everybody" if models else "no models are listed"
        if model and (prove or is_asking):
            tell_charges(wired, [new.with_values(model=model).spec])
        _prove(service, new, key, model, why, prove=prove, is_asking=is_asking)
    added = run(service.add(new, model=model, key=typed))
    if as_json:
        output.json(_as_json(added, new.spec, look, models))
    if added.notice:
        output.note(added.notice)
    output.note(f"added {added.config.id} ({new.spec.zone}) to {wired.paths.config_file}")


class Trial(NamedTuple):
    """What the server said to a key: the entry names its place, unless it was typed."""

    new: NewBackend
    key: str | None
    typed: str | None
    look: Look


def try_key(service: Providers, new: NewBackend) -> Trial:
    """Raises HybridchatError when the key is refused or a managed place does not answer."""
    from hybridchat.session.providers import why_not

    new, found = run(service.find_key(new))
    key = found.value if found else None
    typed: str | None = None
    if found:
        output.note(f"the key is from {found.origin}")
    elif not new.spec.zone.is_local:
        key = typed = ask_key(new, is_needed=new.is_guarded)
    look = run(service.look(new, key))
    if look.key == "missing":
        key = typed = ask_key(new, is_needed=True)
        look = run(service.look(new, key))
    tries = 1
    while look.key == "refused" and typed and sys.stdin.isatty() and tries < MOST_TRIES:
        output.note(f"the key was refused: {look.detail}")
        key = typed = ask_key(new, is_needed=True)
        look = run(service.look(new, key))
        tries += 1
    problem = why_not(new, look)
    if problem and look.key == "unreachable" and new.spec.zone.is_local:
        output.note(f"{look.detail}; it is added all the same")
    elif problem:
        raise problem
    return Trial(new, key, typed, look)


def ask_key(new: NewBackend, *, is_needed: bool) -> str | None:
    """From a pipe, or a prompt that shows nothing. Raises UsageError where there is neither and it is needed."""
    from hybridchat.keys import typed_key

    name = new.provider.name if new.provider else new.spec.address.host
    piped = read_stdin()
    if piped.strip():
        return typed_key(piped)
    if sys.stdin is None or not sys.stdin.isatty():
        if not is_needed:
            return None
        raise UsageError(f"{name} needs a key", "pipe it in, or say with --key-from where it is")
    if new.provider:
        output.note(f"keys for {name}: {new.provider.keys_url}")
    if is_needed:
        return typed_key(click.prompt("Key", hide_input=True, err=True))
    typed = click.prompt("Key (empty: none)", default="", show_default=False, hide_input=True, err=True)
    return typed_key(typed) if typed.strip() else None


def choose(new: NewBackend, models: tuple[ModelRow, ...], *, is_asking: bool) -> str | None:
    """The default model's name; None leaves it open. Raises UsageError for one that the server does not have."""
    names = [model.name for model in models]
    wanted = new.config.model
    if wanted is None and is_asking and names:
        answer = click.prompt(
            "Default model, by number or name (empty: none)", default="", show_default=False, err=True
        )
        wanted = names[int(answer) - 1] if answer.isdecimal() and 0 < int(answer) <= len(names) else answer or None
    if wanted is None:
        return names[0] if len(names) == 1 else None
    is_own_name = new.provider is not None and new.provider.models_are_own_names
    if names and not is_own_name and wanted not in names and not is_alias(wanted, names):
        near = ", ".join(difflib.get_close_matches(wanted, names, 3, 0.4)) or ", ".join(names[:5])
        raise UsageError(f"{new.config.id} has no model {wanted!r}; nothing was written", f"such as: {near}")
    return wanted


def _prove(
    service: Providers, new: NewBackend, key: str, model: str | None, why: str, *, prove: bool, is_asking: bool
) -> None:
    """Asks for one token after a yes; where there was none, says that the key is unproven, and why."""
    if model and is_asking and not prove:
        prove = click.confirm("Only a question proves this key. Ask for one token (charged)?", default=False, err=True)
    if prove and model is None:
        raise UsageError("a question needs a model", "add --model NAME")
    if prove and model:
        run(service.prove(new, key, model))
        return
    output.note(f"the key was not proven: {why}; --prove asks for one token")


def _as_json(added: Added, spec: BackendSpec, look: Look, models: tuple[ModelRow, ...]) -> AddedBackend:
    entry = added.config
    return AddedBackend(
        id=entry.id,
        kind=entry.kind,
        base_url=entry.base_url,
        zone=spec.zone,
        proof=spec.proof,
        model=entry.model,
        key=entry.key,
        key_state=look.key,
        notice=added.notice,
        models=models,
    )


def _row(model: ListedModel) -> ModelRow:
    price = model.price
    return ModelRow(
        model.info.name,
        model.context_window,
        model.info.capabilities,
        price.input_usd if price else None,
        price.output_usd if price else None,
        price.source if price else None,
    )


def _print_models(models: tuple[ModelRow, ...], *, numbered: bool) -> None:
    headers = ("model", "context", "abilities", "$/M in", "$/M out")
    rows: list[tuple[object, ...]] = [
        (
            model.name,
            model.context_window,
            ", ".join(model.capabilities) or None,
            _usd(model.input_usd_per_million),
            _usd(model.output_usd_per_million),
        )
        for model in models
    ]
    if numbered:
        headers, rows = ("#", *headers), [(number, *row) for number, row in enumerate(rows, 1)]  # type: ignore[assignment]
    output.table(headers, rows)


def _usd(price: float | None) -> str | None:
    return None if price is None else f"{price:g}"

"""What must work, looked at once: a finding each, with what to do. Nothing here repairs anything."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from enum import StrEnum
from importlib.util import find_spec
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from hybridchat.backends.base import BackendSpec
from hybridchat.backends.identity import lacks_its_model
from hybridchat.config import Config, folders
from hybridchat.config.problems import Problem, grave
from hybridchat.domain.chat import HealthState, Kind, Zone
from hybridchat.errors import BackendError, Refused
from hybridchat.paths import Paths, shipped_themes_dir
from hybridchat.session import volume
from hybridchat.session.fleet import Fleet
from hybridchat.session.probing import ask_one_token
from hybridchat.session.volume import Encryption

CLIPBOARD_PROGRAMS = ("wl-copy", "xclip", "xsel", "pbcopy", "clip.exe")


class State(StrEnum):
    OK = "ok"
    NOTE = "note"  # works, or is not needed here
    BROKEN = "broken"


class Finding(Struct, frozen=True):
    """One line of the report; the texts may come from servers: clean them on the way to a screen."""

    subject: str
    state: State
    detail: str
    remedy: str = ""


async def examine(
    *,
    paths: Paths,
    config: Config,
    problems: Sequence[Problem],
    ledger_notice: str,
    fleet: Fleet | None,
    round_trip: bool = False,
    local_only: bool = False,
) -> list[Finding]:
    """Looks at everything, the backends in parallel; without a fleet (no ledger, no session) not at them. Never raises.

    `round_trip` asks each backend for one token. A `local_only` run leaves the keyring and other machines alone.
    """
    specs = list(fleet.specs.values()) if fleet else []
    keyring, *backends = await asyncio.gather(
        asyncio.to_thread(_leave_keyring if local_only else examine_keyring),
        *(examine_backend(fleet, spec, round_trip=round_trip, local_only=local_only) for spec in specs if fleet),
    )
    disk = await asyncio.to_thread(examine_disk, paths)
    clouds = [await examine_cloud(fleet, spec) for spec in specs if fleet and spec.kind is Kind.OLLAMA]
    if fleet is None:
        backends = [Finding("backends", State.NOTE, "not looked at", "mend the ledger first")]
    elif grave(problems):
        backends = [Finding("backends", State.NOTE, "not looked at", "mend the config first")]
    elif not specs:
        backends = [Finding("backends", State.NOTE, "none is configured", "run `hybridchat` to set one up")]
    return [
        *examine_config(paths, problems),
        *await asyncio.to_thread(examine_folder, config.privacy.local_only_folders),
        examine_ledger(paths, ledger_notice),
        keyring,
        *disk,
        *examine_terminal(os.environ, sys.stdout.encoding or "", is_terminal=sys.stdout.isatty()),
        examine_theme(paths, config.ui.theme),
        examine_embedded(paths),
        examine_vllm(config.vllm.command),
        *backends,
        *filter(None, clouds),
    ]


def examine_config(paths: Paths, problems: Sequence[Problem]) -> list[Finding]:
    if problems:
        return [
            Finding("config", State.BROKEN, str(replace(problem, allowed="")), problem.allowed) for problem in problems
        ]
    if not paths.config_file.exists():
        return [Finding("config", State.NOTE, f"{paths.config_file} is not there yet", "run `hybridchat` to set it up")]
    return [Finding("config", State.OK, str(paths.config_file))]


def examine_folder(listed: Sequence[str]) -> list[Finding]:
    """Whether what is written where this was called stays on this device, and folders that are listed and not there.

    Blocks for a look at the folders.
    """
    pin = folders.look(listed)
    here = (
        [Finding("this folder", State.OK, f"{pin.why}: what is written here stays on this device")] if pin.why else []
    )
    notes = (notice.partition(" — ") for notice in pin.notices)
    return [*here, *(Finding("folders", State.NOTE, what, remedy) for what, _, remedy in notes)]


def examine_ledger(paths: Paths, notice: str) -> Finding:
    """`notice`: what the ledger said when it was opened, or why it was not."""
    return Finding("ledger", State.BROKEN, notice) if notice else Finding("ledger", State.OK, str(paths.ledger_file))


def _leave_keyring() -> Finding:
    return Finding("keyring", State.NOTE, "not looked at, for this run is local only")


def examine_disk(paths: Paths) -> list[Finding]:
    """What is deleted, or swapped out, may be read off a disk that is not encrypted. May take seconds."""
    places = (("disk", volume.of_folder(paths.data_dir)), ("swap", volume.of_swap()))
    return [_encryption(subject, found) for subject, found in places if found is not None]


def _encryption(subject: str, found: Encryption) -> Finding:
    match found.is_encrypted:
        case True:
            return Finding(subject, State.OK, f"encrypted: {found.how}")
        case False:
            return Finding(subject, State.NOTE, f"not encrypted: {found.how}", "encrypt the whole disk, if you can")
        case _:
            return Finding(subject, State.NOTE, f"whether it is encrypted cannot be told: {found.how}")


def examine_keyring() -> Finding:
    """Blocks for a few seconds where the keyring hangs."""
    from hybridchat.keys import keyring_status

    is_usable, detail = keyring_status()
    if is_usable:
        return Finding("keyring", State.OK, detail)
    return Finding("keyring", State.NOTE, detail, 'give keys as key = "env:NAME" or key = "command:…"')


def examine_terminal(environment: Mapping[str, str], encoding: str, *, is_terminal: bool) -> list[Finding]:
    """Colours, size, characters and clipboard, as far as the environment tells."""
    if not is_terminal:
        return [Finding("terminal", State.NOTE, "standard output is not a terminal", "run doctor in one to check it")]
    term = environment.get("TERM", "")
    if term == "dumb":
        return [Finding("terminal", State.BROKEN, "TERM=dumb cannot show the chat", "use `hybridchat ask`")]
    columns, rows = shutil.get_terminal_size()
    colours = "24-bit" if environment.get("COLORTERM") in ("truecolor", "24bit") else "256" if "256" in term else "16"
    if environment.get("NO_COLOR"):
        colours = "no (NO_COLOR)"
    findings = [Finding("terminal", State.OK, f"{term or 'unnamed'}, {columns}×{rows}, {colours} colours")]
    if (columns, rows) < (40, 10):
        findings.append(
            Finding("terminal", State.NOTE, f"{columns}×{rows} is small", "the chat is made for 80×24 and up")
        )
    if "utf" not in encoding.lower():
        findings.append(
            Finding("characters", State.NOTE, f"the encoding is {encoding or 'unknown'}", "set LANG to a UTF-8 locale")
        )
    program = next((name for name in CLIPBOARD_PROGRAMS if shutil.which(name)), None)
    findings.append(Finding("clipboard", State.OK, f"OSC 52{f' and {program}' if program else ''}"))
    return findings


def examine_theme(paths: Paths, wanted: str) -> Finding:
    names = theme_names(paths)
    if wanted not in names:
        return Finding("theme", State.BROKEN, f"{wanted!r} is not there", f"set ui.theme to one of: {', '.join(names)}")
    return Finding("theme", State.OK, f"{wanted}; there are: {', '.join(names)}")


def theme_names(paths: Paths) -> list[str]:
    """Of the shipped and the user's own themes."""
    folders: tuple[Path, ...] = (shipped_themes_dir(), paths.themes_dir)
    return sorted({file.stem for folder in folders for file in folder.glob("*.toml")})


def examine_embedded(paths: Paths) -> Finding:
    if find_spec("xllamacpp") is None:
        return Finding("embedded engine", State.NOTE, "not installed", "pip install 'hybridchat[embedded]'")
    models = len(list(paths.models_dir.glob("*.gguf")))
    if not models:
        return Finding(
            "embedded engine", State.NOTE, "installed, no model yet", "`hybridchat models pull` lists and fetches them"
        )
    return Finding("embedded engine", State.OK, f"installed, {models} model{'s' * (models > 1)} in {paths.models_dir}")


def examine_vllm(configured: str | None) -> Finding:
    found = shutil.which(configured or "vllm")
    if found:
        return Finding("vLLM", State.OK, found)
    if configured:
        return Finding(
            "vLLM", State.BROKEN, f"vllm.command = {configured!r} is no program", "correct it in config.toml"
        )
    return Finding(
        "vLLM", State.NOTE, "no `vllm` on PATH", "only needed for `hybridchat local up vllm`; or set vllm.command"
    )


async def examine_backend(fleet: Fleet, spec: BackendSpec, *, round_trip: bool, local_only: bool = False) -> Finding:
    """Reachable, what it claims to be, its model there; with `round_trip`, one token."""
    subject = f"backend {spec.id}"
    if local_only and spec.zone is not Zone.DEVICE:
        detail = f"{spec.zone}, not asked, for this run is local only"
        return Finding(subject, State.NOTE, detail, "leave out --local-only to look at it")
    health = await fleet.check(spec.id)
    if health.state is not HealthState.HEALTHY:
        state = State.NOTE if health.state is HealthState.LOADING else State.BROKEN
        return Finding(subject, state, health.detail, health.remedy)
    if lacks_its_model(spec, health):
        offered = ", ".join(model.name for model in health.models[:5])
        pull = " or pull it" if spec.kind in (Kind.OLLAMA, Kind.EMBEDDED) else ""
        return Finding(subject, State.BROKEN, f"has no model {spec.model!r}", f"choose one of: {offered}{pull}")
    if round_trip and (failure := await _round_trip(fleet, spec)):
        return Finding(subject, State.BROKEN, *failure)
    stands = fleet.standing(spec.id)
    where = f"{stands.zone} ({stands.proof}: {stands.how})" if stands.proof else f"{stands.zone}"
    doubt = f"; not verified: {stands.doubt}" if stands.doubt else ""
    answered = ", answered one token" if round_trip else ""
    return Finding(subject, State.OK, f"{health.detail}, {where}{doubt}{answered}")


async def examine_cloud(fleet: Fleet, spec: BackendSpec) -> Finding | None:
    """Whether an Ollama of the user's own could forward at all; None for one that does not answer."""
    from hybridchat.backends.ollama import OllamaBackend

    if not spec.zone.is_local or fleet.health(spec.id).state is not HealthState.HEALTHY:
        return None
    opened = await fleet.backend(spec.id, spec.zone)
    is_off = await opened.cloud_is_off() if isinstance(opened, OllamaBackend) else None
    subject = f"cloud of {spec.id}"
    if is_off:
        return Finding(subject, State.OK, "switched off in the server: it forwards nothing")
    remedy = "start the server with OLLAMA_NO_CLOUD=1 to switch it off"
    detail = "the server does not say whether it can forward" if is_off is None else "on: the server can forward models"
    return Finding(subject, State.NOTE, f"{detail}; pinned conversations ask it under names that it never does", remedy)


async def _round_trip(fleet: Fleet, spec: BackendSpec) -> tuple[str, str] | None:
    """What went wrong and what to do, or None."""
    candidate = next(c for c in fleet.candidates() if c.backend == spec.id)
    try:
        backend = await fleet.backend(spec.id, candidate.zone)
    except (BackendError, Refused) as error:
        return error.message, error.remedy
    failure = await ask_one_token(backend, candidate.model)
    return (failure.message, failure.remedy) if failure else None

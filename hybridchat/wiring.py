"""The only place where objects are built: from paths and config to a ledger and a session.

What a session stands on is imported when there is to be one: the screen's first picture does not wait for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from msgspec.structs import replace

from hybridchat.config import BackendConfig, Config, PresetConfig, config_error, folders, load_config, require_sound
from hybridchat.config.problems import Problem, grave
from hybridchat.config.providers import provider_at
from hybridchat.domain.address import parse_base_url
from hybridchat.domain.chat import Kind, Privacy, Proof, Zone
from hybridchat.domain.pricing import PricePerMillion
from hybridchat.errors import BackendError, ErrorKind, Refused
from hybridchat.keys import SessionKeys, find_key, secret_variables
from hybridchat.ledger.shared import SharedLedger
from hybridchat.paths import Paths, find_paths

if TYPE_CHECKING:
    from hybridchat.backends.base import Backend, BackendSpec
    from hybridchat.backends.ollama_admin import OllamaAdmin
    from hybridchat.ledger.store import Ledger
    from hybridchat.net.audit import Recorder
    from hybridchat.session.chat import Session
    from hybridchat.session.importing import Importer
    from hybridchat.session.prompts import Prompts
    from hybridchat.session.providers import Providers
    from hybridchat.session.setup import Setup


class Wiring(NamedTuple):
    """What this run stands on. With a problem that is not minor, `config` is the defaults. `local_only`: nothing leaves
    this device, and no key is looked up for what is not on it."""

    paths: Paths
    config: Config
    problems: tuple[Problem, ...]
    session_keys: SessionKeys
    ledger: SharedLedger
    local_only: bool = False

    def open_ledger(self, on_notice: Callable[[str], None]) -> Ledger:
        """`on_notice` gets later troubles, from any thread. Raises LedgerError when it may not be opened at all."""
        from hybridchat.ledger.store import open_ledger

        return open_ledger(self.paths.ledger_file, on_notice, keep_days=self.config.privacy.keep_days)

    def open_session(self, files: Sequence[Path] = ()) -> Session:
        """A session over the user's ledger and configured backends; nothing is dialled yet. Words from those files are
        pinned where their folders pin. Blocks for a look at the folders."""
        from hybridchat.backends.spec import backend_specs
        from hybridchat.session.budget_file import BudgetFile
        from hybridchat.session.chat import Session
        from hybridchat.session.keeping import KeyKeeper
        from hybridchat.session.prices import PriceBook
        from hybridchat.session.vouches import Vouches

        sources = [path for file in files for path in (file.absolute(), file.resolve())]  # whatever becomes of links
        return Session(
            config=self.config,
            specs=backend_specs(self.config),
            open_ledger=self.ledger.open,
            prices=PriceBook(),
            open_backend=self._opener().open,
            local_only=self.local_only,
            look_at_folder=partial(folders.look, self.config.privacy.local_only_folders, sources),
            keep_key=KeyKeeper(self.paths.config_file, self.session_keys).keep,
            config_error=config_error(faults) if (faults := grave(self.problems)) else None,
            budget_file=BudgetFile(self.paths.config_file),
            vouches=Vouches(self.paths.vouches_file),
            config_file=self.paths.config_file,
            prompts=self.open_prompts(),
        )

    def preset(self, name: str) -> PresetConfig:
        """Raises UsageError where the config has none of that name, or a broken one, or cannot be read itself."""
        require_sound(self.problems)
        from hybridchat.config.presets import find

        return find(self.config.preset, name, self.problems)

    def open_prompts(self) -> Prompts:
        """The user's library."""
        from hybridchat.session.prompts import Prompts, folder_of

        listed = self.config.privacy.local_only_folders
        return Prompts(
            folder_of(self.config, self.paths),
            lambda file: folders.look(listed, [file]).why,
        )

    def open_importer(self, ledger: Ledger) -> Importer:
        """For bringing conversations in. Looks at the folder this process is in when it begins with a file."""
        from hybridchat.session.importing import Importer

        privacy = self.config.privacy
        why = "this import is local only" if self.local_only else ""
        return Importer(ledger, Privacy(privacy.default), privacy.local_only_folders, lambda: why)

    def _opener(self) -> Opener:
        return Opener(self.paths, self.config, self.session_keys, self.ledger, local_only=self.local_only)

    async def open_ollama_admin(self, spec: BackendSpec) -> OllamaAdmin:
        """For the models of an Ollama: pull, show, delete, load. Raises Refused off the device in a local-only run."""
        from hybridchat.backends.ollama_admin import OllamaAdmin

        if spec.zone is not Zone.DEVICE:
            self.require_leave(f"{spec.id} is not on this device")
        return OllamaAdmin(spec, await self._opener().key(spec), recorder=self.ledger)

    def require_leave(self, why: str) -> None:
        """Raises Refused in a local-only run."""
        if self.local_only:
            raise Refused(f"{why}, and this run is local only", "leave out --local-only")

    def open_setup(self) -> Setup:
        """For a first run: discovery, the catalog of models, and writing the config."""
        from hybridchat.session.first_run import FirstRun

        return FirstRun(self.paths, self.config, self.ledger, local_only=self.local_only)

    def charges(self, specs: Iterable[BackendSpec]) -> str:
        """See `session.probing.charges`."""
        from hybridchat.session.prices import PriceBook
        from hybridchat.session.probing import charges

        return charges(PriceBook(), specs)

    def open_providers(self) -> Providers:
        """For adding a place that answers: what is known of providers, trying a key, listing models, writing it."""
        from hybridchat.session.prices import PriceBook
        from hybridchat.session.providers import Providers

        return Providers(self.paths, PriceBook(), self.session_keys, self.ledger, local_only=self.local_only)


def load(*, strict: bool = True, before: Wiring | None = None, local_only: bool = False) -> Wiring:
    """Reads the config. Raises UsageError for what is wrong in it; without `strict` they are kept, for the screen.

    `before`: what this process stood on until now; the keys that the user gave it and its ledger stay.
    """
    paths = find_paths()
    config, problems = load_config(paths.config_file)
    if strict:
        require_sound(problems)
    if before is not None:
        return before._replace(config=config, problems=tuple(problems))
    ledger = SharedLedger(paths.ledger_file, keep_days=config.privacy.keep_days)
    return Wiring(paths, config, tuple(problems), SessionKeys(), ledger, local_only)


def open_demo_session() -> Session:
    """Two simulated backends and a ledger in memory: nothing of the demo is ever written or sent."""
    from hybridchat.ledger.store import open_ledger
    from hybridchat.session.chat import Session
    from hybridchat.session.prices import PriceBook

    paths, config = find_paths(), Config()
    return Session(
        config=config,
        specs=_simulated_specs(),
        open_ledger=partial(open_ledger, None),
        prices=PriceBook(),
        open_backend=Opener(paths, config, SessionKeys(), None).open,
    )


def _simulated_specs() -> dict[str, BackendSpec]:
    """One for each side; the managed one has made-up prices, so that the panel has something to count."""
    from hybridchat.backends.base import BackendSpec

    local = BackendSpec(
        id="simulated-local",
        kind=Kind.SIMULATED,
        address=parse_base_url("http://127.0.0.1:9"),
        zone=Zone.DEVICE,
        proof=Proof.VERIFIED,
        model="simulated-small",
    )
    price = PricePerMillion(input=Decimal("3"), output=Decimal("15"))
    managed = replace(
        local,
        id="simulated-managed",
        zone=Zone.MANAGED,
        proof=None,
        model="simulated-large",
        prices={"simulated-large": price},
    )
    return {spec.id: spec for spec in (local, managed)}


class Opener:
    """Opens a backend when it is first needed; its key is looked up then. Without a `recorder`, none off the device."""

    def __init__(
        self,
        paths: Paths,
        config: Config,
        session_keys: SessionKeys,
        recorder: Recorder | None,
        *,
        local_only: bool = False,
    ) -> None:
        from hybridchat.session.key_hosts import KeyHosts

        self._paths = paths
        self._config = config
        self._session_keys = session_keys
        self._key_hosts = KeyHosts(paths.key_hosts_file)
        self._recorder = recorder
        self._local_only = local_only

    async def open(self, spec: BackendSpec) -> Backend:
        """Raises Refused, KeyMoved among it, or BackendError with the remedy."""
        if spec.kind is Kind.EMBEDDED:
            from hybridchat.backends.embedded import EmbeddedBackend

            return EmbeddedBackend(spec, self._paths, context_window=self._config.embedded.context_window)
        from hybridchat.backends.registry import make_backend

        return make_backend(spec, await self.key(spec), recorder=self._recorder)

    def _entry(self, backend: str) -> BackendConfig | None:
        """Of the config as it was read, else as it is by now: backends are added while a session runs."""
        known = (entry for entry in self._config.backend if entry.id == backend)
        now = (entry for entry in load_config(self._paths.config_file)[0].backend if entry.id == backend)
        return next(known, None) or next(now, None)

    async def key(self, spec: BackendSpec) -> str | None:
        configured = self._entry(spec.id)
        given = self._session_keys.find(spec.id, spec.address)
        if configured is None or (spec.zone.is_local and configured.key is None and given is None):
            return None
        if given is None:
            await asyncio.to_thread(self._key_hosts.check, configured, spec.address)
        key = await asyncio.to_thread(
            find_key,
            configured,
            spec.address,
            given,
            local_only=self._local_only,
            secret=secret_variables(self._config),
        )
        if key is None and (provider := provider_at(spec.address)):
            message = f"{spec.id}: there is no key for {provider.name}"
            remedy = f"`hybridchat keys set {spec.id}`, or put it into the environment as {provider.variables[0]}"
            raise BackendError(ErrorKind.AUTH, message, remedy)
        return key.value if key else None

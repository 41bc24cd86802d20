"""The first run's service: looks around, pulls a model, and writes what the user accepted to the config."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Sequence

from msgspec.structs import replace

from hybridchat.backends import hub
from hybridchat.backends.discovery import Discovery, Found, discover
from hybridchat.config import Config, load_config
from hybridchat.config.providers import provider_at
from hybridchat.config_edit import add_backend
from hybridchat.domain.address import parse_base_url
from hybridchat.domain.chat import Kind
from hybridchat.errors import HybridchatError
from hybridchat.net.audit import Recorder
from hybridchat.paths import Paths
from hybridchat.session.setup import OfferedModel, PullProgress
from hybridchat.session.vouches import Vouches


class FirstRun:
    """See `session.setup.Setup`. Nothing is written before the user's yes."""

    def __init__(
        self, paths: Paths, config: Config, recorder: Recorder | None = None, *, local_only: bool = False
    ) -> None:
        """Without a `recorder`, nothing can be fetched."""
        self._paths = paths
        self._config = config
        self._recorder = recorder
        self._local_only = local_only

    async def discover(self) -> Discovery:
        """A local-only run is not offered what it could not use."""
        discovery = await discover(os.environ)
        if self._local_only:
            return replace(discovery, found=tuple(one for one in discovery.found if one.zone.is_local))
        return discovery

    async def accept(self, found: Sequence[Found], *, vouched: Sequence[str] = ()) -> None:
        for one in found:
            values: dict[str, object] = {"id": one.id, "kind": str(one.kind), "base_url": one.base_url}
            if (provider := provider_at(parse_base_url(one.base_url))) and provider.headers:
                values["headers"] = provider.headers
            await asyncio.to_thread(add_backend, self._paths.config_file, values)
            if one.id in vouched and one.peer is not None:
                vouches, address = Vouches(self._paths.vouches_file), parse_base_url(one.base_url)
                await asyncio.to_thread(vouches.give, one.id, one.kind, address, one.peer)

    async def catalog(self) -> tuple[OfferedModel, ...]:
        """Sizes come from the hub; without a network they are unknown."""
        return tuple(await asyncio.gather(*(self._offer(model) for model in hub.catalog().model)))

    async def _offer(self, model: hub.CatalogModel) -> OfferedModel:
        here = {m.name: m.size_bytes for m in await asyncio.to_thread(hub.local_models, self._paths.models_dir)}
        size_bytes, problem = here.get(model.name), ""
        if size_bytes is None:
            try:
                found = await hub.look_up(model, self._config.embedded, self._recorder, local_only=self._local_only)
                size_bytes = found.size_bytes
            except HybridchatError as error:  # offered all the same: the network may be back when it is pulled
                problem = str(error)
        context_window = self._config.embedded.context_window
        return OfferedModel(
            name=model.name,
            title=model.title,
            licence=model.licence,
            size_bytes=size_bytes,
            memory_bytes=None if size_bytes is None else model.memory_bytes(size_bytes, context_window),
            pulled_bytes=here.get(model.name) or hub.pulled_bytes(model.name, self._paths.models_dir),
            problem=problem,
        )

    async def pull(self, model: str, on_progress: Callable[[PullProgress], None]) -> None:
        wanted = hub.catalog().find(model)
        begun_at = time.monotonic()

        def report(pulled: hub.Pulled) -> None:
            elapsed_s = time.monotonic() - begun_at
            fetched = pulled.done_bytes - pulled.resumed_bytes
            speed = fetched / elapsed_s if fetched and elapsed_s > 0 else None
            on_progress(PullProgress(done_bytes=pulled.done_bytes, total_bytes=pulled.total_bytes, bytes_per_s=speed))

        config, folder = self._config.embedded, self._paths.models_dir
        await hub.pull(wanted, folder, config, report, self._recorder, local_only=self._local_only)
        embedded = next((backend for backend in self._now().backend if backend.kind == "embedded"), None)
        values = {"id": embedded.id if embedded else "embedded", "kind": str(Kind.EMBEDDED), "model": wanted.name}
        await asyncio.to_thread(add_backend, self._paths.config_file, values, replace=embedded is not None)

    def _now(self) -> Config:
        """The config as it is by now."""
        return load_config(self._paths.config_file)[0]

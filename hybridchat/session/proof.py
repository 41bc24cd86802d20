"""A pinned session among decoys, watched: what was tried, what left, and how that was seen.

Each part runs in a process of its own, because a hook stays and the environment is set. `hybridchat audit --prove`
starts them.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from collections.abc import Set as AbstractSet
from contextlib import AsyncExitStack, asynccontextmanager, nullcontext
from functools import partial

from msgspec import Struct

from hybridchat.backends.base import BackendSpec
from hybridchat.domain.address import parse_base_url
from hybridchat.domain.chat import Kind, Message, MessageState, Parameters, Privacy, Zone
from hybridchat.domain.privacy import why_forbidden
from hybridchat.errors import HybridchatError
from hybridchat.net.decoys import MODEL, REPLY, Decoy, NameDecoy, StandIn, knock, knock_by_name, listening
from hybridchat.net.witness import Hook, lift_loopback, reach_outside, read_counters
from hybridchat.session.chat import Session

WORDS = "These words must stay on this machine: canary-7f3a."
CANARY = "sk-canary-7f3a-of-hybridchat-audit"
REDIRECTS = (301, 302, 303, 307, 308)
REPLY_S = 120.0
SETTLE_S = 0.05
KEYS = ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GEMINI_API_KEY", "OLLAMA_API_KEY")
PROXIES = ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")
BASE_URLS = ("OPENAI_BASE_URL", "ANTHROPIC_BASE_URL", "OLLAMA_HOST")

DOWN = "127.0.0.1:9"  # nobody listens at the port that discards
HOOK, DECOYS, KERNEL = "audit hook", "decoys", "kernel counters"


class Tried(Struct, frozen=True, kw_only=True):
    """One thing that was tried. `is_kept`: it went as promised, and nothing left."""

    what: str
    result: str
    reached: tuple[str, ...]  # places on this device that were connected to, as the hook names them
    left_bytes: int  # that decoys received
    attempts: tuple[str, ...]  # to reach anything but this device, as the hook names them
    unroutable: int | None  # attempts that the kernel counted; None: not in a namespace
    seen_by: tuple[str, ...]
    is_kept: bool


class Part(Struct, frozen=True):
    """What one process found."""

    tried: tuple[Tried, ...]
    not_checked: tuple[str, ...] = ()


Open = Callable[[str], Session]  # the text of a config → a session over it and a ledger of its own


class Watch:
    """The witnesses together. `step` runs one trial and says what they saw since the one before. In a namespace there
    are `names`."""

    def __init__(self, hook: Hook, decoys: tuple[Decoy, ...], names: NameDecoy | None) -> None:
        self._hook, self._decoys, self._names, self._in_namespace = hook, decoys, names, names is not None
        self.seen_by = (KERNEL, DECOYS, HOOK) if self._in_namespace else (DECOYS, HOOK)
        self._remember()

    def _remember(self) -> None:
        """Where the next step begins: right here, so that nothing happens between two of them."""
        self._seen, self._seen_reached = self._now(), len(self._hook.reached)

    def _now(self) -> tuple[int, int, int, int]:
        counters = read_counters() if self._in_namespace else None
        received = sum(len(decoy.received) for decoy in (*self._decoys, self._names) if decoy is not None)
        came = sum(decoy.connections for decoy in self._decoys)
        return received, came, len(self._hook.outside), counters.unroutable if counters else 0

    async def step(
        self, what: str, trial: Callable[[], Awaitable[tuple[bool, str]]], places: AbstractSet[str]
    ) -> Tried:
        """`trial` answers whether it went as promised, and how, in words. It may reach these `places` on this device,
        and no other program that listens here: it could forward."""
        before, reached_before = self._seen, self._seen_reached
        try:
            is_kept, result = await trial()
        except HybridchatError as error:
            is_kept, result = False, f"did not run: {error}"
        await asyncio.sleep(SETTLE_S)  # what was sent to a decoy is read by another task
        self._remember()
        received, came, outside, unroutable = (now - then for now, then in zip(self._seen, before, strict=True))
        reached = tuple(dict.fromkeys(self._hook.reached[reached_before : self._seen_reached]))
        if others := [place for place in reached if not {place, place.partition("/")[0]} & places]:
            is_kept, result = False, f"also reached {', '.join(others)}"
        return Tried(
            what=what,
            result=result,
            reached=reached,
            left_bytes=received,
            attempts=tuple(self._hook.outside[len(self._hook.outside) - outside :]),
            unroutable=unroutable if self._in_namespace else None,
            seen_by=self.seen_by,
            is_kept=is_kept and not (received or came or outside or unroutable),
        )

    async def check_witnesses(self) -> Tried:
        """Before anything else: 0 means something only where 1 would have been noticed."""
        before = self._now()
        for decoy in self._decoys:
            await knock(decoy, b"knock")
        if self._names is not None:
            await knock_by_name(self._names, b"knock")
        reach_outside()
        noticed = [now - then for now, then in zip(self._now(), before, strict=True)]
        came = len(self._decoys)
        wanted = [5 * (came + self._in_namespace), came, 1, int(self._in_namespace)]
        self._remember()
        problem = "" if noticed == wanted else f"expected {wanted}, noticed {noticed}"
        if self._in_namespace and (counters := read_counters()) and counters.interfaces != ("lo",):
            problem = f"the namespace has {', '.join(counters.interfaces)}"
        return Tried(
            what="the witnesses: 5 bytes to each decoy, 1 way outside",
            result=problem or "noticed",
            reached=(),
            left_bytes=0,
            attempts=(),
            unroutable=None,
            seen_by=self.seen_by,
            is_kept=not problem,
        )


@asynccontextmanager
async def _decoyed(*others: StandIn) -> AsyncIterator[tuple[Decoy, Decoy]]:
    """A proxy and a managed place that must hear nothing, named everywhere a program might look for them."""
    proxy, rented = Decoy(), Decoy()
    async with listening(proxy, rented, *others):
        for name in PROXIES:
            scheme = "socks5" if name.lower() == "all_proxy" else "http"
            os.environ[name] = f"{scheme}://127.0.0.1:{proxy.port}"
        os.environ |= dict.fromkeys(KEYS, CANARY)
        os.environ |= dict.fromkeys(BASE_URLS, f"http://127.0.0.1:{rented.port}")
        yield proxy, rented


# --- a scripted session against a stand-in server


CONFIG = """
[[backend]]
id = "stand-in"
kind = "openai-compatible"
base_url = "http://127.0.0.1:{stand_in}"
model = "{model}"
idle_s = 2.0
deadline_s = 3.0
vouched = true

[[backend]]
id = "down"
kind = "openai-compatible"
base_url = "http://{down}"
model = "{model}"
idle_s = 2.0
deadline_s = 3.0
vouched = true

[[backend]]
id = "rented"
kind = "openai-compatible"
base_url = "http://127.0.0.1:{rented}"
zone = "managed"
model = "{model}"
idle_s = 2.0
deadline_s = 3.0
key = "env:OPENAI_API_KEY"

[[backend]]
id = "far"
kind = "openai"
base_url = "https://managed.invalid"
model = "{model}"
idle_s = 2.0
deadline_s = 3.0
key = "env:OPENAI_API_KEY"
"""


async def prove_with_stand_in(open_session: Open, *, in_namespace: bool) -> Part:
    """Raises OSError where a namespace was promised and is none."""
    if in_namespace:
        lift_loopback()
    stand_in, names = StandIn(), NameDecoy() if in_namespace else None
    async with _decoyed(stand_in) as decoys, names.listening() if names else nullcontext():
        watch = Watch(Hook(), decoys, names)
        tried = [await watch.check_witnesses()]
        session = open_session(CONFIG.format(down=DOWN, stand_in=stand_in.port, rented=decoys[1].port, model=MODEL))
        async with AsyncExitStack() as stack:
            stack.push_async_callback(session.close)
            places = {f"127.0.0.1:{stand_in.port}", DOWN}
            tried.append(await watch.step("start, with a look at each local server", partial(_start, session), places))
            script = Script(session, stand_in, decoys[1])
            for what, trial in script.trials():
                tried.append(await watch.step(what, trial, places))
            stack.pop_all()
            tried.append(await watch.step("quit", partial(_quit, session), places))
    return Part(tuple(tried), NOT_SEEN_IN_NAMESPACE if in_namespace else ())


class Script:
    """What a person does, and what a hostile server or environment tries meanwhile; every conversation is pinned."""

    def __init__(self, session: Session, stand_in: StandIn, rented: Decoy) -> None:
        self._session, self._stand_in, self._rented = session, stand_in, rented

    def trials(self) -> tuple[tuple[str, Callable[[], Awaitable[tuple[bool, str]]]], ...]:
        return (
            ("ten questions, all proxy variables set to a decoy", self._converse),
            ("keys and base URLs in the environment", self._look_for_keys),
            (f"the local server redirects ({', '.join(map(str, REDIRECTS))})", self._redirect),
            ("a managed backend with a key, by name", partial(self._refused, "rented")),
            ("a managed backend with a host name, by name", partial(self._refused, "far")),
            ("the local server is down, managed ones are not", self._be_down),
            ("addresses that only look local", self._look_local),
            ("list and read the conversations", self._read),
        )

    async def _ask(self, route: str) -> Message:
        chat = self._session.new(privacy=Privacy.LOCAL_ONLY)
        await self._session.send(chat, WORDS, route=route)
        return await self._session.wait(chat)

    async def _converse(self) -> tuple[bool, str]:
        chat = self._session.new(privacy=Privacy.LOCAL_ONLY)
        replies = []
        for _ in range(10):
            await self._session.send(chat, WORDS, route="stand-in")
            replies.append((await self._session.wait(chat)).text)
        answered = replies.count(REPLY)
        return answered == 10, f"{answered} of 10 answered by the stand-in"

    async def _look_for_keys(self) -> tuple[bool, str]:
        seen = bytes(self._stand_in.received).lower()
        if CANARY.encode() in seen or b"authorization" in seen:
            return False, "a key went to the local server"
        return True, "no key in any request to the local server"

    async def _redirect(self) -> tuple[bool, str]:
        kinds = []
        for status in REDIRECTS:
            self._stand_in.redirect = status, f"http://127.0.0.1:{self._rented.port}/"
            reply = await self._ask("stand-in")
            kinds.append(reply.attempt.error_kind if reply.attempt else None)
        self._stand_in.redirect = None
        refused = kinds.count("redirect")
        return refused == len(REDIRECTS), f"{refused} of {len(REDIRECTS)} ended as an error"

    async def _refused(self, route: str) -> tuple[bool, str]:
        try:
            await self._ask(route)
        except HybridchatError as error:
            return True, f"refused: {_last_clause(error)}"
        return False, "it was sent"

    async def _be_down(self) -> tuple[bool, str]:
        try:
            reply = await self._ask("down")
        except HybridchatError as error:
            return True, f"nothing instead: {_last_clause(error)}"
        failed = reply.state is MessageState.FAILED
        return failed, f"nothing instead: {reply.note}" if failed else "something answered"

    async def _look_local(self) -> tuple[bool, str]:
        refused = 0
        for host in LOOK_LOCAL:
            try:
                parse_base_url(f"http://{host}:{self._rented.port}")
            except HybridchatError:
                refused += 1
        return refused == len(LOOK_LOCAL), f"{refused} of {len(LOOK_LOCAL)} refused without a look-up"

    async def _read(self) -> tuple[bool, str]:
        conversations = await self._session.conversations()
        for conversation in conversations:
            await self._session.open(conversation.id)
        return bool(conversations), f"{len(conversations)} conversations read back"


def _last_clause(error: HybridchatError) -> str:
    return error.message.rpartition("; ")[2]


LOOK_LOCAL = ("user@127.0.0.1", "2130706433", "127.1", "localhost.invalid", "0.0.0.0", "[::1%25lo]", "１２７.0.0.1")


# --- the user's own backends


NOT_SEEN = (
    "the hook sees this process's Python sockets only: not what C libraries open by themselves, nor other processes, "
    "nor what your own servers do with the words",
)


NOT_SEEN_IN_NAMESPACE = (
    "look-ups that a C library makes through a resolver's Unix socket (nscd, systemd-resolved); Python's own are seen",
)


async def prove_own(open_session: Callable[[], Session]) -> Part:
    """Asks each backend that a pinned conversation may use; the session is local only, its ledger in memory."""
    async with _decoyed() as decoys:
        hook = Hook()
        watch = Watch(hook, decoys, None)
        tried, not_checked = [await watch.check_witnesses()], list(NOT_SEEN)
        session = open_session()
        async with AsyncExitStack() as stack:
            stack.push_async_callback(session.close)
            everywhere = {place for spec in session.fleet.specs.values() for place in _places(spec)}
            start = partial(_start, session)
            tried.append(await watch.step("a local-only session over your config", start, everywhere))
            for spec in session.fleet.specs.values():
                why_not = why_forbidden(Privacy.LOCAL_ONLY, spec.zone, session.standing(spec.id).proof)
                if why_not is None:
                    trial = partial(_ask_own, session, spec.id)
                    tried.append(await watch.step(f"a pinned question to {spec.id}", trial, _places(spec)))
                    if spec.kind is Kind.EMBEDDED:
                        not_checked.append(f"{spec.id}: whether each Unix socket was its own")
                elif spec.zone is Zone.DEVICE:
                    not_checked.append(f"{spec.id}: {why_not}, so no pinned conversation may use it")
            stack.pop_all()
            tried.append(await watch.step("quit", partial(_quit, session), everywhere))
        if len(tried) == 3:
            not_checked.append("no backend of yours may answer a pinned conversation, so none was asked")
        if hook.programs:
            not_checked.append(f"what the programs that were started do: {', '.join(sorted(set(hook.programs)))}")
    return Part(tuple(tried), tuple(not_checked))


async def _start(session: Session) -> tuple[bool, str]:
    await session.start(watch=False, panel=False)
    return True, f"{len(session.fleet.specs)} backends configured"


async def _quit(session: Session) -> tuple[bool, str]:
    await session.close()
    return True, "closed"


def _places(spec: BackendSpec) -> set[str]:
    """Where it is on this device, as the hook names it; none where it is elsewhere. An engine of ours has a socket,
    whose name nobody knows before."""
    if spec.zone is not Zone.DEVICE:
        return set()
    if spec.kind is Kind.EMBEDDED:
        return {"unix:"}
    is_socket = spec.address.scheme == "unix"
    return {f"unix:{spec.address.path}" if is_socket else spec.address.origin.partition("//")[2]}


async def _ask_own(session: Session, backend: str) -> tuple[bool, str]:
    """A backend that fails keeps the promise as well: what counts is that nothing went elsewhere."""
    chat = session.new(privacy=Privacy.LOCAL_ONLY)
    try:
        async with asyncio.timeout(REPLY_S):
            await session.send(chat, WORDS, route=backend, parameters=Parameters(max_tokens=16))
            reply = await session.wait(chat)
    except HybridchatError as error:
        return True, f"not answered: {_last_clause(error)}"
    except TimeoutError:
        return True, f"not answered within {REPLY_S:g} s"
    return True, "answered" if reply.state is MessageState.COMPLETE else f"not answered: {reply.note}"

"""The config file: strict, documented at the field, and never rewritten without the user's own edit."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct
from msgspec.structs import replace

from hybridchat.config.problems import Problem, grave, problem_at, syntax_problem
from hybridchat.domain.chat import Effort, Reasoning
from hybridchat.domain.pricing import PricePerMillion
from hybridchat.domain.routing import Row, Rule
from hybridchat.errors import UsageError

KINDS = Literal[
    "vllm", "ollama", "llamacpp", "embedded", "openai", "openai-responses", "anthropic", "gemini", "openai-compatible"
]
NAME_PATTERN = r"^[^\s/\x00-\x1f\x7f-\x9f][^/\x00-\x1f\x7f-\x9f]{0,63}\Z"
Identifier = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}\Z")]


class BackendBudget(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[backend.budget]`: what may be spent at this backend, besides the general budgets."""

    day: Decimal | None = None
    """US dollars a day."""
    month: Decimal | None = None
    """US dollars a month."""


class BackendConfig(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One `[[backend]]`: a place that answers."""

    id: Identifier
    """Unique name; routes and flags use it. Not auto, local or managed."""
    kind: KINDS
    """The wire protocol. Where it computes follows from the address, not from this."""
    base_url: str | None = None
    """Address of the server, with or without the protocol's /v1. Not for kind = "embedded"."""
    model: str | None = None
    """Default model; more are discovered."""
    vouched: bool = False
    """Loopback only: I know that this server computes here, whatever program answers. local_only needs it, a word given
    by `hybridchat backends vouch` or in the app, or a verified engine."""
    private: bool = False
    """A host on the network that is mine."""
    zone: Literal["managed"] | None = None
    """Stricter than the address says, for a forwarding proxy on loopback; never looser."""
    key: str | None = None
    """Where the API key is: "env:NAME", "keyring", or "command:PROGRAM ARGS". Never the key itself. At the host of a
    provider that hybridchat knows, the provider's own variables are looked at without it."""
    key_header: Literal["authorization", "x-api-key", "x-goog-api-key", "api-key"] | None = None
    """The header that carries the key, where it is not the protocol's own. "authorization" makes it a bearer token."""
    headers: dict[str, str] = {}
    """Further headers of every request to this backend. Never secrets: the key stands in `key`."""
    ca: str | None = None
    """File with an own certificate authority (PEM). Paths are absolute or begin with ~."""
    cert: str | None = None
    """Client certificate (PEM)."""
    key_file: str | None = None
    """Private key of the client certificate (PEM)."""
    proxy: str | None = None
    """HTTP proxy for this backend, managed ones only. Proxies of the environment are never used."""
    idle_s: Annotated[float, Meta(gt=0)] = 60.0
    """Seconds of silence after which a reply counts as broken."""
    deadline_s: Annotated[float, Meta(gt=0)] = 1800.0
    """Seconds that a whole reply may take."""
    num_ctx: Annotated[int, Meta(gt=0)] | None = None
    """Ollama only: context size in tokens to ask for."""
    price: dict[str, PricePerMillion] = {}
    """Per model, USD per million tokens; wins over the price list."""
    budget: BackendBudget = BackendBudget()
    """Budgets of this backend alone."""


class RouteConfig(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[route]`: how a conversation finds its backend."""

    default: str = "auto"
    """auto | local | managed | a backend id"""
    table: str = "local-first"
    """local-first | article | a name under [route.tables]"""
    tables: dict[str, tuple[Row, ...]] = {}
    """Tables of your own: `[[route.tables.NAME]]`, rows from top to bottom, the first that holds decides."""
    fallback: bool = True
    """Where a managed backend cannot answer, let a local one do it, marked; never the other way round."""
    rule: tuple[Rule, ...] = ()
    """Rules that set reasoning and workload from words."""


class PrivacyConfig(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[privacy]`: what new conversations are born with, and what is looked for before a managed send."""

    default: Literal["open", "private", "local_only"] = "open"
    """open | private (device and your own hosts) | local_only (this device)"""
    local_only_folders: tuple[str, ...] = ()
    """Folders in which, and below which, all that is written stays on this device. Absolute, or beginning with ~. A
    folder pins itself with a file `.hybridchat.toml` that says `local_only = true`."""
    keep_days: Annotated[int, Meta(ge=0)] = 0
    """Delete conversations that nobody has gone on with for so many days, text and copies; their usage rows stay, and
    whole conversations that are starred. 0: keep them."""
    count_off_the_record: bool = False
    """Let conversations off the record into the statistics, as numbers that belong to no conversation."""
    patterns: dict[str, str] = {}
    """Patterns of your own beside the secrets and identifiers that are always looked for: a name and an RE2 expression,
    looked for within each line."""


class BudgetConfig(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[budget]`: what may be spent on managed backends. Days and months are those of your time zone."""

    conversation: Decimal | None = None
    """US dollars for each conversation."""
    day: Decimal | None = None
    """US dollars a day."""
    month: Decimal | None = None
    """US dollars a month."""
    warn: float = 0.8
    """Share of a budget from which on the screen warns."""
    max_reply_tokens: Annotated[int, Meta(gt=0)] = 4096
    """The longest reply that is reserved, and asked, for where a budget applies; thinking counts. What a message asks
    for itself, as with `--max-tokens`, goes before."""
    lower_max_tokens: bool = False
    """Ask for shorter replies when the rest of a budget pays no longer ones, instead of refusing."""


class UiConfig(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[ui]`: the screen."""

    theme: str = "hybrid-dark"
    """A theme's name; `hybridchat doctor` lists them."""
    keymap: Literal["default", "vim"] = "default"
    """The keys to begin with; those of `keymap.toml` beside this file go before them (docs/keys.md)."""
    panel: Literal["auto", "side", "line", "off"] = "auto"
    """The comparison panel: auto shows it at the side from 110 columns on, else as one line; side from 72 on."""
    panel_side: Literal["right", "left"] = "right"
    """Where the panel is when it is at the side."""
    density: Literal["comfortable", "compact"] = "comfortable"
    """Compact leaves out empty lines and frames."""
    text_width: Annotated[int, Meta(gt=19)] = 100
    """Columns of text at most; code and tables use all the room there is."""
    show_thinking: bool = False
    """Thinking unfolded by default."""
    fold_lines: Annotated[int, Meta(ge=0)] = 400
    """Messages of more lines show their first ones until `z` unfolds them; 0 folds none. A reply stays as it came."""
    paste_lines: Annotated[int, Meta(ge=0)] = 60
    """A paste of more lines becomes an attachment; 0: however many it has, it goes into the message."""
    paste_characters: Annotated[int, Meta(ge=0)] = 8_000
    """The same for a paste of more characters."""
    reduced_motion: bool = False
    """Nothing moves by itself: no blinking, no sliding, no counting; words say what goes on."""
    hints: bool = True
    """One line, once, where a key would help: after the first code block, say. Esc puts it away for good."""


class NotifyConfig(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[notify]`: what tells of a long reply that ended while the terminal was out of sight; never words of a chat."""

    after_s: Annotated[float, Meta(gt=0)] = 20.0
    """Seconds that a reply must have taken."""
    sound: bool = False
    """The terminal's bell."""
    message: Literal["auto", "osc9", "osc777", "osc99", "off"] = "auto"
    """The terminal's own notification: auto where the terminal is known to have one, or the sequence that it reads.
    Under tmux, its options `focus-events` and `allow-passthrough` must be on."""
    pinned: bool = False
    """Also for chats that are local only, private or off the record."""


class EmbeddedConfig(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[embedded]`: the engine that comes with hybridchat."""

    hub_url: str = "https://huggingface.co"
    """Where models are pulled from."""
    context_window: Annotated[int, Meta(gt=0)] = 8192
    """Tokens; more needs more memory."""


class VllmConfig(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[vllm]`: for `hybridchat local up vllm`."""

    command: str | None = None
    """Path of the `vllm` program, or of a Python that has vLLM; default: `vllm` on PATH."""
    arguments: tuple[str, ...] = ()
    """Further arguments for the server."""


class AdviseConfig(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[advise]`: what the ledger cannot know."""

    strict_privacy: bool | None = None
    """Does policy forbid managed APIs?"""
    inference_team: bool | None = None
    """Is there a team that can run inference?"""
    frontier_quality: bool | None = None
    """Is a frontier model's quality required?"""


class PresetConfig(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """One `[[preset]]`: named settings for a conversation. What it does not say is the default, but for where a
    conversation goes, its privacy and its kind of task: these stay as they are."""

    name: Annotated[str, Meta(pattern=NAME_PATTERN)]
    """Unique; the list, `/preset` and `--preset` use it."""
    description: str = ""
    """What it is for, in the list."""
    system: str = ""
    """System prompt."""
    route: str | None = None
    """auto | local | managed | a backend id"""
    model: str | None = None
    """A model of that route."""
    temperature: float | None = None
    """0 to 2."""
    top_p: float | None = None
    """Above 0, at most 1."""
    max_tokens: int | None = None
    """End a reply after so many tokens; thinking counts."""
    effort: Effort | None = None
    """How much the model may think."""
    num_ctx: int | None = None
    """Ollama only: context size in tokens."""
    seed: int | None = None
    """Pick the same words again, where the server can."""
    stop: tuple[str, ...] = ()
    """End a reply before any of these."""
    reasoning: Reasoning | None = None
    """How hard the task is, for the routes."""
    workload: str | None = None
    """The kind of task, for the routes and the statistics."""
    privacy: Literal["open", "private", "local_only"] | None = None
    """As private, or more so where the run, its folder or what was said asks for it; never looser."""


class PromptsConfig(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[prompts]`: the library of prompts, one Markdown file each."""

    folder: str | None = None
    """Where they lie: absolute, or beginning with ~. Default: `prompts` beside this file."""


class Config(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The whole `config.toml`."""

    backend: tuple[BackendConfig, ...] = ()
    """The places that answer."""
    preset: tuple[PresetConfig, ...] = ()
    """Named settings for conversations. One with a mistake is left out, and said; the rest of the file holds."""
    route: RouteConfig = RouteConfig()
    privacy: PrivacyConfig = PrivacyConfig()
    budget: BudgetConfig = BudgetConfig()
    ui: UiConfig = UiConfig()
    notify: NotifyConfig = NotifyConfig()
    embedded: EmbeddedConfig = EmbeddedConfig()
    vllm: VllmConfig = VllmConfig()
    prompts: PromptsConfig = PromptsConfig()
    advise: AdviseConfig = AdviseConfig()


def load_config(path: Path) -> tuple[Config, list[Problem]]:
    """The config of that file; the defaults without one, or with a grave problem in it. Never raises, never writes."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        return Config(), []
    except OSError as error:
        return Config(), [Problem(str(path), None, "", f"cannot be read: {error.strerror or error}")]
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        return Config(), [Problem(str(path), line, "", "is not UTF-8 text", "save it as UTF-8")]
    return parse_config(text, str(path))


def parse_config(text: str, file: str = "config.toml") -> tuple[Config, list[Problem]]:
    """As `load_config`, from text; `file` is what problems call it."""
    try:
        data = tomllib.loads(text, parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        return Config(), [syntax_problem(error, text, file)]
    except RecursionError:
        return Config(), [Problem(file, None, "", "is nested too deeply", "tables in tables at most")]
    presets = data.pop("preset", None)  # a mistake in one of them is no mistake of the whole file
    try:
        config = msgspec.convert(data, Config)
    except msgspec.ValidationError:
        from hybridchat.config.explain import conversion_problems

        return Config(), conversion_problems(data, Config, text, file)
    from hybridchat.config.checks import contradictions

    found = [problem_at(text, file, *contradiction) for contradiction in contradictions(config)]
    if found:
        return Config(), sorted(found, key=lambda problem: problem.line or 0)
    if presets is None:
        return config, []
    from hybridchat.config.presets import presets_among

    good, minor = presets_among(presets, config, text, file)
    return replace(config, preset=good), minor


def require_sound(problems: Iterable[Problem]) -> None:
    """Raises UsageError for those with which the file does not hold."""
    if faults := grave(problems):
        raise config_error(faults)


def config_error(problems: Sequence[Problem]) -> UsageError:
    """The first problem as the command line says it, and how many more there are."""
    others = len(problems) - 1
    return UsageError(f"{problems[0]}{f'; and {others} more, which `hybridchat doctor` lists' if others else ''}")

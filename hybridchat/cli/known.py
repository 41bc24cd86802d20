"""What the user's own things are called on the command line, and how a shell completes their names.

They are read from the config and the ledger as these lie there. Nothing is asked, and nothing is written."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable

import click
from click.shell_completion import CompletionItem

from hybridchat.cli.finite import Counted
from hybridchat.cli.prompt import Words
from hybridchat.domain.text import clean_line
from hybridchat.paths import find_paths

MOST_CONVERSATIONS = 50
Items = Iterable[tuple[str, str]]  # a word, and what a shell may show beside it


class Known(Words):
    """Text; a shell completes it by `items`."""

    def __init__(self, items: Callable[[click.Context], Items]) -> None:
        self._items = items

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem[str]]:
        found: dict[str, str] = {}
        for word, words in self._items(ctx):
            found.setdefault(word, words)
        begun = incomplete.casefold()
        return [
            CompletionItem(word, help=clean_line(words, 60) or None)
            for word, words in found.items()
            if word.casefold().startswith(begun) and is_typable(word)
        ]


class Several(Known):
    """Names with commas between; a shell completes the last one."""

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem[str]]:
        before, comma, last = incomplete.rpartition(",")
        begun = before + comma
        return [CompletionItem(begun + one.value, help=one.help) for one in super().shell_complete(ctx, param, last)]


class ConversationId(Counted):
    """A shell completes its digits, or finds it by words of its title."""

    name = "id"

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem[str]]:
        from hybridchat.ledger import reads
        from hybridchat.ledger.glance import glance

        begun = incomplete.casefold()
        newest = glance(
            find_paths().ledger_file,
            lambda db: reads.conversations(db, MOST_CONVERSATIONS, None, with_archived=True),
        )
        return [
            CompletionItem(str(one.id), help=clean_line(one.title, 60) or None)
            for one in newest or ()
            if str(one.id).startswith(begun) or any(word.startswith(begun) for word in one.title.casefold().split())
        ]


def is_typable(word: str) -> bool:
    """A shell takes it as it stands: what a server calls a model never becomes a command of somebody's shell. A comma
    stands between names."""
    return bool(word) and shlex.quote(word) == word and "," not in word and not word.startswith("-")


def _backends(ctx: click.Context) -> Items:
    from hybridchat.config import load_config

    for entry in load_config(find_paths().config_file)[0].backend:
        yield entry.id, f"{entry.kind} {entry.model or ''}"


def _routes(ctx: click.Context) -> Items:
    yield from _backends(ctx)
    yield from (("auto", "by the config's table"), ("local", "a machine of yours"), ("managed", "a third party"))


def _models(ctx: click.Context) -> Items:
    """Of the backend that the line names, else of all."""
    from hybridchat.config import load_config
    from hybridchat.ledger.glance import glance, models_asked

    backend = ctx.params.get("backend") or ctx.params.get("backend_id")
    for entry in load_config(find_paths().config_file)[0].backend:
        if backend in (None, entry.id):
            yield from ((name, entry.id) for name in filter(None, (entry.model, *entry.price)))
    for name in glance(find_paths().ledger_file, lambda db: models_asked(db, backend)) or ():
        yield name, ""


def _providers(ctx: click.Context) -> Items:
    from hybridchat.config.providers import providers

    return ((provider.id, provider.name) for provider in providers())


def _themes(ctx: click.Context) -> Items:
    from hybridchat.paths import shipped_themes_dir

    for folder in (shipped_themes_dir(), find_paths().themes_dir):
        yield from ((file.stem, "") for file in sorted(folder.glob("*.toml")))


def _presets(ctx: click.Context) -> Items:
    from hybridchat.config import load_config

    return ((preset.name, preset.description) for preset in load_config(find_paths().config_file)[0].preset)


def _prompts(ctx: click.Context) -> Items:
    from hybridchat.config import load_config
    from hybridchat.session.prompts import Prompts, folder_of

    paths = find_paths()
    folder = folder_of(load_config(paths.config_file)[0], paths)
    return ((prompt.name, prompt.title) for prompt in Prompts(folder).read().prompts)


def _tags(ctx: click.Context) -> Items:
    from hybridchat.ledger.glance import glance
    from hybridchat.ledger.marks import filter_values

    values = glance(find_paths().ledger_file, filter_values) or {}
    return ((tag, "") for tag in values.get("tag", ()))


BACKEND = Known(_backends)
BACKENDS = Several(_backends)
ROUTE = Known(_routes)
MODEL = Known(_models)
MODELS = Several(_models)
PROVIDER = Known(_providers)
THEME = Known(_themes)
TAG = Known(_tags)
PRESET = Known(_presets)
PROMPT = Known(_prompts)
CONVERSATION = ConversationId()

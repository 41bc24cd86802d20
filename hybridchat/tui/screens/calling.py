"""Slash commands in the composer: completed while they are typed, done by Enter."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from textual import work

from hybridchat.domain.budget import Scope
from hybridchat.domain.text import clean_line
from hybridchat.errors import HybridchatError, UsageError
from hybridchat.tui.actions import ACTIONS, Action
from hybridchat.tui.keymap import keymap_of
from hybridchat.tui.screens.chat_view import ChatView
from hybridchat.tui.slashes import BY_NAME, Call, call_in, no_such
from hybridchat.tui.widgets.completions import Completion
from hybridchat.tui.widgets.rows import Row, RowList
from hybridchat.tui.words import AS_IT_DOES, EFFORT, PRIVACY, WORKLOADS

if TYPE_CHECKING:
    from hybridchat.session.chat import Chat

USAGE_CELLS = 24
Values = Sequence[tuple[str, str]]  # what an argument can be, and what that means


class Calling(ChatView):
    """An action that takes an argument has a method `call_<id>` beside its `action_<id>`: a coroutine that does it, or
    raises HybridchatError. Then the command is in the composer again."""

    # --- completing

    def complete(self) -> None:
        """For what stands in the composer now."""
        composer = self.composer
        text = composer.text if composer.document.line_count == 1 else ""
        call = call_in(text)
        rows = [] if call is None else list(self._completions(call, text))
        composer.completions.offer(text, rows, self._accept)

    def on_row_list_moved(self, event: RowList.Moved) -> None:
        self.plan_soon()  # the line over the composer tells what is chosen

    def on_completions_closed(self) -> None:
        self.plan_soon()

    def _completions(self, call: Call, text: str) -> Iterator[Row]:
        action = BY_NAME.get(call.name)
        if not text.endswith(" ") and not call.argument:
            for found, name, hits in matching(call.name):
                keys = keymap_of(self).short(found.id)
                usage = f"/{name} {found.argument}".ljust(USAGE_CELLS)
                marked = tuple((at + 1, at + 2) for at in hits)
                text = f"{usage} {found.title.rstrip('…')}"
                is_guess = not name.startswith(call.name)
                yield Row(Completion(f"/{name}", bool(found.argument), is_guess), text, keys, hits=marked)
        elif action is not None and action.argument:
            wanted = call.argument.casefold()
            for value, meaning in self._values(action.id):
                if value.casefold().startswith(wanted):
                    yield Row(Completion(f"/{call.name} {value}"), value.ljust(USAGE_CELLS) + f" {meaning}")

    def _values(self, action: str) -> Values:
        """None where anything can be said."""
        from hybridchat.tui.app import HybridChatApp
        from hybridchat.tui.screens.routes import route_rows

        match action:
            case "route" if self.session is not None and self.chat is not None:
                rows = [row for row in route_rows(self.session, self.chat) if not row.barred]
                ways = [(row.key, row.text) for row in rows if isinstance(row.key, tuple)]
                return [(f"{to} {model or ''}".rstrip(), clean_line(text)) for (to, model), text in ways]
            case "privacy":
                return [(level.replace("_", "-"), words) for level, words in PRIVACY.items()]
            case "effort":
                return [*((effort.value, words) for effort, words in EFFORT.items()), ("auto", AS_IT_DOES)]
            case "workload":
                return [*((name, "") for name in WORKLOADS), ("none", "not said")]
            case "tune":
                from hybridchat.domain.tuning import SETTINGS

                settings = ((one.title.replace(" ", "-"), f"{one.meaning}: {one.allowed}") for one in SETTINGS.values())
                return [("system", "What every message begins with"), *settings, ("default", "for all of them")]
            case "budget":
                return [(scope.value, "") for scope in Scope]
            case "theme" if isinstance(self.app, HybridChatApp):
                return [(name, "") for name in self.app.theme_names()]
        return ()

    def _accept(self, completion: Completion, is_final: bool) -> None:
        is_final = is_final and (not completion.is_guess or self.composer.completions.was_gone_to)
        self.composer.set_text(completion.text + " " * (completion.takes_more and not is_final))
        if is_final:
            self._run_call()

    # --- doing

    def do_call(self) -> bool:
        """What the composer calls, or what is chosen of what could be; False for words. One that cannot be done stays
        in the composer, and nothing is sent."""
        self.complete()  # keys that came in one piece with Enter have not been looked at
        if call_in(self.composer.text) is None:
            return False
        if not self.composer.completions.accept(is_final=True):
            self._run_call()
        return True

    def _run_call(self) -> None:
        text = self.composer.text
        call = call_in(text)
        if call is None:
            return
        action = BY_NAME.get(call.name)
        if action is None:
            self._tell(no_such(call.name, BY_NAME))
        elif call.argument and not action.argument:
            self._tell(UsageError(f"/{call.name} takes nothing after it", "to send it as words, begin with //"))
        else:
            self.composer.set_text("")
            self._do_call(self.chat, action, call, text)

    @work
    async def _do_call(self, chat: Chat | None, action: Action, call: Call, text: str) -> None:
        if not call.argument:
            from hybridchat.tui.doing import do

            await do(self, action)
            return
        try:
            await getattr(self, f"call_{action.id}")(call.argument)
        except HybridchatError as error:
            self._tell(error)
            if self.chat is chat and not self.composer.text:
                self.composer.set_text(text)
        self.plan_now()

    def _tell(self, error: HybridchatError) -> None:
        self.notify(str(error), severity="error")


def matching(typed: str) -> list[tuple[Action, str, Sequence[int]]]:
    """What may be meant by the beginning of a name, some letters of it, or another word; best first. With the name that
    is meant, and which of its characters are."""
    if not typed:
        return [(action, action.names[0], ()) for action in ACTIONS if action.names]
    from textual.fuzzy import FuzzySearch

    search = FuzzySearch()
    found = []
    for action in ACTIONS:
        scored = [(name == typed, name.startswith(typed), *search.match(typed, name), name) for name in action.names]
        if not scored:
            continue
        is_it, begins, score, hits, name = max(scored, key=lambda one: one[:3])
        if not score:  # no name: other words for it are still something to go by
            score, hits, name = _by_words(typed, action) - 1000, (), action.names[0]
        if score > -1000:
            found.append(((is_it, begins, score), action, name, hits))
    found.sort(key=lambda one: one[0], reverse=True)
    return [(action, name, hits) for _, action, name, hits in found]


def _by_words(typed: str, action: Action) -> float:
    from hybridchat.tui.matching import rank

    return score if (score := rank(typed, action)) >= 1 else 0.0  # nothing that is only spelled alike

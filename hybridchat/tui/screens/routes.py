"""The rows of the route pickers. A row that leads away from the user's machines says what goes along."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from msgspec import Struct
from msgspec.structs import replace

from hybridchat.domain.chat import Zone
from hybridchat.domain.privacy import why_forbidden
from hybridchat.domain.routing import Candidate, why_barred
from hybridchat.domain.text import clean_line
from hybridchat.tui.widgets.rows import Row
from hybridchat.tui.widgets.welcome import HEALTH
from hybridchat.tui.words import candidate_words, earlier_turns

if TYPE_CHECKING:
    from hybridchat.session.chat import Chat, Session
    from hybridchat.tui.screens.chat_view import ChatView


class ToList(Struct, frozen=True):
    """Instead of a route: ask this backend which models it has."""

    backend: str


def route_rows(session: Session, chat: Chat) -> list[Row]:
    """For the conversation: the three words, then every backend with every model. Keys are (route, model)."""
    privacy = session.plan(chat, "").privacy
    managed = Row(("managed", None), "managed — a third party", earlier_turns(len(chat.messages)), "managed")
    return [
        Row(("auto", None), "auto — the config's table decides at the first message"),
        Row(("local", None), "local — only your own machines", style="local"),
        _unless_barred(managed, why_forbidden(privacy, Zone.MANAGED, None)),
        *backend_rows(session, chat),
    ]


def again_rows(session: Session, chat: Chat, message_id: int | None) -> list[Row]:
    """For an answer given again: where the conversation goes anyway, which is (None, None), then every backend."""
    plan, earlier = session.plan_again(chat, message_id), session.messages_before(chat, message_id)
    target = plan.decision.target
    if target is None:
        why = clean_line("; ".join(plan.decision.reasons))
        by_route = Row((None, None), f"by the route of this chat: {clean_line(chat.route, 40)}", why)
    else:
        row = _row(target, earlier, HEALTH[target.health])
        by_route = replace(row, key=(None, None), text=f"{row.text} · by the route of this chat")
    return [by_route, *backend_rows(session, chat, earlier)]


def backend_rows(session: Session, chat: Chat, earlier: int | None = None) -> list[Row]:
    """Every backend with its default model, then its other models; what the conversation's privacy bars says why.
    `earlier`: messages that go along; None: all."""
    privacy = session.plan(chat, "").privacy
    rows: list[Row] = []
    for candidate in session.candidates():
        rows.append(Row(None, ""))
        for target, row in _rows_of(session, candidate, len(chat.messages) if earlier is None else earlier):
            rows.append(_unless_barred(row, why_barred(target, privacy)))
    return rows


def _rows_of(session: Session, candidate: Candidate, earlier: int) -> Iterator[tuple[Candidate, Row]]:
    models = session.health(candidate.backend).models
    if candidate.is_local or candidate.model:
        yield candidate, _row(candidate, earlier, HEALTH[candidate.health])
    for model in models:
        if model.name != candidate.model:
            other = session.candidate(candidate.backend, model.name)
            yield other, _row(other, earlier, "")
    if not (candidate.is_local or models):
        backend = clean_line(candidate.backend, 40)
        yield candidate, Row(ToList(candidate.backend), f"{backend} · list its models", "asks it, sends no words")


async def pick_route(view: ChatView, title: str, make_rows: Callable[[], list[Row]], **options: Any) -> object:
    """The (route, model) that the user chose, or None. Who wants a managed backend's models listed picks again."""
    while isinstance(choice := await view.pick(title, make_rows(), **options), ToList):
        assert view.session is not None
        await view.session.check_health(choice.backend)
        health = view.session.health(choice.backend)
        if not health.models:
            view.banner(f"{choice.backend} lists no models: {str(health) or 'its answer names none'}", "error")
        options["current"] = (choice.backend, health.models[0].name) if health.models else choice
    return choice


def _unless_barred(row: Row, why: str | None) -> Row:
    if why is None:
        return row
    return replace(row, detail=f"barred: {why}", style="muted", barred=f"this chat cannot go there: {why}")


def _row(candidate: Candidate, earlier: int, health: str) -> Row:
    """A way off the user's machines says what goes along, rather than how the other side feels."""
    backend, model, zone = candidate_words(candidate)
    key = (candidate.backend, candidate.model)
    if candidate.is_local:
        return Row(key, f"{backend} · {model} · {zone}", health, "local")
    where = zone if candidate.remote_host else "managed"
    return Row(key, f"{backend} · {model} · {where}", earlier_turns(earlier), "managed")

"""`hybridchat escalate`: the last question once more, to the other side."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import click

from hybridchat.cli import output
from hybridchat.cli.answer import Printer
from hybridchat.cli.ask import check_backend, tell, tell_outcome, wait_for
from hybridchat.cli.debugging import log_if_debugging
from hybridchat.cli.disclosing import disclosure_of, disclosure_options
from hybridchat.cli.finite import FiniteRange
from hybridchat.cli.known import BACKEND, CONVERSATION, MODEL
from hybridchat.cli.running import run
from hybridchat.domain.chat import Disclosure, Purpose
from hybridchat.errors import EXIT_OK, UsageError

if TYPE_CHECKING:
    from hybridchat.session.chat import Session


@click.command("escalate")
@click.option("--conversation", "conversation_id", type=CONVERSATION, help="Of this one, not the last one.")
@click.option("--backend", type=BACKEND, metavar="ID", help="Ask this backend; default: the other side.")
@click.option("--model", type=MODEL, metavar="NAME", help="Ask this model of that backend.")
@disclosure_options
@click.option("--timeout", "timeout_s", type=FiniteRange(0, min_open=True), metavar="S", help="Stop after S seconds.")
@output.json_option
def command(
    conversation_id: int | None,
    backend: str | None,
    model: str | None,
    mask: bool,
    send_as_is: bool,
    timeout_s: float | None,
    as_json: bool,
) -> None:
    """Ask a conversation's last question again: a managed backend after a local answer, or back.

    Both answers stay beside each other. What went before the question goes along. Where the conversation is pinned,
    only --backend with one that its privacy allows.

    \b
    hybridchat escalate
    hybridchat escalate --conversation 12 --backend openai
    """
    from hybridchat.cli.store import load_wiring

    if model is not None and backend is None:
        raise UsageError("--model belongs to a backend", "give --backend too")
    disclosure = disclosure_of({"mask": mask, "send_as_is": send_as_is})
    wired = load_wiring()
    check_backend(backend, [backend.id for backend in wired.config.backend])
    session = wired.open_session()
    log_if_debugging(session, wired.paths)
    exit_code = run(escalate(session, conversation_id, backend, model, disclosure, timeout_s, as_json=as_json))
    if exit_code != EXIT_OK:
        raise click.exceptions.Exit(exit_code)


async def escalate(
    session: Session,
    conversation_id: int | None,
    backend: str | None,
    model: str | None,
    disclosure: Disclosure | None,
    timeout_s: float | None,
    *,
    as_json: bool,
) -> int:
    """Returns the exit code; whatever ends it, what came is kept."""
    printer = Printer(as_json=as_json, show_thinking=False)
    session.listen(printer.on_event)
    try:
        await session.start(watch=False, panel=False, only=backend if backend in session.fleet.specs else None)
        chat = await session.open_latest() if conversation_id is None else await session.open(conversation_id)
        if chat is None:
            raise UsageError("there is no conversation yet", "ask something first")
        if backend is None:
            await session.escalate(chat, purpose=Purpose.ASK, disclosure=disclosure)
        else:
            again = partial(session.answer_again, chat, route=backend, model=model, purpose=Purpose.ASK)
            await again(disclosure=disclosure)
        reply = await wait_for(session, chat, printer, timeout_s)
        await tell(session, printer, reply, as_json=as_json)
        return tell_outcome(reply, timeout_s, printer.ways)
    finally:
        await session.close()

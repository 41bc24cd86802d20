"""`hybridchat ask`: one question, the reply streamed to standard output."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click
from msgspec import Struct

from hybridchat.cli import output
from hybridchat.cli.answer import Printer, as_contract
from hybridchat.cli.debugging import log_if_debugging
from hybridchat.cli.disclosing import disclosure_of, disclosure_options
from hybridchat.cli.finite import FiniteRange
from hybridchat.cli.keys import use_key
from hybridchat.cli.known import CONVERSATION, MODEL, PRESET, PROMPT, ROUTE
from hybridchat.cli.prompt import Words, compose, read_stdin, stdin_files
from hybridchat.cli.prompts import values_of, var_option
from hybridchat.cli.running import run
from hybridchat.cli.sampling import parameters_of, sampling_options
from hybridchat.domain.chat import (
    Disclosure,
    Message,
    MessageState,
    Outcome,
    Parameters,
    Purpose,
    is_off_record,
)
from hybridchat.domain.tuning import untaken_words
from hybridchat.errors import EXIT_FAILED, EXIT_OK, EXIT_REFUSED, HybridchatError, UsageError

if TYPE_CHECKING:
    from hybridchat.config import PresetConfig
    from hybridchat.session.chat import Session
    from hybridchat.session.state import Along, Chat
    from hybridchat.session.ways import Way


class Options(Struct, frozen=True, kw_only=True):
    """The command line of one `ask`."""

    prompt: tuple[str, ...]
    backend: str | None
    model: str | None
    key_from: str | None
    local_only: bool
    off_record: bool
    continue_last: bool
    conversation_id: int | None
    system: str | None
    preset: str | None
    prompt_name: str | None
    variables: tuple[str, ...]
    files: tuple[Path, ...]
    unpriced: bool
    drop_oldest: bool
    summarize: bool
    parameters: Parameters
    disclosure: Disclosure | None
    timeout_s: float | None
    show_thinking: bool
    as_json: bool


class Question(NamedTuple):
    text: str
    along: Along


@click.command("ask")
@click.argument("prompt", nargs=-1, type=Words())
@click.option("--backend", type=ROUTE, metavar="ID", help="Ask this backend; or: auto, local, managed.")
@click.option("--model", type=MODEL, metavar="NAME", help="Ask this model.")
@click.option("--key-from", metavar="PLACE", help="Take that backend's key from env:NAME, keyring or command:…")
@click.option("--local-only", is_flag=True, help="Never let this conversation leave the device.")
@click.option("--off-record", is_flag=True, help="Keep this in memory only: nothing of it is written anywhere.")
@click.option("--continue", "continue_last", is_flag=True, help="Go on with the last conversation.")
@click.option("--conversation", "conversation_id", type=CONVERSATION, help="Go on with this conversation.")
@click.option("--system", type=Words(), metavar="TEXT", help="System prompt of a new conversation.")
@click.option("--preset", type=PRESET, metavar="NAME", help="Go by this preset of the config, from this question on.")
@click.option("--prompt", "prompt_name", type=PROMPT, metavar="NAME", help="Ask by this prompt of your library.")
@var_option
@click.option(
    "--file", "files", type=click.Path(path_type=Path), multiple=True, help="Attach a text, picture or PDF; repeatable."
)
@click.option("--unpriced", is_flag=True, help="Where a budget is set, ask a model too whose price is not known.")
@click.option("--drop-oldest", is_flag=True, help="Leave out as many of the oldest turns as the context window asks.")
@click.option("--summarize", is_flag=True, help="Where it is too long, go on in a fork that begins with a summary.")
@disclosure_options
@sampling_options
@click.option("--timeout", "timeout_s", type=FiniteRange(0, min_open=True), metavar="S", help="Stop after S seconds.")
@click.option("--show-thinking", is_flag=True, help="Print the model's thinking on standard error.")
@output.json_option
def command(**arguments: object) -> None:
    """Ask one question; the reply streams to standard output.

    Standard input, when it is not a terminal, is added after the prompt. Ctrl+C stops and keeps what came.

    \b
    hybridchat ask "why is the sky blue?"
    git diff | hybridchat ask "review this" --local-only
    hybridchat ask --off-record < question.txt
    hybridchat ask --continue "and at sunset?"
    """
    from hybridchat.attaching.reading import read_file
    from hybridchat.cli.store import load_wiring
    from hybridchat.config.prompts import fill
    from hybridchat.session.state import Along

    parameters, disclosure = parameters_of(arguments), disclosure_of(arguments)
    options = Options(parameters=parameters, disclosure=disclosure, **arguments)  # type: ignore[arg-type]
    if options.continue_last and options.conversation_id is not None:
        raise UsageError("--continue and --conversation exclude each other", "give one of them")
    if options.system is not None and (options.continue_last or options.conversation_id is not None):
        raise UsageError("--system belongs to a new conversation", "leave out --continue and --conversation")
    if options.off_record and (options.continue_last or options.conversation_id is not None):
        raise UsageError("--off-record is a new conversation", "leave out --continue and --conversation")
    wired = load_wiring(local_only=options.local_only)
    check_backend(options.backend, [backend.id for backend in wired.config.backend])
    library = wired.open_prompts().found(options.prompt_name) if options.prompt_name is not None else None
    if library is None and options.variables:
        raise UsageError("--var belongs to a prompt of your library", "give --prompt NAME too")
    preset_name = options.preset or (library.preset if library else None)
    preset = wired.preset(preset_name) if preset_name is not None else None
    if options.key_from is not None and not wired.local_only:
        use_key(wired, options.backend, options.key_from)
    words = (fill(library, values_of(options.variables)) if library else "", " ".join(options.prompt))
    text = compose("\n\n".join(filter(str.strip, words)), read_stdin(), has_files=bool(options.files))
    asked = Question(text, Along(tuple(read_file(path, may_wait=True) for path in options.files)))
    session = wired.open_session((*options.files, *stdin_files(), *((library.file,) if library else ())))
    if options.unpriced:
        session.budgets.allow_unpriced()
    log_if_debugging(session, wired.paths)
    exit_code = run(ask(session, options, asked, preset, library.workload if library else None))
    if exit_code != EXIT_OK:
        raise click.exceptions.Exit(exit_code)


def check_backend(wanted: str | None, ids: list[str]) -> None:
    """Raises UsageError for a route that the config does not know."""
    if wanted is not None and wanted not in (*ids, "auto", "local", "managed"):
        known = ", ".join(ids) or "none is configured"
        raise UsageError(f"unknown backend {wanted!r}", f"give one of: {known}; or auto, local, managed")


async def ask(
    session: Session,
    options: Options,
    asked: Question,
    preset: PresetConfig | None = None,
    workload: str | None = None,
) -> int:
    """One turn. Returns the exit code; whatever ends it, what came is kept."""
    printer = Printer(as_json=options.as_json, show_thinking=options.show_thinking)
    session.listen(printer.on_event)
    try:
        only = options.backend if options.backend in session.fleet.specs else None
        await session.start(watch=False, panel=False, only=only)
        opened = await open_chat(session, options)
        if preset is not None and (kept_back := await session.presets.choose(opened, preset, system=options.system)):
            output.note(kept_back)
        if workload is not None:
            await session.set_workload(opened, workload)
        chat, drop_turns = await fit(session, opened, options, asked, printer)
        tell_untaken(session, chat, options, asked)
        send = partial(session.send, chat, asked.text, route=options.backend, model=options.model, purpose=Purpose.ASK)
        given, disclosure = options.parameters, options.disclosure
        await send(parameters=given, drop_turns=drop_turns, disclosure=disclosure, along=asked.along)
        reply = await wait_for(session, chat, printer, options.timeout_s)
        drop = next((way.turns for way in printer.ways if way.kind == "drop"), None)
        if drop and options.drop_oldest:  # the window was known to the server alone
            again = partial(session.answer_again, chat, route=options.backend, model=options.model, purpose=Purpose.ASK)
            await again(parameters=given, drop_turns=drop, disclosure=disclosure)
            reply = await wait_for(session, chat, printer, options.timeout_s)
        await tell(session, printer, reply, as_json=options.as_json)
        return tell_outcome(reply, options.timeout_s, printer.ways)
    finally:
        await session.close()


def tell_untaken(session: Session, chat: Chat, options: Options, asked: Question) -> None:
    """The settings that will not go along, but for those that have the question refused: that says itself why."""
    from hybridchat.session.state import Draft

    draft = Draft(asked.text, options.backend, options.model, options.parameters, along=asked.along)
    left_out = [one for one in session.planner.plan(chat, draft).untaken if not one.is_refused]
    if left_out:
        output.note(f"it goes {untaken_words(left_out)}")


async def tell(session: Session, printer: Printer, reply: Message, *, as_json: bool) -> None:
    if as_json:
        await session.books.settle()
        output.json(as_contract(reply, printer.priced(reply)))


async def fit(session: Session, chat: Chat, options: Options, asked: Question, printer: Printer) -> tuple[Chat, int]:
    """The chat to send in, and how many of its oldest turns stay behind, as the flags allow where it is too long."""
    plan = session.plan(chat, asked.text, route=options.backend, model=options.model, along=asked.along)
    ways = {way.kind: way for way in plan.ways}
    if options.summarize and (way := ways.get("summarize")):
        printer.shows_text = False
        fork = await session.fork_with_summary(chat, way.candidate.backend, way.candidate.model, options.disclosure)
        summary = await session.wait(fork)
        printer.shows_text = not options.as_json
        if summary.state is not MessageState.COMPLETE:
            raise HybridchatError(f"no summary: {summary.note}", "leave out --summarize")
        where = "another conversation off the record" if fork.is_off_record else f"conversation {fork.id}"
        output.note(f"this goes on in {where}, which begins with a summary")
        return fork, 0
    return chat, ways["drop"].turns if options.drop_oldest and "drop" in ways else 0


async def open_chat(session: Session, options: Options) -> Chat:
    """The conversation that was meant; what is sent in it is at least as private as this run is."""
    chat: Chat | None
    if options.continue_last:
        chat = await session.open_latest()
        if chat is None:
            raise UsageError("there is no conversation to go on with", "leave out --continue")
    elif options.conversation_id is not None:
        chat = await session.open(options.conversation_id)
    else:
        return session.new(system=options.system or "", off_record=options.off_record)
    return chat


async def wait_for(session: Session, chat: Chat, printer: Printer, timeout_s: float | None) -> Message:
    """The reply as recorded: complete, failed, or stopped by the timeout, by Ctrl+C or because nobody reads any more.

    Raises BrokenPipeError for the last of these.
    """
    reply: asyncio.Future[Message] = asyncio.ensure_future(session.wait(chat))
    try:
        await asyncio.wait((reply, printer.gone), timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
    finally:
        if not reply.done():
            await session.stop(chat)
        printer.end_line()
    if printer.gone.done():
        raise printer.gone.result()
    return await reply


def tell_outcome(reply: Message, timeout_s: float | None, ways: Sequence[Way] = ()) -> int:
    if reply.state is MessageState.COMPLETE:
        if reply.note:
            output.note(reply.note)
        return EXIT_OK
    if reply.state is MessageState.STOPPED and timeout_s is not None:
        output.error(f"stopped after {timeout_s:g} s; what came is kept — give a longer --timeout")
    else:
        output.error("; ".join((reply.note or f"the reply is {reply.state}", *other_ways(reply, ways))))
    refused = reply.attempt is not None and reply.attempt.outcome is Outcome.REFUSED
    return EXIT_REFUSED if refused else EXIT_FAILED


def other_ways(reply: Message, ways: Sequence[Way]) -> Iterator[str]:
    """What may be done about a reply that failed, but for the same once more. Off the record, none: it is gone."""
    if is_off_record(reply.conversation_id):
        return
    failed = reply.attempt.backend if reply.attempt else None
    asks = [way for way in ways if way.kind == "ask" and way.candidate.backend != failed]
    for way in asks[:1]:
        again = f"`hybridchat escalate --conversation {reply.conversation_id} --backend {way.candidate.backend}`"
        yield f"or {again}: {way}"
    if len(asks) > 1:
        yield "or in its place " + " or ".join(f"{way.candidate.backend} ({way.candidate.model})" for way in asks[1:])
    yield from (f"or with --drop-oldest, {way}" for way in ways if way.kind == "drop")

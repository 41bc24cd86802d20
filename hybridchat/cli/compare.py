"""`hybridchat compare`: the same prompts to several backends, side by side, and what was measured of each."""

from __future__ import annotations

from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING

import click
from msgspec import Struct

from hybridchat.cli import output
from hybridchat.cli.answer import Printer, as_contract
from hybridchat.cli.debugging import log_if_debugging
from hybridchat.cli.disclosing import disclosure_of, disclosure_options
from hybridchat.cli.known import BACKENDS, MODELS
from hybridchat.cli.progress import Progress
from hybridchat.cli.prompt import Words, compose, read_stdin, read_text, stdin_files
from hybridchat.cli.running import run
from hybridchat.cli.sampling import parameters_of, sampling_options
from hybridchat.cli.stats import money, p50
from hybridchat.domain.chat import Disclosure, MessageState, Outcome, Parameters
from hybridchat.errors import EXIT_FAILED, EXIT_OK, HybridchatError, UsageError

if TYPE_CHECKING:
    from hybridchat.domain.compare import Side
    from hybridchat.domain.compare_stats import Difference, SideSummary
    from hybridchat.domain.stats import Percentiles
    from hybridchat.session.chat import Session
    from hybridchat.session.compare_run import Done, Prompt
    from hybridchat.session.comparing import Answer


class Options(Struct, frozen=True, kw_only=True):
    """The command line of one `compare`."""

    prompt: tuple[str, ...]
    backends: str
    models: str | None
    prompts: Path | None
    name: str
    at_once: int
    together: bool
    local_only: bool
    unpriced: bool
    system: str
    parameters: Parameters
    disclosure: Disclosure | None
    as_json: bool


@click.command("compare")
@click.argument("prompt", nargs=-1, type=Words())
@click.option(
    "--backends",
    type=BACKENDS,
    required=True,
    metavar="A,B[,C,D]",
    help="Who answers, in this order; one may come twice.",
)
@click.option(
    "--models",
    type=MODELS,
    metavar="M,N[,…]",
    help="Their models, in the same order; an empty one is the backend's own.",
)
@click.option("--prompts", type=click.Path(path_type=Path), metavar="FILE", help="A prompt a line, or JSON Lines.")
@click.option("--name", default="", metavar="TEXT", help="Ask the same file once more, as another run.")
@click.option(
    "--at-once", type=click.IntRange(1, 16), default=1, show_default=True, help="So many prompts of a file at a time."
)
@click.option("--together", is_flag=True, help="Sides on one server of yours at the same time, not one by one.")
@click.option("--local-only", is_flag=True, help="Nothing of this run leaves the device.")
@click.option("--unpriced", is_flag=True, help="Where a budget is set, ask a model too whose price is not known.")
@click.option("--system", type=Words(), default="", metavar="TEXT", help="System prompt, where the file has none.")
@disclosure_options
@sampling_options
@output.json_option
def command(**arguments: object) -> None:
    """Ask two to four backends the same, side by side; a file of prompts goes on where it was stopped.

    What is there already is not asked, nor paid, again. Votes are given on the screen: Alt+C.

    \b
    hybridchat compare --backends lab,openai "why is the sky blue?"
    hybridchat compare --backends lab,lab --models small,large --prompts prompts.txt
    hybridchat compare --backends lab,openai --prompts prompts.jsonl --json > answers.jsonl
    """
    from hybridchat.cli.store import load_wiring
    from hybridchat.session.compare_run import Prompt

    parameters, disclosure = parameters_of(arguments), disclosure_of(arguments)
    options = Options(parameters=parameters, disclosure=disclosure, **arguments)  # type: ignore[arg-type]
    sides = sides_of(options.backends, options.models)
    files = () if options.prompts is None else (options.prompts,)
    wired = load_wiring(local_only=options.local_only)
    if options.prompts is None:
        prompts = [Prompt(compose(" ".join(options.prompt), read_stdin()), options.system)]
    elif options.prompt:
        raise UsageError("a prompt and --prompts exclude each other", "give one of them")
    else:
        prompts = _read(options.prompts, options.system)
    session = wired.open_session((*files, *stdin_files()))
    if options.unpriced:
        session.budgets.allow_unpriced()
    log_if_debugging(session, wired.paths)
    code = run(compare(session, options, prompts, sides))
    if code != EXIT_OK:
        raise click.exceptions.Exit(code)


def sides_of(backends: str, models: str | None) -> list[Side]:
    """Raises UsageError for more models than backends."""
    from hybridchat.domain.compare import Side

    names = [name.strip() for name in backends.split(",") if name.strip()]
    wanted = [model.strip() for model in (models or "").split(",")]
    if len(wanted) > len(names):
        raise UsageError("there are more models than backends", "one for each, in the same order")
    wanted += [""] * (len(names) - len(wanted))
    return [Side(name, model or None) for name, model in zip(names, wanted, strict=True)]


def _read(file: Path, system: str) -> list[Prompt]:
    from msgspec.structs import replace

    from hybridchat.session.compare_run import read_prompts

    return [replace(prompt, system=prompt.system or system) for prompt in read_prompts(read_text(file))]


async def compare(session: Session, options: Options, prompts: list[Prompt], sides: list[Side]) -> int:
    """Returns the exit code; whatever ends it, what came is kept."""
    import asyncio

    from hybridchat.session.compare_plan import Terms, check_sides
    from hybridchat.session.compare_run import CompareRun

    check_sides(sides, session.fleet.specs)
    terms = Terms(
        parameters=options.parameters,
        disclosure=options.disclosure,
        one_by_one=not options.together,
    )
    session.listen(Printer(as_json=True, show_thinking=False).on_event)  # an answer is shown when it has ended
    done: list[Done] = []
    is_file = options.prompts is not None
    try:
        await session.start(watch=False, panel=False)
        over = CompareRun(session, prompts, sides, terms, at_once=options.at_once, name=options.name, is_kept=is_file)
        with Progress() as progress:
            async with aclosing(over.run()) as all_done:
                async for one in all_done:
                    done.append(one)
                    _show(one, as_json=options.as_json)
                    if is_file:
                        progress.show(f"{len(done)} of {len(prompts)} prompts", len(done) / len(prompts))
    except (HybridchatError, asyncio.CancelledError):
        if is_file:
            output.note(f"{len(done)} of {len(prompts)} prompts are answered; the same command goes on from here")
        raise
    finally:
        _summarize(done, as_json=options.as_json)
        await session.close()
    return EXIT_OK if all(one.is_complete for one in done) else EXIT_FAILED


def _show(done: Done, *, as_json: bool) -> None:
    if as_json:
        sides = [_as_json(answer) for answer in done.answers]
        about = {"number": done.number + 1, "id": done.prompt.id, "prompt": done.prompt.prompt}
        place = {"comparison_id": done.compared.id, "conversation_id": done.compared.conversation_id}
        output.json_line(
            {**about, **place, "workload": done.compared.workload, "was_there": done.was_there, "sides": sides}
        )
        return
    for answer in done.answers:
        output.line(f"--- {answer.side.letter}: {answer.side.model} on {answer.side.backend}")
        if answer.reply is not None:
            output.line(answer.reply.text)
            if answer.reply.state is not MessageState.COMPLETE:
                output.note(f"{answer.side.letter}: {answer.reply.state}: {answer.reply.note}")


def _as_json(answer: Answer) -> dict[str, object]:
    reply = answer.reply
    if reply is None:
        return {"backend": answer.side.backend, "model": answer.side.model, "state": "deleted"}
    is_failed = reply.attempt is None or reply.attempt.outcome is not Outcome.OK
    why = {"state": reply.state, "error": reply.note if is_failed else None}
    return {**as_contract(reply, reply.attempt), **why, "was_shared": answer.side.was_shared}


def _summarize(done: list[Done], *, as_json: bool) -> None:
    """Of what is there, whatever ended it."""
    from hybridchat.domain.compare_stats import differences, side_summaries

    prompts = [
        [(answer.side, answer.reply.attempt if answer.reply else None) for answer in one.answers] for one in done
    ]
    if not prompts:
        return
    sides, pairs = side_summaries(prompts), differences(prompts)
    if as_json:
        output.json_line({"summary": {"prompts": len(done), "sides": sides, "differences": pairs}})
        return
    output.line()
    output.table(
        ("side", "answers", "failed", "TTFT p50", "tok/s p50", "cost", "shared"), [_side_row(side) for side in sides]
    )
    for pair in pairs:
        for line in _difference_lines(pair):
            output.note(line)


def _side_row(side: SideSummary) -> tuple[object, ...]:
    return (
        f"{side.backend}/{side.model}",
        side.answers,
        side.failures,
        _median(side.ttft_ms, "ms"),
        _median(side.tokens_per_s, ""),
        money(side.cost),
        side.shared,
    )


def _median(values: Percentiles, unit: str) -> str:
    return p50(values, unit) + (f" (n={values.n})" if values.n else "")


def _difference_lines(pair: Difference) -> list[str]:
    """Of the same prompts; nothing where nothing was measured of both."""
    facts = []
    if pair.ttft_ms.p50 is not None:
        facts.append(f"TTFT {pair.ttft_ms.p50:+,.0f} ms (n={pair.ttft_ms.n})")
    if pair.tokens_per_s.p50 is not None:
        facts.append(f"{pair.tokens_per_s.p50:+,.1f} tok/s (n={pair.tokens_per_s.n})")
    return [f"{pair.b} against {pair.a}, median of the differences: {', '.join(facts)}"] if facts else []

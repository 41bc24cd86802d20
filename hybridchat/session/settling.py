"""What an ended managed attempt cost: as the server counted, or, where it did not or could not, by an estimate that
says that it is one.

The price list is heavy to load: call this in a worker thread.
"""

from __future__ import annotations

from datetime import datetime

from msgspec.structs import replace

from hybridchat.backends.base import BackendSpec
from hybridchat.domain.chat import Attempt, CostBasis, Outcome
from hybridchat.domain.estimate import History, estimate
from hybridchat.domain.events import Usage
from hybridchat.domain.pricing import Cost
from hybridchat.ledger.store import Unpriced
from hybridchat.session.prices import PriceBook


def cost_of(prices: PriceBook, spec: BackendSpec | None, ended: Unpriced, history: History) -> Cost:
    """`spec` None: the backend is no longer in the config. A reservation never vanishes: where there is no better
    estimate, it is the cost."""
    cost = _cost(prices, spec, ended, history)
    if cost.usd is None and ended.reserved_usd is not None:
        return Cost(ended.reserved_usd, CostBasis.ESTIMATED, f"all that was reserved for it: {cost.detail}")
    return cost


def _cost(prices: PriceBook, spec: BackendSpec | None, ended: Unpriced, history: History) -> Cost:
    attempt = ended.attempt
    if spec is None:
        return Cost(None, CostBasis.UNKNOWN, f"{attempt.backend} is no longer in the config")
    usage, why = _usage(ended, history)
    at = datetime.fromisoformat(attempt.started_at)
    spec = replace(spec, zone=attempt.zone)
    cost = prices.cost_of(spec, attempt.model, usage, at, requested=attempt.requested_model)
    if not why or cost.usd is None:
        return cost
    return Cost(cost.usd, CostBasis.ESTIMATED, f"{why}; {cost.detail}")


def _usage(ended: Unpriced, history: History) -> tuple[Usage, str]:
    """The counts, and what of them is an estimate, or "". Counts of a stream that broke off are those of some moment in
    it: a prompt's holds, a reply's is at least what came."""
    attempt = ended.attempt
    reported = reported_usage(attempt)
    is_whole = attempt.outcome is Outcome.OK or attempt.zone.is_local  # only managed ones are estimated
    if is_whole and reported.prompt_tokens is not None and reported.completion_tokens is not None:
        return reported, ""
    prompt, reply = reported.prompt_tokens, reported.completion_tokens
    if prompt is None and ended.prompt_tokens_counted is not None:
        prompt = estimate(ended.prompt_tokens_counted, history.prompt_ratio).tokens
    if (reply is None or not is_whole) and ended.reply_tokens_counted is not None:
        reply = max(reply or 0, estimate(ended.reply_tokens_counted, history.reply_ratio).tokens)
    how = "not counted by the server" if is_whole else f"{attempt.outcome} before the server's last count"
    return replace(reported, prompt_tokens=prompt, completion_tokens=reply), f"{how}: by the characters that came"


def reported_usage(attempt: Attempt) -> Usage:
    return Usage(
        prompt_tokens=attempt.prompt_tokens,
        cached_tokens=attempt.cached_tokens,
        cache_write_tokens=attempt.cache_write_tokens,
        completion_tokens=attempt.completion_tokens,
        thinking_tokens=attempt.thinking_tokens,
        cache_write_1h_tokens=attempt.cache_write_1h_tokens,
    )

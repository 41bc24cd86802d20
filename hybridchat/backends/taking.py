"""Which of a conversation's settings a backend takes, by its protocol and by its model: the rest is said, not lost."""

from __future__ import annotations

from collections.abc import Iterator

from hybridchat.backends.base import BackendSpec
from hybridchat.backends.facts import effort_rule, facts, takes_sampling
from hybridchat.domain.chat import Effort, ModelInfo, Parameters
from hybridchat.domain.text import clean_line
from hybridchat.domain.tuning import Untaken, given


def untaken(
    spec: BackendSpec, model: str, parameters: Parameters, info: ModelInfo | None = None
) -> tuple[Untaken, ...]:
    """Those of the parameters that would not go to that model, each with why. `info`: what the backend told of it."""
    return tuple(_untaken(spec, model, parameters, info))


def carried(spec: BackendSpec, model: str, parameters: Parameters, info: ModelInfo | None = None) -> Parameters:
    """Those that a request to that model carries."""
    left_out = {one.name for one in untaken(spec, model, parameters, info)}
    return Parameters(**{name: value for name, value in given(parameters).items() if name not in left_out})


def _untaken(spec: BackendSpec, model: str, parameters: Parameters, info: ModelInfo | None) -> Iterator[Untaken]:
    protocol, name, effort = facts().settings.get(spec.kind), clean_line(model, 60) or "this model", parameters.effort
    may_sample = takes_sampling(spec.kind, spec.address.host, model, effort)
    for setting in given(parameters):
        if protocol is not None and setting in protocol.left_out:
            yield Untaken(setting, f"{spec.kind} has no such setting")
        elif protocol is not None and setting in protocol.refused:
            yield Untaken(setting, f"{spec.kind} has no such setting", is_refused=True)
        elif setting in ("temperature", "top_p") and not may_sample:
            yield Untaken(setting, _why_no_sampling(spec, model, name, effort))
        elif setting == "temperature" and protocol is not None and (most := protocol.most_temperature) is not None:
            if (parameters.temperature or 0) > most:
                yield Untaken(setting, f"{spec.kind} takes at most {most:g}", is_refused=True)
        elif setting == "effort" and effort is not None and (why := _why_no_effort(spec, model, name, effort, info)):
            yield Untaken(setting, why)


def _why_no_sampling(spec: BackendSpec, model: str, name: str, effort: Effort | None) -> str:
    levels = [level for level in effort_rule(spec.kind, spec.address.host, model).sampling if level != "unset"]
    return f"{name} takes it with effort {' or '.join(levels)} only" if levels else f"{name} takes none"


def _why_no_effort(spec: BackendSpec, model: str, name: str, effort: Effort, info: ModelInfo | None) -> str:
    """Nothing sent for `off` may well be off; for more, it is left to the model."""
    if info is not None and info.capabilities and "thinking" not in info.capabilities and spec.kind == "ollama":
        return f"{name} cannot think"
    if effort is Effort.OFF or getattr(effort_rule(spec.kind, spec.address.host, model), effort):
        return ""
    return f"no way is known to tell {name}"

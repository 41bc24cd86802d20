"""A prompt of the user's: Markdown with `{{variables}}`, and what stands between `+++` lines above it, in TOML."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from hybridchat.config.problems import KeyPath, Problem, problem_at, syntax_problem
from hybridchat.errors import UsageError

SUFFIX = ".md"
_FENCE = "+++"
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_SLOT = re.compile(r"(\\)?\{\{(?:[ \t]*([A-Za-z_][A-Za-z0-9_-]*)[ \t]*\}\})?")
_HEADING = re.compile(r"^#\s+(.+)$", re.MULTILINE)


class Variable(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[variables.NAME]`. Without `default`, it has to be said."""

    description: str = ""
    default: str | None = None
    choices: tuple[str, ...] = ()
    multiline: bool = False


class _Head(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    title: str = ""
    description: str = ""
    preset: str | None = None
    workload: str | None = None
    variables: dict[str, Variable] = {}


class PromptFile(Struct, frozen=True, kw_only=True):
    """`name` is its path in the library, without the suffix. `preset` and `workload`: for the chat that it is put into.
    `variables` in the order of the file."""

    name: str
    file: Path
    title: str
    description: str = ""
    preset: str | None = None
    workload: str | None = None
    variables: Mapping[str, Variable] = {}
    body: str = ""


class BrokenPrompt(UsageError):
    """`problem` says which file, where in it, and what to do."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(str(replace(problem, allowed="")), problem.allowed)
        self.problem = problem


def broken(file: Path, line: int | None, what: str, remedy: str) -> BrokenPrompt:
    return BrokenPrompt(Problem(str(file), line, "", what, remedy))


def read_prompt(text: str, name: str, file: Path) -> PromptFile:
    """Raises BrokenPrompt, for the first mistake."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    head, begins = _Head(), 1
    lines = text.split("\n")
    if lines[0].strip() == _FENCE:
        end = next((number for number, line in enumerate(lines[1:], 1) if line.strip() == _FENCE), None)
        if end is None:
            raise broken(file, 1, f"the {_FENCE} is not closed", f"{_FENCE} on a line of its own above the prompt")
        # the first line stays as a blank one, so that lines are those of the file
        head, begins = _head("\n".join(["", *lines[1:end], ""]), file), end + 2
    elif lines[0].rstrip() == "---" and "---" in (line.rstrip() for line in lines[1:40]):
        raise broken(file, 1, "what stands between --- is YAML", f"write TOML between {_FENCE} lines")
    body = "\n".join(lines[begins - 1 :])
    variables = head.variables or {slot: Variable() for slot in _slots(body)}
    for place, slot in _placed(body):
        if slot not in variables:
            line = begins + body.count("\n", 0, place)
            from difflib import get_close_matches

            near = get_close_matches(slot, variables, 1)
            meant = f"did you mean {{{{{near[0]}}}}}? " if near else ""
            remedy = f"{meant}[variables.{slot}] makes it one; \\{{{{ means the braces"
            raise broken(file, line, f"{{{{{slot}}}}} is no variable of this prompt", remedy)
    heading = _HEADING.search(body)
    return PromptFile(
        name=name,
        file=file,
        title=head.title or (heading[1].strip() if heading else "") or name.rpartition("/")[2].replace("-", " "),
        description=head.description,
        preset=head.preset,
        workload=head.workload,
        variables=variables,
        body=body.strip("\n"),
    )


def _head(toml: str, file: Path) -> _Head:
    try:
        data = tomllib.loads(toml)
    except tomllib.TOMLDecodeError as error:
        raise BrokenPrompt(syntax_problem(error, toml, str(file))) from None
    except RecursionError:
        raise broken(file, 1, "is nested too deeply", "tables in tables at most") from None
    try:
        head = msgspec.convert(data, _Head)
    except msgspec.ValidationError:
        from hybridchat.config.explain import conversion_problems

        raise BrokenPrompt(conversion_problems(data, _Head, toml, str(file))[0]) from None
    for path, what, allowed in _contradictions(head):
        raise BrokenPrompt(problem_at(toml, str(file), path, what, allowed))
    return head


def _contradictions(head: _Head) -> Iterator[tuple[KeyPath, str, str]]:
    for name, variable in head.variables.items():
        if not _NAME.fullmatch(name):
            yield ("variables", name), "is no name for a variable", "letters, digits, - and _"
        elif variable.choices and variable.default is not None and variable.default not in variable.choices:
            yield ("variables", name, "default"), f'"{variable.default}" is no choice', ", ".join(variable.choices)


def _placed(body: str) -> Iterator[tuple[int, str]]:
    """Where each variable stands."""
    for found in _SLOT.finditer(body):
        if found[1] is None and found[2] is not None:
            yield found.start(), found[2]


def _slots(body: str) -> list[str]:
    return list(dict.fromkeys(slot for _, slot in _placed(body)))


def fill(prompt: PromptFile, values: Mapping[str, str]) -> str:
    """The prompt with those values, and the defaults of the others. What is put in is not looked at again.

    Raises UsageError for a variable that it has not, one that is not said, and a value that is no choice.
    """
    for name in values:
        if name not in prompt.variables:
            names = ", ".join(prompt.variables)
            raise UsageError(f"{prompt.name} has no variable {name!r}", f"it has {names or 'none'}")
    said: dict[str, str] = {}
    for name, variable in prompt.variables.items():
        value = values.get(name, variable.default)
        if value is None:
            raise UsageError(f"{prompt.name}: {name} is not said", f"--var {name}=…")
        if variable.choices and value not in variable.choices:
            raise UsageError(f"{prompt.name}: {value!r} is no {name}", f"one of: {', '.join(variable.choices)}")
        said[name] = value
    return preview(prompt, said)


def preview(prompt: PromptFile, values: Mapping[str, str]) -> str:
    """The same, with the names where nothing is said."""

    def put(found: re.Match[str]) -> str:
        escape, slot = found.groups()
        if escape is not None:
            return found[0][1:]
        return found[0] if slot is None else values.get(slot, found[0])

    return _SLOT.sub(put, prompt.body)


def as_file(title: str, body: str) -> str:
    """A new prompt file. Its variables are those that stand in it."""
    return f"{_FENCE}\ntitle = {msgspec.json.encode(title).decode()}\n{_FENCE}\n{body.strip()}\n"

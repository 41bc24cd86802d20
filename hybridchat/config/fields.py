"""The config's keys with what its types and docstrings say of them: for the settings and docs/config.md."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from decimal import Decimal
from functools import cache
from itertools import pairwise
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Struct

from hybridchat.config import Config

Sort = Literal["switch", "choice", "text", "number", "list", "tables"]

_SORTS: dict[Any, Sort] = {bool: "switch", str: "text", int: "number", float: "number", Decimal: "number"}


class Field(Struct, frozen=True):
    """One key of one of the config's tables."""

    table: str
    name: str
    sort: Sort  # "tables" cannot be said in one line
    choices: tuple[str, ...]
    default: Any
    meaning: str

    @property
    def key(self) -> str:
        return f"{self.table}.{self.name}"

    def of(self, config: Config) -> Any:
        """What the config says."""
        return getattr(getattr(config, self.table), self.name)


def table_meanings() -> dict[str, str]:
    """Each single table's name and what it is for; not `[[backend]]`, of which there are many."""
    return {name: _after_heading(struct) for name, struct in _tables()}


@cache
def fields() -> tuple[Field, ...]:
    """The keys of the single tables, in the order of docs/config.md."""
    return tuple(_fields())


def _fields() -> Iterator[Field]:
    for table, struct in _tables():
        meanings, defaults = docstrings(struct), struct()
        for name, hint in get_type_hints(struct, include_extras=True).items():
            sort, choices = _sort(hint)
            yield Field(table, name, sort, choices, getattr(defaults, name), meanings.get(name, ""))


def docstrings(struct: type[Struct]) -> dict[str, str]:
    """The string under each field, which the interpreter throws away; none where the sources are not installed."""
    try:
        body = ast.parse(inspect.getsource(struct)).body[0].body  # type: ignore[attr-defined]
    except OSError:
        return {}
    found = {}
    for node, below in pairwise(body):
        if isinstance(node, ast.AnnAssign) and isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant):
            found[node.target.id] = inspect.cleandoc(below.value.value)  # type: ignore[union-attr, arg-type]
    return found


def _tables() -> Iterator[tuple[str, type[Struct]]]:
    for field in msgspec.structs.fields(Config):
        if isinstance(field.type, type) and issubclass(field.type, Struct):
            yield field.name, field.type


def _after_heading(struct: type[Struct]) -> str:
    return (inspect.getdoc(struct) or "").partition(": ")[2]


def _sort(hint: Any) -> tuple[Sort, tuple[str, ...]]:
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return _sort(arguments[0])
    if origin in (Union, UnionType):  # "or none": TOML has no null
        return _sort(next(argument for argument in arguments if argument is not NoneType))
    if origin is Literal:
        return "choice", tuple(map(str, arguments))
    if origin is tuple and arguments[0] is str:
        return "list", ()
    return _SORTS.get(hint, "tables"), ()

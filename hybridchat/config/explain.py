"""What is wrong in a config file that is TOML but not a config; loaded only then.

msgspec stops at the first mistake and knows no lines. So each mistake is noted and mended in a copy, and the copy is
converted again, until nothing is left to note.
"""

from __future__ import annotations

import copy
import difflib
import re
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import msgspec
from msgspec import Struct
from msgspec import inspect as types

from hybridchat.config import NAME_PATTERN
from hybridchat.config.problems import KeyPath, Problem, at, problem_at

MAX_PROBLEMS = 50
_CONVERSION = re.compile(r"(?P<what>.*?)(?: - at `\$(?P<path>.*)`)?", re.DOTALL)
_STEP = re.compile(r"\.(?P<key>[^.\[]+)|\[(?P<place>\d+|\.\.\.)\]")
_KINDS = {bool: "true or false", int: "a number", Decimal: "a number", str: "text", list: "a list", dict: "a table"}
_QUOTED = re.compile(r"`([^`]+)`|'([^']*)'")


def conversion_problems(data: dict[str, Any], wanted: type[Struct], text: str, file: str) -> list[Problem]:
    """Every place where `data`, read from `text`, is not what `wanted` says."""
    data = copy.deepcopy(data)
    problems: list[Problem] = []
    mended: set[KeyPath] = set()
    for _ in range(MAX_PROBLEMS):
        try:
            msgspec.convert(data, wanted)
        except msgspec.ValidationError as error:
            match = _CONVERSION.fullmatch(str(error))
            assert match is not None
            path, what = _resolve(data, wanted, str(error), match["path"] or ""), match["what"]
            path, what, allowed = _explain(wanted, data, path, what)
            if path not in mended:
                problems.append(problem_at(text, file, path, what, allowed))
            mended.add(path)
        else:
            break
    return sorted(problems, key=lambda problem: problem.line or 0)


def _resolve(data: dict[str, Any], wanted: type[Struct], message: str, shown: str) -> KeyPath:
    """The path that msgspec shows, with the keys for which it writes only `[...]`."""
    path: KeyPath = ()
    for match in _STEP.finditer(shown):
        if match["key"] is not None:
            path += (match["key"],)
        elif match["place"] != "...":
            path += (int(match["place"]),)
        else:
            path += (_guilty_key(data, wanted, message, path),)
    return path


def _guilty_key(data: dict[str, Any], wanted: type[Struct], message: str, path: KeyPath) -> str:
    """Of a table with free keys, the one that alone brings the same message."""
    keys = list(at(data, path))
    for key in keys:
        alone = copy.deepcopy(data)
        table = at(alone, path)
        for other in keys:
            if other != key:
                del table[other]
        try:
            msgspec.convert(alone, wanted)
        except msgspec.ValidationError as error:
            if str(error) == message:
                return str(key)
    raise AssertionError(f"no key of {path} explains {message}")


def _explain(wanted: type[Struct], data: dict[str, Any], path: KeyPath, what: str) -> tuple[KeyPath, str, str]:
    """Says it in the file's words, and mends it in `data`: path, what is wrong, what is allowed."""
    quoted = _QUOTED.search(what)
    name = (quoted[1] or quoted[2]) if quoted else ""
    if what.startswith("Object contains unknown field"):
        table = _type_at(wanted, path)
        del at(data, path)[name]
        return (*path, name), "there is no such key", _one_of(name, [field.encode_name for field in table.fields])
    if what.startswith("Object missing required field"):
        field = next(field for field in _type_at(wanted, path).fields if field.encode_name == name)
        at(data, path)[name] = _filler(field.type)
        return (*path, name), "is missing", _allowed(field.type)
    value, expected = at(data, path), _type_at(wanted, path)
    at(data, path[:-1])[path[-1]] = _filler(expected)
    names = _names(expected)
    if names and isinstance(value, str):
        return path, f'"{value}" is not allowed', _one_of(value, names)
    got, allowed = _KINDS.get(type(value), "a date"), _allowed(expected)
    is_of_that_kind = allowed.startswith((got, "a whole number") if type(value) is int else got)
    return path, "has a value that is not allowed" if is_of_that_kind else f"is {got}", allowed


def _type_at(wanted: type[Struct], path: KeyPath) -> Any:
    """What the config's types say of that place."""
    found: Any = types.type_info(wanted)
    for step in path:
        if isinstance(found, types.StructType):
            found = _plain(next(field.type for field in found.fields if field.encode_name == step))
        else:
            found = _plain(found.value_type if isinstance(found, types.DictType) else found.item_type)
    return found


def _plain(expected: Any) -> Any:
    """Without "or none": TOML has no null."""
    if isinstance(expected, types.UnionType):
        return next(option for option in expected.types if not isinstance(option, types.NoneType))
    return expected


def _names(expected: Any) -> list[str]:
    if isinstance(expected, types.LiteralType):
        return [str(value) for value in expected.values]
    return [str(member.value) for member in expected.cls] if isinstance(expected, types.EnumType) else []


def _allowed(expected: Any) -> str:
    expected = _plain(expected)
    match expected:
        case types.LiteralType() | types.EnumType():
            return _one_of("", _names(expected))
        case types.StrType(pattern=pattern) if pattern == NAME_PATTERN:
            return "text in one line, without /, at most 64 characters"
        case types.StrType(pattern=str()):
            return "text of letters, digits, dot, hyphen and underscore, at most 64"
        case types.IntType(gt=above) | types.FloatType(gt=above):
            sort = "a whole number" if isinstance(expected, types.IntType) else "a number"
            return sort if above is None else f"{sort} above {above:g}"
        case types.DecimalType():
            return "a number"
        case types.BoolType():
            return "true or false"
        case types.VarTupleType(item_type=types.StructType()):
            return "a list of tables, each under its own [[…]]"
        case types.VarTupleType():
            return "a list of text"
        case types.StructType() | types.DictType():
            return "a table"
    return "text"


def _one_of(given: str, names: Iterable[str]) -> str:
    """The nearest name where there is one, and all that are allowed."""
    names = list(names)
    near = difflib.get_close_matches(given, names, 1)
    every = "allowed: " + ", ".join(names)
    return f'did you mean "{near[0]}"? {every}' if near else every


def _filler(expected: Any) -> Any:
    """A value that converts."""
    expected = _plain(expected)
    match expected:
        case types.LiteralType() | types.EnumType():
            return _names(expected)[0]
        case types.IntType() | types.FloatType() | types.DecimalType():
            return 1
        case types.BoolType():
            return False
        case types.VarTupleType():
            return []
        case types.DictType() | types.StructType():
            return {}
    return "x"

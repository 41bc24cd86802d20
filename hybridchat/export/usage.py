"""Usage rows in formats that other tools read: one writer per format, in a table. Each streams; none holds the rows."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TextIO

import msgspec

Row = Sequence[Any]  # str, int, float or None
Writer = Callable[[Sequence[str], Iterable[Row], TextIO], None]


def write_csv(columns: Sequence[str], rows: Iterable[Row], stream: TextIO) -> None:
    """RFC 4180 with a header line; an unknown value is an empty field."""
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)


def write_jsonl(columns: Sequence[str], rows: Iterable[Row], stream: TextIO) -> None:
    """One object per line; an unknown value is null."""
    for row in rows:
        stream.write(_object(columns, row) + "\n")


def write_json(columns: Sequence[str], rows: Iterable[Row], stream: TextIO) -> None:
    """One array of objects, one object per line."""
    separator = "\n"
    stream.write("[")
    for row in rows:
        stream.write(separator + _object(columns, row))
        separator = ",\n"
    stream.write("\n]\n")


def _object(columns: Sequence[str], row: Row) -> str:
    return msgspec.json.encode(dict(zip(columns, row, strict=True))).decode()


FORMATS: dict[str, Writer] = {"csv": write_csv, "jsonl": write_jsonl, "json": write_json}

"""Usage exports: golden files, constant memory, and other tools that read them and the ledger."""

from __future__ import annotations

import io
import json
import sqlite3
import tracemalloc
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb
import pandas
import pytest

from hybridchat.domain.chat import CostBasis, Outcome
from hybridchat.export.usage import FORMATS
from hybridchat.ledger import writes
from hybridchat.ledger.reads import USAGE_COLUMNS
from hybridchat.ledger.store import AttemptCost
from tests.unit.ledger.helpers import MANAGED, end_of, new_turn, opened, whole_turn

GOLDEN = Path(__file__).parents[2] / "golden"


@pytest.fixture
def filled(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A ledger with a local reply, a priced one with awkward words, one that failed, one that never ended."""
    path = home / "hybridchat.db"
    monkeypatch.setattr(writes, "utc_now", lambda: "2026-11-21T08:30:00.125Z")
    with opened(path) as ledger:
        whole_turn(ledger, "one")
        ids = ledger.begin_turn(new_turn(attempt=MANAGED)).result()
        ledger.end_attempt(end_of(ids, model='big, "quoted"\n=1+1 é', skipped_events=2)).result()
        cost = AttemptCost(attempt_id=ids.attempt_id, usd="0.00012", basis=CostBasis.PRICED, detail="list of 2026-11")
        ledger.set_cost(cost).result()
        ids = ledger.begin_turn(new_turn()).result()
        unknown = dict.fromkeys(("ttft_ms", "prompt_tokens", "completion_tokens", "tokens_per_s", "finish_reason"))
        ledger.end_attempt(end_of(ids, "", outcome=Outcome.ERROR, error_kind="reset", **unknown)).result()
        ledger.begin_turn(new_turn()).result()
    return path


def export(path: Path, name: str) -> str:
    stream = io.StringIO()
    with opened(path) as ledger:
        FORMATS[name](USAGE_COLUMNS, ledger.usage_rows(), stream)
    return stream.getvalue()


@pytest.mark.parametrize("name", FORMATS)
def test_golden(filled: Path, name: str) -> None:
    assert export(filled, name) == (GOLDEN / f"usage.{name}").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", FORMATS)
def test_without_rows(name: str) -> None:
    stream = io.StringIO()
    FORMATS[name](("a", "b"), iter(()), stream)
    assert stream.getvalue() == {"csv": "a,b\n", "jsonl": "", "json": "[\n]\n"}[name]


def test_json_is_what_jsonl_is(filled: Path) -> None:
    lines = [json.loads(line) for line in export(filled, "jsonl").splitlines()]
    assert json.loads(export(filled, "json")) == lines
    assert lines[1]["model"] == 'big, "quoted"\n=1+1 é'
    assert lines[2]["prompt_tokens"] is None


def test_pandas_reads_them(filled: Path) -> None:
    frames = [
        pandas.read_csv(io.StringIO(export(filled, "csv"))),
        pandas.read_json(io.StringIO(export(filled, "jsonl")), lines=True),
        pandas.read_json(io.StringIO(export(filled, "json"))),
    ]
    for frame in frames:
        assert tuple(frame.columns) == USAGE_COLUMNS
        assert frame["outcome"].tolist() == ["ok", "ok", "error", "interrupted"]
        assert frame["ttft_ms"].mean() == 100.0
        assert frame["prompt_tokens"].isna().tolist() == [False, False, True, True]
        assert frame["cost_usd"].sum() == pytest.approx(0.00012)


def test_other_tools_read_the_ledger_itself(filled: Path) -> None:
    with closing(sqlite3.connect(filled)) as connection:
        frame = pandas.read_sql(
            "SELECT backend, avg(ttft_ms) AS ttft_ms, count(*) AS n FROM usage GROUP BY 1", connection
        )
    assert frame.to_dict("list") == {"backend": ["lab", "rented"], "ttft_ms": [100.0, 100.0], "n": [3, 1]}


@pytest.mark.parametrize(("name", "reader"), [("csv", "read_csv"), ("jsonl", "read_json"), ("json", "read_json")])
def test_duckdb_reads_them(filled: Path, tmp_path: Path, name: str, reader: str) -> None:
    file = tmp_path / f"usage.{name}"
    file.write_text(export(filled, name), encoding="utf-8")
    columns = "backend, count(*), sum(cost_usd), max(started_at)::TIMESTAMP::TEXT"
    statement = f"SELECT {columns} FROM {reader}('{file}') GROUP BY 1 ORDER BY 1"
    rows = duckdb.sql(statement).fetchall()
    assert rows == [("lab", 3, None, "2026-11-21 08:30:00.125"), ("rented", 1, 0.00012, "2026-11-21 08:30:00.125")]


def test_a_million_rows_need_no_memory() -> None:
    class Nowhere(io.StringIO):
        def write(self, text: str) -> int:
            return len(text)

    def rows(count: int) -> Iterator[tuple[Any, ...]]:
        return ((number, "text", None, 1.5) for number in range(count))

    for writer in FORMATS.values():
        tracemalloc.start()
        writer(("a", "b", "c", "d"), rows(20_000), Nowhere())
        _, peak_bytes = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak_bytes < 500_000  # the rows themselves are some megabytes

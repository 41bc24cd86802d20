"""The audit's rows: committed when the Future is done, kept without text, filtered, one ledger for a run."""

from __future__ import annotations

from pathlib import Path

import pytest

from hybridchat.domain.audit import Departure, Errand
from hybridchat.domain.chat import Zone
from hybridchat.errors import LedgerError, UsageError
from hybridchat.ledger.departures import DEPARTURE_COLUMNS
from hybridchat.ledger.shared import SharedLedger
from hybridchat.ledger.store import DepartureFilter, Ledger
from tests.unit.ledger.helpers import opened, query, whole_turn

ALL = DepartureFilter()


def departure(host: str = "api.example", **changes: object) -> Departure:
    errand = Errand(purpose="chat", conversation_id=1, masked={"email": 2}, overridden={"card": 1})
    fields = {"port": 443, "zone": Zone.MANAGED, "backend": "rented", "body_bytes": 9, "errand": errand}
    return Departure(host=host, **{**fields, **changes})  # type: ignore[arg-type]


def found(ledger: Ledger, **wanted: object) -> list[str]:
    rows = ledger.departures(DepartureFilter(**wanted))  # type: ignore[arg-type]
    return [str(row[DEPARTURE_COLUMNS.index("host")]) for row in rows]


def test_the_page_and_the_table_agree(ledger: Ledger, path: Path) -> None:
    ledger.depart(departure()).result()
    assert tuple(row[1] for row in query(path, "PRAGMA table_info(departure)")) == DEPARTURE_COLUMNS


def test_the_row_is_in_the_file_when_the_future_is_done(ledger: Ledger, path: Path) -> None:
    row = ledger.depart(departure())
    row.result()
    columns = "host, port, zone, backend, purpose, conversation_id, body_bytes, sent_bytes, masked, overridden"
    before = ("api.example", 443, "managed", "rented", "chat", 1, 9, None, '{"email":2}', '{"card":1}')
    assert query(path, f"SELECT {columns} FROM departure") == [before]
    ledger.sent(row, 7)
    assert next(ledger.departures(ALL))[DEPARTURE_COLUMNS.index("id")] == row.result()
    ledger.update_conversation(whole_turn(ledger).conversation_id, title="x").result()  # the writer has passed it
    assert query(path, "SELECT sent_bytes FROM departure") == [(7,)]


def test_filters(ledger: Ledger) -> None:
    for one in (departure("a"), departure("b", port=8080), departure("c", backend=None, errand=Errand(purpose="pull"))):
        ledger.depart(one).result()
    assert found(ledger) == ["a", "b", "c"]
    assert found(ledger, host="b") == found(ledger, host="b:8080") == ["b"]
    assert found(ledger, host="b:443") == []
    assert found(ledger, backend="rented", conversation_id=1) == ["a", "b"]
    assert found(ledger, since="2020-01-01") == ["a", "b", "c"]
    assert found(ledger, until="2020-01-01") == []
    with pytest.raises(UsageError):
        found(ledger, since="yesterdayish")


def test_rows_outlive_their_conversation(ledger: Ledger) -> None:
    ids = whole_turn(ledger)
    ledger.depart(departure()).result()
    ledger.delete_conversation(ids.conversation_id).result()
    assert ledger.purge_deleted().result() == 1
    assert found(ledger, conversation_id=1) == ["api.example"]


def test_a_row_that_could_not_be_written_is_not_completed(path: Path) -> None:
    with opened(path) as ledger:
        assert ledger.status.mode == "normal"
    row = ledger.depart(departure())
    with pytest.raises(LedgerError):
        row.result()
    ledger.sent(row, 1)


def test_one_ledger_for_a_run(path: Path) -> None:
    shared, notices = SharedLedger(path), list[str]()
    row = shared.depart(departure())  # before any session
    ledger = shared.open(notices.append)
    assert (row.result(), found(ledger)) == (1, ["api.example"])
    shared.sent(row, 9)
    assert shared.open(notices.append) is ledger
    ledger.close()
    again = shared.open(notices.append)  # as after a first run
    assert again is not ledger
    assert [row[-3] for row in again.departures(ALL)] == [9]
    shared.close()
    assert again.is_closed
    shared.close()
    assert query(path, "SELECT count(*) FROM process") == [(0,)]

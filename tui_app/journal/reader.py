"""Reads journal.db: what every viewer sees. Never writes, never waits for the watcher.

    journal = JournalReader(path)                    # JournalMissingError: no watcher has run yet
    for summary in journal.views(): ...              # one SELECT, however long the runs are
    rows = journal.events("r7", after_row=cursor)    # poll: each row once, in order of arrival

Every call is a short transaction of its own, because a reader that lingers stops the write-ahead
log from shrinking. It may be used from any thread, by one at a time.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import msgspec

from remote.vocabulary.commands import Outcome, OutcomeState, Verb
from remote.vocabulary.events import decode
from tui_app.journal.curves import stored
from tui_app.journal.records import (
    BOOK_DECODER,
    VIEW_DECODER,
    LogLine,
    LogRow,
    OutcomeRow,
    Row,
    RunSummary,
    WatcherStatus,
)
from tui_app.journal.schema import (
    JournalDamagedError,
    JournalError,
    JournalMissingError,
    JournalVersionError,
    open_reader,
)
from tui_app.render.track import Track
from tui_app.state.alert_book import Alert, AlertBook, in_order
from tui_app.state.points import STEP
from tui_app.state.view import Gap

__all__ = [
    "Alert",
    "JournalDamagedError",
    "JournalError",
    "JournalMissingError",
    "JournalReader",
    "JournalVersionError",
    "LogLine",
    "LogRow",
    "OutcomeRow",
    "Row",
    "RunSummary",
    "WatcherStatus",
]

_STATUS = msgspec.json.Decoder(WatcherStatus)
_VERBS = frozenset(Verb)


class JournalReader:
    """A read-only handle on a journal. JournalError subclasses say why there is none."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection = open_reader(path)

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()

    def views(self) -> list[RunSummary]:
        """The newest view of every run, in the order in which the watcher met them."""
        rows = self._all("SELECT view, row_id, sign_at FROM views ORDER BY rowid")
        return [self._summary(row) for row in rows]

    def view(self, run: str) -> RunSummary | None:
        """The newest view of one run, None if it is unknown."""
        rows = self._all("SELECT view, row_id, sign_at FROM views WHERE run = ?", run)
        return self._summary(rows[0]) if rows else None

    def events(
        self, run: str, after_row: int = 0, limit: int = 1000, types: Sequence[str] | None = None
    ) -> list[Row]:
        """At most ``limit`` events of a run after ``after_row``, oldest first; only ``types`` if given."""
        condition = f" AND type IN ({', '.join('?' * len(types))})" if types is not None else ""
        if types is not None and STEP not in types:
            condition += " AND type <> 'step.completed'"  # so that the index without steps is used
        rows = self._all(
            f"SELECT row_id, arrived, line FROM events WHERE run = ? AND row_id > ?{condition} "
            "ORDER BY row_id LIMIT ?",
            *(run, after_row, *(types or ()), limit),
        )
        return [Row(row_id, arrived, decode(line)) for row_id, arrived, line in rows]

    def lines(self, run: str, after_row: int = 0, limit: int = 1000) -> list[tuple[int, str, bytes]]:
        """As `events`, undecoded: row, type and line."""
        return self._all(
            "SELECT row_id, type, line FROM events WHERE run = ? AND row_id > ? ORDER BY row_id LIMIT ?",
            *(run, after_row, limit),
        )

    def curves(self, run: str) -> tuple[int, Track]:
        """The run's curves, and the row up to which they were drawn: the steps behind it are to be added."""
        return stored(self._connection, run)

    def told(self, run: str, up_to_row: int, limit: int = 1000) -> list[tuple[int, str, bytes]]:
        """As `lines`, the newest ``limit`` up to a row, oldest first, without the steps."""
        rows = self._all(
            "SELECT row_id, type, line FROM events WHERE run = ? AND row_id <= ? "
            "AND type <> 'step.completed' ORDER BY row_id DESC LIMIT ?",
            *(run, up_to_row, limit),
        )
        return rows[::-1]

    def after(self, run: str, gap: Gap) -> tuple[int, str, bytes] | None:
        """As `lines`, the event that came after a gap."""
        rows = self._all(
            "SELECT row_id, type, line FROM events WHERE run = ? AND attempt = ? AND source = ? AND seq = ?",
            *(run, gap.attempt, gap.source, gap.last + 1),
        )
        return rows[0] if rows else None

    def count(self, run: str, types: Sequence[str]) -> int:
        """How many events of these types a run has, and lines that its containers printed."""
        marks = ", ".join("?" * len(types))
        rows = self._all(
            f"SELECT (SELECT count(*) FROM events WHERE run = ? AND type IN ({marks})) + "
            "(SELECT count(*) FROM logs WHERE run = ?)",
            *(run, *types, run),
        )
        return int(rows[0][0])

    def newest_row(self) -> int:
        """The newest row of any run: unchanged means that nothing at all happened."""
        return int(self._all("SELECT coalesce(max(row_id), 0) FROM events")[0][0])

    def status(self) -> WatcherStatus | None:
        """What the watcher last said of itself."""
        rows = self._all("SELECT value FROM meta WHERE key = 'status'")
        return _STATUS.decode(rows[0][0]) if rows else None

    def outcome(self, intent_id: str) -> Outcome | None:
        """What became of an intent so far, None while no watcher has touched it."""
        rows = self._all("SELECT intent, state, detail, at FROM outcomes WHERE intent = ?", intent_id)
        return _outcome(rows[0]) if rows else None

    def outcomes(self, run: str | None = None) -> list[OutcomeRow]:
        """Every outcome of a run, or of all runs, oldest first."""
        columns = "intent, state, detail, at, run, verb, by, host"
        if run is None:
            rows = self._all(f"SELECT {columns} FROM outcomes ORDER BY at")
        else:
            rows = self._all(f"SELECT {columns} FROM outcomes WHERE run = ? ORDER BY at", run)
        return [OutcomeRow(_outcome(row), row[4], _verb(row[5]), row[6], row[7]) for row in rows]

    def alerts(self, run: str | None = None) -> list[Alert]:
        """The alerts that stand now, of a run or of all runs, the worst first. Also of a journal that
        was written before there were any."""
        condition, values = ("", ()) if run is None else (" WHERE run = ?", (run,))
        try:
            rows = self._all(f"SELECT book FROM alerts{condition}", *values)
        except sqlite3.OperationalError as error:
            if "no such table" in str(error):
                return []
            raise
        return in_order(alert for (stored,) in rows for alert in _book(stored).alerts.values())

    def logs(self, run: str, after: int = 0, limit: int = 500) -> list[LogRow]:
        """At most ``limit`` printed lines of a run after ``log_id`` ``after``, oldest first."""
        rows = self._all(
            "SELECT log_id, t, fd, text, possible_repeat FROM logs "
            "WHERE run = ? AND log_id > ? ORDER BY log_id LIMIT ?",
            *(run, after, limit),
        )
        return [LogRow(log_id, LogLine(t, fd, text, bool(rep))) for log_id, t, fd, text, rep in rows]

    def undecodable(self, run: str) -> int:
        """How many lines of a run were no events and had to be left out."""
        rows = self._all("SELECT value FROM meta WHERE key = ?", f"undecodable/{run}")
        return int(rows[0][0]) if rows else 0

    def _all(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        return self._connection.execute(query, values).fetchall()

    def _summary(self, row: tuple[Any, ...]) -> RunSummary:
        try:
            view = VIEW_DECODER.decode(row[0])
        except msgspec.MsgspecError as error:
            raise JournalVersionError(
                f"{self._path} has views of another version; restart the watcher: middlewatch down"
            ) from error
        return RunSummary(view, row[1], row[2])


def _book(stored: bytes) -> AlertBook:
    try:
        return BOOK_DECODER.decode(stored)
    except msgspec.MsgspecError:  # another version's; its watcher is about to be replaced
        return AlertBook()


def _verb(word: str) -> Verb:
    """The verb; one that a newer build wrote stays the word that it is, so that it can be shown."""
    return Verb(word) if word in _VERBS else cast(Verb, word)


def _outcome(row: tuple[Any, ...]) -> Outcome:
    return Outcome(intent=row[0], state=OutcomeState(row[1]), detail=row[2], at=row[3])

"""Writes journal.db: the watcher's one connection to it.

    journal = JournalWriter(path)
    journal.record("r7", arrivals, positions={2: 14}, sign_at=now)   # all of it or nothing
    journal.say("r7", [Draft(type="run.spawned", data={...})])       # the watcher's own words

Events, the position they were read up to and the view they fold into are one transaction, so a
watcher that dies at any moment continues where the journal stands: nothing twice, nothing lost.
Repeats are dropped by the unique key. Safe to use from several threads. It knows nothing of where
events come from.
"""

from __future__ import annotations

import contextlib
import secrets
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path

import msgspec

from remote.vocabulary.events import Event, EventError, decode, encode, is_time
from tui_app.journal.alert_books import AlertBooks
from tui_app.journal.curves import Curves
from tui_app.journal.records import (
    VIEW_DECODER,
    VIEW_ENCODER,
    Arrival,
    Draft,
)
from tui_app.journal.schema import JOURNAL_CHANGES, JOURNAL_TABLES, open_writer
from tui_app.journal.side_tables import SideTables
from tui_app.state.alert_book import AlertBook
from tui_app.state.fold import fold
from tui_app.state.points import STEP
from tui_app.state.stretch import calm_stretch, fold_stretch
from tui_app.state.view import RunView

_INSERT = (
    "INSERT INTO events (run, attempt, source, seq, t, arrived, type, sev, line) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
)
_KNOWN = "SELECT 1 FROM events WHERE run = ? AND attempt = ? AND source = ? AND seq = ?"
_NEXT_SEQ = "SELECT coalesce(max(seq), 0) + 1 FROM events WHERE run = ? AND attempt = ? AND source = ?"
_MOVE = "INSERT INTO positions VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET batch = max(batch, excluded.batch)"


class JournalWriter(SideTables):
    """The one writer of a journal. JournalError if the file cannot be used."""

    def __init__(
        self,
        path: Path,
        *,
        clock: Callable[[], float] = time.time,
        mono: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock, self._mono = clock, mono
        self._lock = threading.RLock()
        self._connection = open_writer(path, JOURNAL_TABLES, JOURNAL_CHANGES, wal=True)
        self._views: dict[str, RunView] = {}
        self._signs: dict[str, float] = {}
        self._books = AlertBooks(self._connection)
        self._curves = Curves(self._connection)
        self.watcher_id = self._identity()
        self._load_views()

    @property
    def source(self) -> str:
        """What the watcher's own events carry as their source."""
        return f"watcher:{self.watcher_id}"

    def close(self) -> None:
        """Close the file; what was recorded is in it already."""
        with self._lock:
            self._connection.close()

    def view(self, run: str) -> RunView:
        """The run as recorded so far."""
        with self._lock:
            return self._views.get(run, RunView(run=run))

    def runs(self) -> list[str]:
        """Every run that has a view."""
        with self._lock:
            return list(self._views)

    def positions(self, run: str) -> dict[int, int]:
        """By attempt, the last batch that was recorded."""
        with self._lock:
            rows = self._connection.execute("SELECT attempt, batch FROM positions WHERE run = ?", (run,))
            return dict(rows.fetchall())

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """Make everything that is recorded inside one transaction: all of it or nothing."""
        with self._lock:
            if self._connection.in_transaction:
                yield
                return
            self._connection.execute("BEGIN IMMEDIATE")
            before, books = dict(self._views), self._books.snapshot()
            try:
                yield
                self._connection.execute("COMMIT")
            except BaseException:
                self._views = before
                self._books.restore(books)
                self._curves.forget()
                with contextlib.suppress(sqlite3.OperationalError):  # a full disk has rolled back already
                    self._connection.execute("ROLLBACK")
                raise

    def record(
        self,
        run: str,
        arrivals: Sequence[Arrival] = (),
        *,
        drafts: Sequence[Draft] = (),
        positions: Mapping[int, int] | None = None,
        sign_at: float | None = None,
    ) -> list[Event]:
        """Everything of one look at a run, in one transaction; gives the events that were new.

        ``drafts`` are events of the watcher's own, after the arrivals. ``sign_at`` is the arrival of a
        sign of life (unix seconds).
        """
        with self.transaction():
            if sign_at is not None:
                self._signs[run] = sign_at
            view, new = self._take(self.view(run), [*arrivals, *drafts])
            if new or run not in self._views:
                self._keep_view(view)
                self._books.keep(run)
                self._curves.take(run, new)
                self._curves.keep(run, ended=view.state.is_terminal)
            for attempt, batch in (positions or {}).items():
                self._connection.execute(_MOVE, (run, attempt, batch))
            if sign_at is not None:
                self._connection.execute("UPDATE views SET sign_at = ? WHERE run = ?", (sign_at, run))
            return new

    def say(self, run: str, *drafts: Draft) -> list[Event]:
        """Record events of the watcher's own, numbered and dated."""
        return self.record(run, drafts=drafts)

    def alerts(self, run: str) -> AlertBook:
        """The alerts of a run as they stand."""
        with self._lock:
            return self._books.book(run)

    def look_at_alerts(self, run: str) -> None:
        """Let the passing of time raise and clear alerts; only for a run that is caught up with."""
        with self._lock:
            book, news = self._books.looked(self.view(run), self._clock(), self._signs.get(run))
            if book is not self._books.book(run):
                self.set_alerts(run, book, *news)

    def set_alerts(self, run: str, book: AlertBook, *drafts: Draft) -> None:
        """Replace a run's alerts, and say what there is to say of it."""
        with self.transaction():
            self._books.put(run, book)
            self._books.keep(run)
            if drafts:
                self.say(run, *drafts)

    def _take(self, view: RunView, items: Sequence[Arrival | Draft]) -> tuple[RunView, list[Event]]:
        new: list[Event] = []
        for is_stretch, group in groupby(items, _may_be_ordinary):
            several = list(group)
            after = self._at_once(view, several, new) if is_stretch else None  # type: ignore[arg-type]
            view = self._one_by_one(view, several, new) if after is None else after
        return view, new

    def _at_once(self, view: RunView, arrivals: list[Arrival], new: list[Event]) -> RunView | None:
        """Take in a stretch of ordinary steps; None, and nothing done, where it is none."""
        events = [arrival.event for arrival in arrivals]
        after, book, now = fold_stretch(view, events), self._books.book(view.run), self._clock()
        calm = None if after is None else calm_stretch(book, view, after, events, now)
        if after is None or calm is None:
            return None
        self._connection.executemany(
            _INSERT,
            [(*e.key, e.t, now, e.type, e.sev, a.line) for e, a in zip(events, arrivals, strict=True)],
        )
        self._books.put(view.run, calm)
        new += events
        return after

    def _one_by_one(self, view: RunView, items: Sequence[Arrival | Draft], new: list[Event]) -> RunView:
        for item in items:
            added = [self._say(view.run, item)] if isinstance(item, Draft) else self._arrived(view.run, item)
            for event in added:
                view = fold(view, event)
                new.append(event)
                for draft in self._books.fold(view, event, self._clock(), self._signs.get(view.run)):
                    news = self._say(view.run, draft)
                    view = fold(view, news)
                    new.append(news)
        return view

    def _arrived(self, run: str, arrival: Arrival) -> list[Event]:
        """What an arrival adds; nothing where it is known."""
        event, added = arrival.event, []
        if arrival.before:
            if self._connection.execute(_KNOWN, event.key).fetchone() is not None:
                return []
            added = [self._say(run, draft) for draft in arrival.before]
        if not self._insert(event, arrival.line):
            return []
        return [*added, event, *(self._say(run, draft) for draft in arrival.after)]

    def _insert(self, event: Event, line: bytes) -> bool:
        """Whether it was not there yet."""
        row = (*event.key, event.t, self._clock(), event.type, event.sev, line)
        return self._connection.execute(_INSERT, row).rowcount > 0

    def _say(self, run: str, draft: Draft) -> Event:
        row = self._connection.execute(_NEXT_SEQ, (run, draft.attempt, self.source)).fetchone()
        event = Event(
            run=run,
            attempt=draft.attempt,
            source=self.source,
            seq=row[0],
            t=draft.t if draft.t is not None and is_time(draft.t) else self._clock(),
            mono=self._mono(),
            type=draft.type,
            sev=draft.sev,
            data=draft.data,
        )
        line = encode(event)
        self._insert(event, line)
        return decode(line)

    def _keep_view(self, view: RunView) -> None:
        self._views[view.run] = view
        row = self._connection.execute("SELECT coalesce(max(row_id), 0) FROM events").fetchone()
        self._connection.execute(
            "INSERT INTO views (run, row_id, view) VALUES (?, ?, ?) "
            "ON CONFLICT DO UPDATE SET row_id = excluded.row_id, view = excluded.view",
            (view.run, row[0], VIEW_ENCODER.encode(view)),
        )

    def _load_views(self) -> None:
        rows = self._connection.execute("SELECT run, view, sign_at FROM views ORDER BY rowid").fetchall()
        for run, stored, sign_at in rows:
            if sign_at is not None:
                self._signs[run] = sign_at
            try:
                self._views[run] = VIEW_DECODER.decode(stored)
            except msgspec.MsgspecError:  # another version's view: the events are what counts
                self._refold(run)

    def _refold(self, run: str) -> None:
        view = RunView(run=run)
        rows = self._connection.execute("SELECT line FROM events WHERE run = ? ORDER BY row_id", (run,))
        for (line,) in rows:
            with contextlib.suppress(EventError):  # an older build took what is no event today
                view = fold(view, decode(line))
        with self.transaction():
            self._keep_view(view)

    def _identity(self) -> str:
        row = self._connection.execute("SELECT value FROM meta WHERE key = 'watcher_id'").fetchone()
        if row is None:
            self._put_meta("watcher_id", secrets.token_hex(4))
            return self._identity()
        return str(row[0])


def _may_be_ordinary(item: Arrival | Draft) -> bool:
    """Whether it is a step of which nothing else is to be said."""
    return isinstance(item, Arrival) and item.event.type == STEP and not item.before and not item.after

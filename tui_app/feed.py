"""The dashboard's ear: one thread that reads the journal and puts what is new aside for the screen.

    feed = Feed(locations, on_news=...)      # on_news is called from the thread, when take() is worth it
    feed.start(); feed.watch("r7")
    news = feed.take()                       # everything since the last take, at once

All SQLite happens here, so a slow disk cannot hold up a key. The thread reads on only while the
screen takes: what a stalled terminal does not take stays in the journal, not in memory. It knows
nothing of widgets, and a read-only feed has no way to ask for anything.
"""

from __future__ import annotations

import contextlib
import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from remote.vocabulary.events import EventError, decode
from tui_app.chronicle import gap_before, line_of
from tui_app.journal.reader import (
    JournalError,
    JournalMissingError,
    JournalReader,
    RunSummary,
    WatcherStatus,
)
from tui_app.locations import Locations, UnsafeStateError
from tui_app.news import Finding, History, News
from tui_app.reading import Position, WantedRun, identity_of, view_in
from tui_app.state.points import STEP, Point, point_in
from tui_app.state.view import RunView
from tui_app.text_safety import shown
from tui_app.widgets.event_list import EventLine
from tui_app.widgets.status_line import Report

if TYPE_CHECKING:
    from tui_app.lookup import Lookup, Wanted
    from tui_app.state.alert_book import Alert

PERIOD_SECONDS = 0.1
LOOK_AGAIN_SECONDS = 0.5
"""How often signs of life and the watcher's beat are read when no event came."""
ALERTS_SECONDS = 1.0
"""How often the watcher's alerts are read."""
BATCH_ROWS = 2_500
MAX_WAITING_ROWS = 5_000
FIRST_LINES = 2_000
"""How many of a run's sentences are read when it is opened; `middlewatch logs` has all of them."""


class Feed:
    """Reads on its own thread from `start` to `close`."""

    def __init__(
        self,
        locations: Locations,
        *,
        on_news: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.locations = locations
        self.on_news = on_news
        self._clock = clock
        self._lock = threading.Lock()
        self._news = News()
        self._waiting_rows = 0
        self._stop, self._wake = threading.Event(), threading.Event()
        self._looked = threading.Event()
        self._wanted = WantedRun(None)
        self.caught_up = True
        """Whether everything that is recorded of the watched run has been handed over once."""
        self._reading = Position(self._wanted)
        self._looking_for: Wanted | None = None
        self._lookup: Lookup | None = None
        self._reader: JournalReader | None = None
        self._file: tuple[int, int] | None = None
        self._newest_row = -1
        self._looked_at = 0.0
        self._alerts_at = 0.0
        self._told_trouble: str | None = None
        self._bugs: dict[str, Path | None] = {}
        self._thread = threading.Thread(target=self._run, name="journal-feed", daemon=True)

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()

    def wait(self, seconds: float) -> None:
        """Until everything has been looked at once, but no longer than so long."""
        self._looked.wait(seconds)

    def close(self) -> None:
        """Stop reading and wait for the thread."""
        self._stop.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(timeout=5.0)

    def watch(self, run: str | None) -> None:
        """Hand over this run's events from the first one on, and what follows; None for no run."""
        self._wanted, self.caught_up = WantedRun(run), run is None
        self._wake.set()

    def look(self, wanted: Wanted | None) -> None:
        """Hand over what a tab wants, from the first record on, and what follows; None for nothing."""
        self._looking_for = wanted
        self._wake.set()

    def take(self) -> News:
        """Everything that came since the last call."""
        with self._lock:
            news, self._news, self._waiting_rows = self._news, News(), 0
        return news

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._round()
            except (JournalError, sqlite3.Error, EventError, UnsafeStateError, OSError) as error:
                self._reopen(str(error))
            except Exception as error:
                self._reopen(self._bug(error))
            self._looked.set()
            self._wake.wait(PERIOD_SECONDS)
            self._wake.clear()
        self._finish()
        self._drop_reader()

    def _finish(self) -> None:
        """What must be done before the thread ends; nothing for a feed that only reads."""

    def _round(self) -> None:
        reader = self._opened()
        if reader is None:
            return
        newest, now = reader.newest_row(), self._clock()
        if newest != self._newest_row or now - self._looked_at >= LOOK_AGAIN_SECONDS or now < self._looked_at:
            if self._is_replaced():
                self._forget()
                return
            self._newest_row, self._looked_at = newest, now
            runs, status = reader.views(), reader.status()
            self._tell(runs=runs, status=status, trouble="")
        if not 0 <= now - self._alerts_at < ALERTS_SECONDS:
            self._alerts_at = now
            self._tell(alerts=reader.alerts())
        self._read_on(reader)
        self._look_up(reader)
        self._extras(reader)

    def _extras(self, reader: JournalReader) -> None:
        """What else a round is for; nothing for a feed that only reads."""

    def _opened(self) -> JournalReader | None:
        if self._reader is None:
            try:
                self._reader = JournalReader(self.locations.journal)
                self._file = identity_of(self.locations.journal)
            except JournalMissingError:
                self._trouble("nothing has been recorded here yet")
        return self._reader

    def _is_replaced(self) -> bool:
        """Whether the journal that is read has been moved away, by whoever had to begin anew."""
        return identity_of(self.locations.journal) != self._file

    def _forget(self) -> None:
        """Begin anew with the journal that is there now, or will be."""
        self._drop_reader()
        self._reading, self._lookup, self._newest_row = Position(self._wanted), None, -1

    def _reopen(self, why: str) -> None:
        self._drop_reader()
        self._trouble(why)
        self._stop.wait(LOOK_AGAIN_SECONDS)

    def _bug(self, error: Exception) -> str:
        """What is not expected must not end the news without a word. One report for each, however often."""
        what = shown(f"{type(error).__name__}: {error}", 120)
        if what not in self._bugs:
            from tui_app.crash_report import write

            self._bugs[what] = write(error, self.locations.state)
        where = self._bugs[what]
        return f"a bug of middlewatch: {what}" + (f" (report: {where})" if where is not None else "")

    def _drop_reader(self) -> None:
        if self._reader is not None:
            with contextlib.suppress(sqlite3.Error):
                self._reader.close()
        self._reader = None

    def _trouble(self, text: str) -> None:
        if text != self._told_trouble:
            self._tell(trouble=text)

    def _read_on(self, reader: JournalReader) -> None:
        wanted = self._wanted
        if wanted is not self._reading.wanted:
            self._reading = Position(wanted)
        position = self._reading
        if position.run is not None and not position.begun:
            self._begin(reader, position, position.run)
        while position.run is not None and self._waiting_rows < MAX_WAITING_ROWS and not self._stop.is_set():
            rows = reader.lines(position.run, position.row, BATCH_ROWS)
            if rows:
                points, lines = self._told(rows, view_in(reader, position.run))
                self._hand_over(History(position.run, False, points, lines), len(rows))
                position.row = rows[-1][0]
            if len(rows) < BATCH_ROWS or self._wanted is not wanted:
                if not self.caught_up and self._wanted is wanted:
                    self.caught_up = True
                    self.on_news()
                return

    def _begin(self, reader: JournalReader, position: Position, run: str) -> None:
        """Hand over the curves that the journal keeps, and what was last said up to there."""
        position.row, track = reader.curves(run)
        position.begun = True
        view = view_in(reader, run)
        rows = reader.told(run, position.row, FIRST_LINES)
        known = {row[0] for row in rows}
        after_gaps = [row for gap in view.gaps if (row := reader.after(run, gap)) is not None]
        rows += [row for row in after_gaps if row[0] not in known and row[0] <= position.row]
        _, lines = self._told(sorted(rows), view)
        position.step = track.last_step
        self._hand_over(History(run, True, [], lines, track), len(rows))

    def _look_up(self, reader: JournalReader) -> None:
        wanted = self._looking_for
        if wanted is None:
            self._lookup = None
            return
        fresh = self._lookup is None or self._lookup.wanted is not wanted
        if fresh:
            from tui_app.lookup import Lookup

            self._lookup = Lookup(wanted, self.locations)
        assert self._lookup is not None
        while self._waiting_rows < MAX_WAITING_ROWS and not self._stop.is_set():
            records = self._lookup.read(reader)
            if records or fresh:
                with self._lock:
                    self._news.findings.append(Finding(wanted, fresh, records))
                    self._waiting_rows += len(records)
                self.on_news()
            if not records or self._looking_for is not wanted:
                return
            fresh = False

    def _hand_over(self, history: History, rows: int) -> None:
        with self._lock:
            self._news.histories.append(history)
            self._waiting_rows += rows
        self.on_news()

    def _told(self, rows: list[tuple[int, str, bytes]], view: RunView) -> tuple[list[Point], list[EventLine]]:
        """Points of curves, and sentences in order, each with the step at which it was said; gaps where
        they are."""
        points: list[Point] = []
        lines: list[EventLine] = []
        for _, type_, line in rows:
            if type_ == STEP:
                if (point := point_in(line)) is not None:
                    points.append(point)
                    self._reading.step = point.step
                if not view.gaps:
                    continue
            event = decode(line)
            missing = gap_before(event, view, self._reading.step) if view.gaps else None
            said = line_of(event, view, self._reading.step)
            lines += [each for each in (missing, said) if each is not None]
            if said is not None:
                self._reading.step = said.step
        return points, lines

    def _tell(
        self,
        *,
        runs: list[RunSummary] | None = None,
        status: WatcherStatus | None = None,
        alerts: list[Alert] | None = None,
        trouble: str | None = None,
        report: Report | None = None,
    ) -> None:
        with self._lock:
            if runs is not None:
                self._news.runs, self._news.status = runs, status
            if alerts is not None:
                self._news.alerts = alerts
            if trouble is not None:
                self._news.trouble = self._told_trouble = trouble
            if report is not None:
                self._news.reports.append(report)
        self.on_news()

"""Follows one run: what is new in its records goes into the journal.

    follower = Follower("r7", journal, open_table, calls)
    seconds = follower.look()        # everything new up to now; when to look again

Stateless but for caches: positions live in the journal, so a follower that is thrown away, or killed,
loses nothing. Errors of the link pass through; whoever calls looks again. What it concludes by itself
is decided in `tui_app.watcher.inference`; here is only how long a late word is waited for.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence

from remote.records import keys
from remote.records.command_log import read_sent
from remote.records.errors import TableMissingError
from remote.records.event_log import Batch, EventReader, heartbeat
from remote.records.tables import Table
from remote.vocabulary.events import Event
from tui_app.journal.records import Arrival, Draft
from tui_app.journal.writer import JournalWriter
from tui_app.state.view import RunView
from tui_app.watcher import inference
from tui_app.watcher.calls import Calls, LinkError
from tui_app.watcher.container_logs import bring_logs
from tui_app.watcher.dues import Dues
from tui_app.watcher.inference import CallState
from tui_app.watcher.run_records import OpenTable, decoded, last_words, unsaid_spawns

BATCHES_A_LOOK = 100
LATE_WORD_SECONDS = 2.0
"""How long the last words of an attempt or a call may still be on their way."""
QUIET_SECONDS = 5.0
HEARTBEAT_SECONDS = 2.0
CALL_SECONDS = 5.0
DEEDS_SECONDS = 5.0
LOG_SECONDS = 5.0
LOG_PAUSE_SECONDS = 60.0
UNCALLED_SECONDS = 15.0
"""How long a reservation may wait for its call before it is shown without one."""
ABANDONED_SECONDS = 600.0
_LOG = logging.getLogger(__name__)


class Follower:
    """One run, looked at by one thread at a time."""

    def __init__(
        self,
        run: str,
        journal: JournalWriter,
        open_table: OpenTable,
        calls: Calls,
        *,
        clock: Callable[[], float] = time.time,
        mono: Callable[[], float] = time.monotonic,
    ) -> None:
        self.run = run
        self._journal, self._open_table, self._calls = journal, open_table, calls
        self._clock, self._mono = clock, mono
        self._table: Table | None = None
        self._reader: EventReader | None = None
        self._caught_up = False
        self._beat: object = None
        self._news_at: float | None = None
        self._dues = Dues(mono)
        self._missed: dict[int, float] = {}
        self._over: tuple[CallState, float] | None = None

    def look(self) -> float:
        """Record what is new; seconds until the next look is wanted. LinkError."""
        try:
            table = self._opened()
        except TableMissingError:
            return 30.0
        try:
            self._read_events(table)
            self._read_spawns(table)
            self._read_deeds(table)
        except Exception:
            self._reader = None  # its positions may be ahead of the journal's
            self._table = None
            raise
        view = self._view()
        if not view.state.is_terminal:
            self._listen(table)
            self._replace_silent(table, view)
            self._ask_for_call(table, view)
        if not self._view().state.is_terminal:
            self._journal.look_at_alerts(self.run)
        self._read_logs(view)
        return self._delay(self._view())

    def _opened(self) -> Table:
        if self._table is None:
            self._table = self._open_table(keys.run_table(self.run), False)
        return self._table

    def _view(self) -> RunView:
        return self._journal.view(self.run)

    def _read_events(self, table: Table) -> None:
        if self._reader is None:
            self._reader = EventReader(table, self._journal.positions(self.run))
        while batches := self._reader.read(BATCHES_A_LOOK):
            self._record(table, batches, self._reader.positions)
            if len(batches) < BATCHES_A_LOOK:
                break
        self._caught_up = True

    def _record(self, table: Table, batches: Sequence[Batch], positions: dict[int, int]) -> None:
        arrivals, bad = decoded(self.run, batches)
        if bad:
            _LOG.warning("run %s: %d lines are no events of it and were left out", self.run, bad)
        view = self._view()
        another = any(_claims_another_call(arrival.event, view) for arrival in arrivals)
        unsaid = unsaid_spawns(table, view, current_too=True) if another else []
        arrivals = [inference.beside(arrival, unsaid) for arrival in arrivals]
        with self._journal.transaction():
            if bad:
                self._journal.count_undecodable(self.run, bad)
            sign = self._sign_of(arrivals)
            self._journal.record(self.run, arrivals, positions=positions, sign_at=sign)
        if self._caught_up:
            self._news_at = self._mono()

    def _sign_of(self, arrivals: Sequence[Arrival]) -> float | None:
        """When this sign of life was given. What had been lying there before the first look is as old
        as it says; after that, arrival counts."""
        if self._caught_up or not arrivals:
            return self._clock() if arrivals else None
        return min(self._clock(), max(arrival.event.t for arrival in arrivals))

    def _read_spawns(self, table: Table) -> None:
        view = self._view()
        if view.call_id and not view.state.is_terminal:
            return
        for spawn in unsaid_spawns(table, view):
            age = abs(self._clock() - spawn.at)
            if not spawn.call_id and age < UNCALLED_SECONDS:
                break
            self._conclude(inference.spawned, spawn)
            if not spawn.call_id and age > ABANDONED_SECONDS:
                self._conclude(inference.never_called, spawn, self._clock())

    def _read_deeds(self, table: Table) -> None:
        """What colleagues on other hosts asked of this run, for the audit."""
        if not self._dues.is_due("deeds", DEEDS_SECONDS):
            return
        key = f"commands/{self.run}"
        seen = int(self._journal.note(key) or 0)
        if sent := read_sent(table, seen):
            with self._journal.transaction():
                self._journal.say(self.run, *inference.asked(sent, self._journal.is_our_intent))
                self._journal.set_note(key, str(sent[-1][0]))

    def _listen(self, table: Table) -> None:
        """Take a changed heartbeat for a sign of life; the first one seen only sets what is old."""
        if self._heard_lately(HEARTBEAT_SECONDS) or not self._dues.is_due("heartbeat", HEARTBEAT_SECONDS):
            return
        beat = heartbeat(table)
        if beat is None:
            return
        identity = (beat.get("attempt"), beat.get("boot_id"), beat.get("n"))
        if self._beat not in (None, identity):
            self._journal.record(self.run, sign_at=self._clock())
            self._news_at = self._mono()
        self._beat = identity

    def _replace_silent(self, table: Table, view: RunView) -> None:
        missing = {attempt.number for attempt in view.attempts[:-1] if attempt.cause is None}
        self._missed = {number: self._missed.get(number, self._mono()) for number in missing}
        if missing and all(self._mono() - since >= LATE_WORD_SECONDS for since in self._missed.values()):
            self._conclude(inference.silent, last_words(table, view))

    def _ask_for_call(self, table: Table, view: RunView) -> None:
        """A call that is over ends its run, once nothing more has come for a while."""
        if not view.call_id or self._heard_lately(QUIET_SECONDS):
            self._over = None
            return
        if not self._dues.is_due("call", CALL_SECONDS):
            return
        state, now = self._calls.state(view.call_id), self._mono()
        if state is CallState.PENDING:
            self._over = None
        elif self._over is None or self._over[0] is not state:
            self._over = (state, now)
            self._dues.put_off("call", LATE_WORD_SECONDS)
            self._reader = None  # the next look asks every attempt for what it may still have said
        else:
            self._conclude(inference.over, state, last_words(table, view), self._clock())

    def _conclude(self, rule: Callable[..., list[Draft]], *facts: object) -> None:
        """Record what a rule says of the view as it is at that moment."""
        with self._journal.transaction():
            if drafts := rule(self._view(), *facts):
                self._journal.say(self.run, *drafts)

    def _read_logs(self, view: RunView) -> None:
        if not view.call_id or not self._dues.is_due("logs", LOG_SECONDS):
            return
        if view.state.is_terminal and not self._heard_lately(4 * LOG_SECONDS):
            return
        try:
            started_at = view.spawned_at or self._clock()
            bring_logs(self.run, view.call_id, started_at, self._journal, self._calls)
        except LinkError:
            raise
        except Exception as error:
            _LOG.info("run %s: no logs for now: %s", self.run, error)
            self._dues.put_off("logs", LOG_PAUSE_SECONDS)

    def _delay(self, view: RunView) -> float:
        """Live runs at once, quiet ones soon, ended ones rarely; seconds."""
        if self._news_at is not None:
            quiet = self._mono() - self._news_at
        else:
            quiet = max(0.0, self._clock() - (view.last_event_at or 0.0))
        if view.state.is_terminal:
            return 1.0 if quiet < 10 else 5.0 if quiet < 600 else 30.0 if quiet < 3600 else 300.0
        return 0.3 if quiet < 10 else 0.5 if quiet < 60 else 1.0 if quiet < 3600 else 5.0

    def _heard_lately(self, seconds: float) -> bool:
        return self._news_at is not None and self._mono() - self._news_at < seconds


def _claims_another_call(event: Event, view: RunView) -> bool:
    return event.type == "attempt.claimed" and event.data.get("call_id") != view.call_id

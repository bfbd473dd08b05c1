"""Reads the records of runs that may be resumed once a day, so that the target does not forget them.

A live attempt does so itself; this is for runs that have ended while a watcher is up. It knows which runs
the journal has, and the time of the last reading; what is to be read is the records' business.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from remote.records import keys
from remote.records.errors import TableMissingError
from remote.records.upkeep import READ_AGAIN_SECONDS, read_again
from remote.vocabulary.run_states import RunState
from tui_app.journal.writer import JournalWriter
from tui_app.watcher.run_records import OpenTable

IDLE_SECONDS = 600.0
NEXT_SECONDS = 1.0


class Caretaker:
    """One run a look. ``clock`` gives unix seconds."""

    def __init__(
        self, journal: JournalWriter, open_table: OpenTable, *, clock: Callable[[], float] = time.time
    ) -> None:
        self._journal, self._open_table, self._clock = journal, open_table, clock

    def look(self) -> float:
        """Read the records of the run that is most in need of it. What the network raises."""
        now = self._clock()
        last, run = min(
            ((self._last(run), run) for run in self._journal.runs() if self._matters(run)), default=(now, "")
        )
        if now - last < READ_AGAIN_SECONDS:
            return IDLE_SECONDS
        try:
            read_again(self._open_table(keys.run_table(run), False))
            self._open_table(keys.REGISTRY, True).get(keys.registered(run))
        except TableMissingError:
            pass  # nothing is left to be kept, and a resume will say so
        self._journal.set_note(_note(run), str(now))
        return NEXT_SECONDS

    def _matters(self, run: str) -> bool:
        view = self._journal.view(run)
        return view.level.has_records and view.state is not RunState.SUCCEEDED

    def _last(self, run: str) -> float:
        return float(self._journal.note(_note(run)) or 0.0)


def _note(run: str) -> str:
    return f"records-read/{run}"

"""The curves of all runs, as the journal keeps them: reduced to a fixed size, up to a row each.

    curves = Curves(connection)
    curves.take("r7", events)          # after they were inserted, in the same transaction
    curves.keep("r7", ended=False)     # writes the run's track down, every `EVERY` steps

A viewer reads a track and only the steps behind its row, so that it opens a run of a million steps as fast
as one of a hundred. Nothing depends on them: the events are what counts, and a track that is missing is
made of them. The writer asks under its own lock and inside its own transactions.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

from remote.vocabulary.events import Event
from tui_app.render.track import Track
from tui_app.state.points import STEP, point_in, point_of

EVERY = 2_000
"""Steps between two writings of a run's track."""
ROWS_AT_ONCE = 10_000
_STEPS_AFTER = (
    "SELECT row_id, line FROM events WHERE run = ? AND row_id > ? AND type = ? ORDER BY row_id LIMIT ?"
)


class Curves:
    """Tracks by run, each made when its run first moves."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._tracks: dict[str, Track] = {}
        self._unkept: dict[str, int] = {}

    def take(self, run: str, events: Iterable[Event]) -> None:
        """Draw on with the steps among new events, which are in the table already."""
        points = [point for event in events if (point := point_of(event)) is not None]
        if not points:
            return
        track = self._tracks.get(run)
        if track is None:
            self._load(run)
        else:
            track.extend((point.step, point.attempt, point.metrics) for point in points)
            self._unkept[run] += len(points)

    def keep(self, run: str, *, ended: bool) -> None:
        """Write the run's track down if enough has come, or whatever has come to a run that has ended."""
        if self._unkept.get(run, 0) >= (1 if ended else EVERY):
            row = self._connection.execute("SELECT coalesce(max(row_id), 0) FROM events").fetchone()
            self._connection.execute(
                "INSERT OR REPLACE INTO curves VALUES (?, ?, ?)", (run, row[0], self._tracks[run].pack())
            )
            self._unkept[run] = 0

    def complete(self, run: str) -> None:
        """Have the run's track written down with all of its steps."""
        self._load(run)
        self.keep(run, ended=True)

    def forget(self) -> None:
        """What was taken in last was rolled back: make the tracks again from what is written."""
        self._tracks.clear()
        self._unkept.clear()

    def _load(self, run: str) -> None:
        row_id, self._tracks[run] = stored(self._connection, run)
        self._unkept[run] = 0
        while rows := self._connection.execute(_STEPS_AFTER, (run, row_id, STEP, ROWS_AT_ONCE)).fetchall():
            points = [point for _, line in rows if (point := point_in(line)) is not None]
            self._tracks[run].extend((point.step, point.attempt, point.metrics) for point in points)
            self._unkept[run] += len(points)
            row_id = rows[-1][0]


def stored(connection: sqlite3.Connection, run: str) -> tuple[int, Track]:
    """The row up to which a run's track was written down, and the track; 0 and an empty one for none,
    also in a journal that was written before there were any."""
    try:
        row = connection.execute("SELECT row_id, track FROM curves WHERE run = ?", (run,)).fetchone()
    except sqlite3.OperationalError as error:
        if "no such table" not in str(error):
            raise
        row = None
    if row is None:
        return 0, Track()
    try:
        return int(row[0]), Track.unpack(row[1])
    except ValueError:  # another version's; the events are what counts
        return 0, Track()

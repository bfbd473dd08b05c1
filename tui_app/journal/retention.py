"""Making a journal smaller: of runs that ended long ago, the bulk goes and the story stays.

    runs = ended_before(reader, cutoff)
    freed = thin(locations.journal, runs)          # bytes; only with no watcher at work

What goes are the steps, samples and container output; what stays are the curves, attempts, commits,
commands, ends and the view, so that a thinned run is still listed and shown, and still audited.
Positions stay too, so that no watcher reads the run again. The intents go with the bulk, their outcomes
stay.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path

from tui_app.journal.curves import Curves
from tui_app.journal.reader import JournalReader
from tui_app.journal.schema import INTENT_TABLES, JOURNAL_CHANGES, JOURNAL_TABLES, open_writer

BULK = ("step.completed", "rollout.sampled", "host.sampled", "phase.changed", "checkpoint.saved")
_BULK_OF = f"run = ? AND type IN ({', '.join('?' * len(BULK))})"


def ended_before(reader: JournalReader, cutoff: float) -> list[str]:
    """The runs that ended before a time (unix seconds, by their own clock)."""
    views = [summary.view for summary in reader.views()]
    ended = [view for view in views if view.state.is_terminal]
    return [view.run for view in ended if max(view.state_since or 0.0, view.last_event_at or 0.0) < cutoff]


def bulk_of(reader: JournalReader, run: str) -> int:
    """How many events and printed lines of a run would go."""
    return reader.count(run, BULK)


def thin(path: Path, runs: Sequence[str]) -> int:
    """Take the bulk of these runs out and give its room back; bytes that the file is smaller by.
    JournalError. The caller holds the watcher's lock."""
    before = path.stat().st_size
    connection = open_writer(path, JOURNAL_TABLES, JOURNAL_CHANGES, wal=True)
    with contextlib.closing(connection):
        connection.execute("BEGIN IMMEDIATE")
        for run in runs:
            Curves(connection).complete(run)
            connection.execute(f"DELETE FROM events WHERE {_BULK_OF}", (run, *BULK))
            connection.execute("DELETE FROM logs WHERE run = ?", (run,))
        connection.execute("COMMIT")
        connection.execute("VACUUM")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return max(0, before - path.stat().st_size)


def forget_intents(path: Path, cutoff: float) -> int:
    """Take out the intents that were written before a time (unix seconds); how many."""
    if not path.exists():
        return 0
    connection = open_writer(path, INTENT_TABLES, wal=False)
    with contextlib.closing(connection):
        return connection.execute("DELETE FROM intents WHERE created_at < ?", (cutoff,)).rowcount

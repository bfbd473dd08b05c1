"""What the watcher keeps beside a run's events: printed lines, outcomes, its own status and notes.

Nothing of it is folded into a view, and no event depends on it.
"""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from collections.abc import Sequence

import msgspec

from remote.vocabulary.commands import Intent, Outcome
from tui_app.journal.records import LogLine, WatcherStatus


class SideTables:
    """A part of the journal's writer: over its connection, under its lock, in its transactions."""

    _connection: sqlite3.Connection
    _lock: threading.RLock

    def transaction(self) -> contextlib.AbstractContextManager[None]:
        """All of it or nothing."""
        raise NotImplementedError

    def note(self, key: str) -> str | None:
        """What `set_note` kept under this key."""
        with self._lock:
            row = self._connection.execute(
                "SELECT value FROM meta WHERE key = ?", (f"note/{key}",)
            ).fetchone()
        return None if row is None else str(row[0])

    def set_note(self, key: str, text: str) -> None:
        """Keep a small text of the watcher's own."""
        self._put_meta(f"note/{key}", text)

    def set_status(self, status: WatcherStatus) -> None:
        """Replace what the watcher says of itself."""
        self._put_meta("status", msgspec.json.encode(status))

    def record_outcome(self, intent: Intent, outcome: Outcome) -> None:
        """What became of an intent; a final outcome is never overwritten."""
        with self.transaction():
            self._connection.execute(
                "INSERT INTO outcomes VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (intent) DO UPDATE "
                "SET state = excluded.state, detail = excluded.detail, at = excluded.at WHERE state = 'sent'",
                (
                    *(intent.id, intent.run, intent.verb, outcome.state),
                    *(outcome.detail, outcome.at, intent.by, intent.host),
                ),
            )

    def is_our_intent(self, intent_id: str) -> bool:
        """Whether this watcher, or one before it here, has carried it out or begun to."""
        with self._lock:
            row = self._connection.execute("SELECT 1 FROM outcomes WHERE intent = ?", (intent_id,)).fetchone()
        return row is not None

    def add_logs(self, run: str, lines: Sequence[LogLine]) -> None:
        """Append lines that containers printed."""
        with self.transaction():
            self._connection.executemany(
                "INSERT INTO logs (run, t, fd, text, possible_repeat) VALUES (?, ?, ?, ?, ?)",
                [(run, line.t, line.fd, line.text, line.possible_repeat) for line in lines],
            )

    def logs_since(self, run: str, t: float) -> list[LogLine]:
        """Log lines at or after ``t`` (unix seconds), oldest first."""
        with self._lock:
            rows = self._connection.execute(
                "SELECT t, fd, text, possible_repeat FROM logs WHERE run = ? AND t >= ? ORDER BY log_id",
                (run, t),
            ).fetchall()
        return [LogLine(t, fd, text, bool(repeat)) for t, fd, text, repeat in rows]

    def newest_log(self, run: str) -> float | None:
        """When the newest log line of a run was printed (unix seconds)."""
        with self._lock:
            row = self._connection.execute("SELECT max(t) FROM logs WHERE run = ?", (run,)).fetchone()
        return None if row[0] is None else float(row[0])

    def count_undecodable(self, run: str, lines: int) -> None:
        """Add to the number of lines of a run that were no events."""
        with self.transaction():
            self._connection.execute(
                "INSERT INTO meta VALUES (?, ?) ON CONFLICT DO UPDATE SET value = value + excluded.value",
                (f"undecodable/{run}", lines),
            )

    def _put_meta(self, key: str, value: str | bytes) -> None:
        with self.transaction():
            self._connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))

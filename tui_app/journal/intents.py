"""intents.db: what operators asked for, on disk before anything is sent.

    IntentWriter(path).write(intent)            # a viewer; returns once it is on disk
    for row, intent in IntentReader(path).read(after): ...      # the watcher

Viewers write it, one short transaction each; the watcher only reads it and keeps what became of an
intent in journal.db. So no file ever has two kinds of writers.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Container
from pathlib import Path

import msgspec

from remote.vocabulary.commands import Intent
from tui_app.journal.schema import INTENT_TABLES, JournalMissingError, open_reader, open_writer

_INTENT = msgspec.json.Decoder(Intent)


class IntentWriter:
    """A viewer's handle. JournalError if the file cannot be used."""

    def __init__(self, path: Path) -> None:
        self._connection = open_writer(path, INTENT_TABLES, wal=False)

    def write(self, intent: Intent) -> None:
        """Put an intent on disk. Writing the same id again changes nothing."""
        self._connection.execute(
            "INSERT OR IGNORE INTO intents VALUES (?, ?, ?, ?, ?)",
            (intent.id, intent.run, intent.verb, msgspec.json.encode(intent), intent.created_at),
        )

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()


class IntentReader:
    """The watcher's handle; a file that no viewer has made yet reads as empty."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = None

    def read(self, after_row: int = 0, limit: int = 100) -> list[tuple[int, Intent]]:
        """Intents after a row, oldest first, each with its row."""
        connection = self._opened()
        if connection is None:
            return []
        rows = connection.execute(
            "SELECT rowid, json FROM intents WHERE rowid > ? ORDER BY rowid LIMIT ?", (after_row, limit)
        ).fetchall()
        return [(row, _INTENT.decode(text)) for row, text in rows]

    def pending(self, done: Container[str]) -> list[Intent]:
        """Every intent whose id is not in ``done``, oldest first."""
        return [intent for _, intent in self.read(limit=-1) if intent.id not in done]

    def close(self) -> None:
        """Let go of the file."""
        if self._connection is not None:
            self._connection.close()

    def _opened(self) -> sqlite3.Connection | None:
        if self._connection is None:
            try:
                self._connection = open_reader(self._path)
            except JournalMissingError:
                return None
        return self._connection

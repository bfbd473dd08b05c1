"""intents.db: what operators asked for, on disk before anything is sent.

    IntentWriter(path).write(intent)            # a viewer; returns once it is on disk
    for row, intent in IntentReader(path).rows(after): ...      # the watcher
    for row, intent in IntentReader(path).read(after): ...      # whoever lists them

Viewers write it, one short transaction each; the watcher only reads it and keeps what became of an
intent in journal.db. So no file ever has two kinds of writers. The viewer may be of a newer build than
the reader: an intent that this one cannot read keeps none of the others from being read.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Container
from pathlib import Path
from typing import cast

import msgspec

from remote.vocabulary.commands import Intent, Verb
from tui_app.journal.schema import INTENT_TABLES, JournalMissingError, open_reader, open_writer

_INTENT = msgspec.json.Decoder(Intent)


class UnknownIntent(Intent, frozen=True, kw_only=True):
    """What can be told of an intent that this build cannot read. ``verb`` is the word that was written and
    may be none of ours. It is there to be refused, by name."""


class _Asker(msgspec.Struct):
    by: str = "?"
    host: str = "?"


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
        """Intents after a row, oldest first, each with its row; without those that this build cannot read."""
        rows = self.rows(after_row, limit)
        return [(row, intent) for row, intent in rows if not isinstance(intent, UnknownIntent)]

    def rows(self, after_row: int = 0, limit: int = 100) -> list[tuple[int, Intent]]:
        """As `read`, with an UnknownIntent for each one that cannot be read."""
        connection = self._opened()
        if connection is None:
            return []
        rows = connection.execute(
            "SELECT rowid, json, id, run, verb, created_at FROM intents "
            "WHERE rowid > ? ORDER BY rowid LIMIT ?",
            (after_row, limit),
        ).fetchall()
        return [(row, _read(text, *columns)) for row, text, *columns in rows]

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


def _read(text: bytes, name: str, run: str, verb: str, at: float) -> Intent:
    try:
        return _INTENT.decode(text)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        who = _asker(text)
    word = cast(Verb, verb)  # as written
    return UnknownIntent(id=name, run=run, verb=word, created_at=at, expires_at=at, by=who.by, host=who.host)


def _asker(text: bytes) -> _Asker:
    try:
        return msgspec.json.decode(text, type=_Asker)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return _Asker()

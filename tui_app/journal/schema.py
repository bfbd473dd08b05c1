"""The two SQLite files: their tables, their versions and how they are opened.

    JournalError
    ├── JournalMissingError    there is no journal yet (no watcher has run for this target)
    ├── JournalVersionError    a newer Middlewatch wrote it
    └── JournalDamagedError    SQLite cannot read it

journal.db is WAL with synchronous=NORMAL: what was committed survives the death of any process, a
power cut may take the newest second. intents.db is a rollback journal with synchronous=FULL: few,
small, and on disk before the operator is told so. Both belong on a node-local disk: WAL needs shared
memory. Only a file's one writer makes checkpoints; readers open it read-only, in short transactions.
It knows nothing of events or views beyond the columns they are kept in.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

BUSY_SECONDS = 5.0

JOURNAL_TABLES = """
CREATE TABLE events (
    row_id INTEGER PRIMARY KEY AUTOINCREMENT,
    run TEXT NOT NULL, attempt INTEGER NOT NULL, source TEXT NOT NULL, seq INTEGER NOT NULL,
    t REAL NOT NULL, arrived REAL NOT NULL, type TEXT NOT NULL, sev INTEGER NOT NULL, line BLOB NOT NULL,
    UNIQUE (run, attempt, source, seq)
);
CREATE INDEX events_by_run ON events (run);
CREATE TABLE positions (
    run TEXT NOT NULL, attempt INTEGER NOT NULL, batch INTEGER NOT NULL, PRIMARY KEY (run, attempt)
) WITHOUT ROWID;
CREATE TABLE views (run TEXT PRIMARY KEY, row_id INTEGER NOT NULL, view BLOB NOT NULL, sign_at REAL);
CREATE TABLE outcomes (
    intent TEXT PRIMARY KEY, run TEXT NOT NULL, verb TEXT NOT NULL, state TEXT NOT NULL,
    detail TEXT NOT NULL, at REAL NOT NULL, by TEXT NOT NULL, host TEXT NOT NULL
);
CREATE INDEX outcomes_by_run ON outcomes (run, at);
CREATE TABLE logs (
    log_id INTEGER PRIMARY KEY AUTOINCREMENT,
    run TEXT NOT NULL, t REAL NOT NULL, fd TEXT NOT NULL, text TEXT NOT NULL,
    possible_repeat INTEGER NOT NULL
);
CREATE INDEX logs_by_run ON logs (run);
CREATE TABLE meta (key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
"""

JOURNAL_CHANGES = (
    "CREATE TABLE alerts (run TEXT PRIMARY KEY, book BLOB NOT NULL) WITHOUT ROWID",
    "CREATE TABLE curves (run TEXT PRIMARY KEY, row_id INTEGER NOT NULL, track BLOB NOT NULL)",
    "CREATE INDEX events_told ON events (run) WHERE type <> 'step.completed'",
    "CREATE INDEX events_by_type ON events (run, type) WHERE type <> 'step.completed'",
)
"""What each version after the first added; an older journal is given what it lacks."""
SCHEMA_VERSION = 1 + len(JOURNAL_CHANGES)
"""The newest version of either file that this code can read."""

INTENT_TABLES = """
CREATE TABLE intents (
    id TEXT PRIMARY KEY, run TEXT NOT NULL, verb TEXT NOT NULL, json BLOB NOT NULL, created_at REAL NOT NULL
);
"""


class JournalError(RuntimeError):
    """The journal cannot be used; the message says why and what to do."""


class JournalMissingError(JournalError):
    """No watcher has written a journal here yet."""


class JournalVersionError(JournalError):
    """The file was written by a newer version."""


class JournalDamagedError(JournalError):
    """SQLite does not recognise the file."""


def open_writer(path: Path, tables: str, changes: Sequence[str] = (), *, wal: bool) -> sqlite3.Connection:
    """The one read-write connection of this file, made private to the user and given its tables, and
    those ``changes`` that it does not have yet.

    JournalVersionError, JournalDamagedError, or OSError where the file cannot be made.
    """
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    try:
        _patiently(connection, f"PRAGMA journal_mode = {'WAL' if wal else 'DELETE'}")
        connection.execute(f"PRAGMA synchronous = {'NORMAL' if wal else 'FULL'}")
        connection.execute("BEGIN IMMEDIATE")
        version = _checked_version(connection, path)
        for statement in [*(() if version else tables.split(";")), *changes[max(0, version - 1) :]]:
            connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {max(version, 1 + len(changes))}")
        connection.execute("COMMIT")
    except sqlite3.DatabaseError as error:
        connection.close()
        raise _damaged(path, error) from error
    except JournalError:
        connection.close()
        raise
    return connection


def _patiently(connection: sqlite3.Connection, statement: str) -> None:
    """Execute, waiting for others as long as for any statement: SQLite itself does not wait where a
    connection that closes, or one that recovers after a kill, holds the whole file for a moment."""
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            connection.execute(statement)
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
        time.sleep(0.01)


def open_reader(path: Path) -> sqlite3.Connection:
    """A read-only connection, usable from any one thread at a time.

    JournalMissingError, JournalVersionError, JournalDamagedError.
    """
    if not path.exists():
        raise JournalMissingError(f"there is no journal at {path} yet; a watcher makes it")
    uri = f"file:{quote(str(path))}?mode=ro"
    try:
        connection = sqlite3.connect(
            uri, uri=True, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
        )
    except sqlite3.OperationalError as error:
        raise _damaged(path, error) from error
    try:
        if not _checked_version(connection, path):
            raise JournalMissingError(f"the journal at {path} is only being made")
    except sqlite3.DatabaseError as error:
        connection.close()
        raise _damaged(path, error) from error
    except JournalError:
        connection.close()
        raise
    return connection


def _checked_version(connection: sqlite3.Connection, path: Path) -> int:
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > SCHEMA_VERSION:
        raise JournalVersionError(
            f"{path} has schema {version} and this version knows {SCHEMA_VERSION}; "
            "install the newer Middlewatch, or move the file away"
        )
    return version


def _damaged(path: Path, error: sqlite3.Error) -> JournalError:
    if error.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return JournalError(f"{path} is in use by another process and stays so; is a watcher starting?")
    return JournalDamagedError(f"cannot read {path}: {error}; move it away and start the watcher again")

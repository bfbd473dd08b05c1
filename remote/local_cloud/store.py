"""The daemon's memory: one SQLite file, written as things happen.

Process death loses nothing that was committed (WAL, synchronous NORMAL); power loss may lose the
last moments. It knows tables only as scripts that each area brings; it is used from the event
loop's thread alone, so a transaction is never interleaved with another.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SCHEMA_VERSION = 1


class StoreVersionError(RuntimeError):
    """The file was written by another version of this program."""


class Store:
    """One connection. ``db`` runs in autocommit; group writes with `transaction`."""

    def __init__(self, path: Path) -> None:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        self.db = sqlite3.connect(path, isolation_level=None)
        self.db.row_factory = sqlite3.Row
        self.db.execute("PRAGMA journal_mode=WAL")
        self.db.execute("PRAGMA synchronous=NORMAL")
        version = self.db.execute("PRAGMA user_version").fetchone()[0]
        if version not in (0, SCHEMA_VERSION):
            raise StoreVersionError(f"{path} has version {version}, this program needs {SCHEMA_VERSION}")
        self.db.execute(f"PRAGMA user_version={SCHEMA_VERSION}")

    def define(self, script: str) -> None:
        """Create an area's tables where they are missing."""
        self.db.executescript(script)

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All or nothing; re-raises what was raised inside. One inside another is a part of it."""
        nested = self.db.in_transaction
        self.db.execute("SAVEPOINT part" if nested else "BEGIN IMMEDIATE")
        try:
            yield self.db
        except BaseException:
            self.db.execute("ROLLBACK TO part" if nested else "ROLLBACK")
            if nested:
                self.db.execute("RELEASE part")
            raise
        self.db.execute("RELEASE part" if nested else "COMMIT")

    def close(self) -> None:
        """Close the file; nothing is lost if this never happens."""
        self.db.close()

"""Dicts: named tables of bytes to bytes, with compare-and-set. Keys and values are opaque."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator

from remote.local_cloud import clocks
from remote.local_cloud.ids import new_id
from remote.local_cloud.store import Store

_TABLES = """
CREATE TABLE IF NOT EXISTS dicts(dict_id TEXT PRIMARY KEY, name TEXT UNIQUE, created_at REAL NOT NULL);
CREATE TABLE IF NOT EXISTS dict_items(
  dict_id TEXT NOT NULL, key BLOB NOT NULL, value BLOB NOT NULL, PRIMARY KEY(dict_id, key)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS dict_uses(
  dict_id TEXT NOT NULL, key BLOB NOT NULL, used_at REAL NOT NULL, PRIMARY KEY(dict_id, key)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS dict_uses_by_age ON dict_uses(used_at);
CREATE TRIGGER IF NOT EXISTS dict_item_gone AFTER DELETE ON dict_items BEGIN
  DELETE FROM dict_uses WHERE dict_id=old.dict_id AND key=old.key; END;
"""
MAX_ENTRIES = 10_000
MAX_VALUE_BYTES = 100 * 1024**2
KEPT_SECONDS = 7 * 24 * 3600.0
USE_NOTED_EVERY = 3600.0
"""A read is noted only if the last noted use is older (seconds): a read stays a read."""


class LimitError(ValueError):
    """A documented limit of Modal was passed."""


class Dicts:
    """All dicts of this cloud. ``clock`` gives unix seconds."""

    def __init__(self, store: Store, clock: Callable[[], float] = time.time) -> None:
        self._store = store
        self._db = store.db
        self._clock = clock
        store.define(_TABLES)

    def create(self, name: str | None) -> str:
        """A new dict; its id."""
        dict_id = new_id("di")
        self._db.execute("INSERT INTO dicts VALUES(?,?,?)", (dict_id, name, clocks.wall()))
        return dict_id

    def find(self, name: str) -> str | None:
        """The id of a named dict."""
        row = self._db.execute("SELECT dict_id FROM dicts WHERE name=?", (name,)).fetchone()
        return row["dict_id"] if row else None

    def name_of(self, dict_id: str) -> str | None:
        """A dict's name; KeyError if there is no such dict."""
        row = self._db.execute("SELECT name FROM dicts WHERE dict_id=?", (dict_id,)).fetchone()
        if row is None:
            raise KeyError(dict_id)
        return row["name"]  # type: ignore[no-any-return]

    def named(self) -> list[tuple[str, str, float]]:
        """(name, id, created at) of every named dict."""
        rows = self._db.execute("SELECT * FROM dicts WHERE name IS NOT NULL ORDER BY created_at DESC")
        return [(row["name"], row["dict_id"], row["created_at"]) for row in rows]

    def get(self, dict_id: str, key: bytes) -> bytes | None:
        """The value of a key."""
        row = self._db.execute(
            "SELECT value, used_at FROM dict_items LEFT JOIN dict_uses USING(dict_id, key) "
            "WHERE dict_id=? AND key=?",
            (dict_id, key),
        ).fetchone()
        if row is None:
            return None
        if self._clock() - (row["used_at"] or 0.0) > USE_NOTED_EVERY:
            self._note_use(dict_id, [key])
        return row["value"]  # type: ignore[no-any-return]

    def expire(self) -> int:
        """Drop entries that nobody has read or written for seven days; how many."""
        before = self._clock() - KEPT_SECONDS
        return self._db.execute(
            "DELETE FROM dict_items WHERE (dict_id, key) IN "
            "(SELECT dict_id, key FROM dict_uses WHERE used_at<?)",
            (before,),
        ).rowcount

    def _note_use(self, dict_id: str, keys: Iterable[bytes]) -> None:
        now = self._clock()
        rows = [(dict_id, key, now) for key in keys]
        self._db.executemany("INSERT OR REPLACE INTO dict_uses VALUES(?,?,?)", rows)

    def update(self, dict_id: str, items: Iterable[tuple[bytes, bytes]], *, if_not_exists: bool) -> bool:
        """Write all items, or with ``if_not_exists`` those whose key is new; whether any was new."""
        entries = list(items)
        if len(entries) > MAX_ENTRIES:
            raise LimitError(f"{len(entries)} entries in one update; at most {MAX_ENTRIES} are allowed")
        if any(len(value) > MAX_VALUE_BYTES for _, value in entries):
            raise LimitError(f"a value of more than {MAX_VALUE_BYTES} bytes")
        verb = "INSERT OR IGNORE" if if_not_exists else "INSERT OR REPLACE"
        with self._store.transaction() as db:
            written = [
                db.execute(f"{verb} INTO dict_items VALUES(?,?,?)", (dict_id, key, value)).rowcount
                for key, value in entries
            ]
            self._note_use(dict_id, [key for key, _ in entries])
        return any(written)

    def pop(self, dict_id: str, key: bytes) -> bytes | None:
        """Remove a key; the value it had."""
        value = self.get(dict_id, key)
        self._db.execute("DELETE FROM dict_items WHERE dict_id=? AND key=?", (dict_id, key))
        return value

    def length(self, dict_id: str) -> int:
        """How many keys."""
        return int(
            self._db.execute("SELECT count(*) FROM dict_items WHERE dict_id=?", (dict_id,)).fetchone()[0]
        )

    def items(self, dict_id: str) -> Iterator[tuple[bytes, bytes]]:
        """Every key and value."""
        rows = self._db.execute("SELECT key, value FROM dict_items WHERE dict_id=?", (dict_id,)).fetchall()
        return ((row["key"], row["value"]) for row in rows)

    def clear(self, dict_id: str) -> None:
        """Remove every key."""
        self._db.execute("DELETE FROM dict_items WHERE dict_id=?", (dict_id,))

    def delete(self, dict_id: str) -> None:
        """Forget the dict."""
        with self._store.transaction() as db:
            db.execute("DELETE FROM dict_items WHERE dict_id=?", (dict_id,))
            db.execute("DELETE FROM dicts WHERE dict_id=?", (dict_id,))

"""Queues: partitions of opaque items, first in first out, with Modal's documented limits."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from remote.local_cloud import clocks
from remote.local_cloud.ids import new_id
from remote.local_cloud.pulse import Pulse
from remote.local_cloud.store import Store

_TABLES = """
CREATE TABLE IF NOT EXISTS queues(queue_id TEXT PRIMARY KEY, name TEXT UNIQUE, created_at REAL NOT NULL);
CREATE TABLE IF NOT EXISTS queue_items(
  entry INTEGER PRIMARY KEY AUTOINCREMENT, queue_id TEXT NOT NULL, partition BLOB NOT NULL,
  value BLOB NOT NULL, expires_at REAL NOT NULL);
CREATE INDEX IF NOT EXISTS queue_order ON queue_items(queue_id, partition, entry);
"""
MAX_ITEMS = 5_000
MAX_ITEM_BYTES = 1024**2
MAX_PARTITION_BYTES = 64 * 1024**2
MAX_PARTITIONS = 100_000
MAX_KEY_BYTES = 64
DEFAULT_TTL = 24 * 3600
TTL_SLACK = 0.05
"""A put renews its partition's time only if that is later by this share: a put stays cheap."""


class QueueFullError(RuntimeError):
    """A partition holds as many items as it may."""


class Queues:
    """All queues of this cloud. ``changed`` beats after a put; ``clock`` gives unix seconds."""

    def __init__(self, store: Store, clock: Callable[[], float] = time.time) -> None:
        self._store = store
        self._db = store.db
        self._clock = clock
        store.define(_TABLES)
        self.changed = Pulse()

    def create(self, name: str | None) -> str:
        """A new queue; its id."""
        queue_id = new_id("qu")
        self._db.execute("INSERT INTO queues VALUES(?,?,?)", (queue_id, name, clocks.wall()))
        return queue_id

    def find(self, name: str) -> str | None:
        """The id of a named queue."""
        row = self._db.execute("SELECT queue_id FROM queues WHERE name=?", (name,)).fetchone()
        return row["queue_id"] if row else None

    def named(self) -> list[tuple[str, str, float]]:
        """(name, id, created at) of every named queue."""
        rows = self._db.execute("SELECT * FROM queues WHERE name IS NOT NULL ORDER BY created_at DESC")
        return [(row["name"], row["queue_id"], row["created_at"]) for row in rows]

    def put(self, queue_id: str, partition: bytes, values: Sequence[bytes], ttl: float) -> None:
        """Append items; QueueFullError if they would not all fit, ValueError for what never will. The
        whole partition lasts ``ttl`` seconds from its last put."""
        if any(len(value) > MAX_ITEM_BYTES for value in values):
            raise ValueError(f"an item of more than {MAX_ITEM_BYTES} bytes")
        if len(partition) > MAX_KEY_BYTES:
            raise ValueError(f"a partition key of more than {MAX_KEY_BYTES} bytes")
        ttl = ttl or DEFAULT_TTL
        expires = self._clock() + ttl
        with self._store.transaction() as db:
            items, size = self._fill(queue_id, partition)
            if items + len(values) > MAX_ITEMS:
                raise QueueFullError(f"a partition holds at most {MAX_ITEMS} items")
            if size + sum(map(len, values)) > MAX_PARTITION_BYTES:
                raise QueueFullError(f"a partition holds at most {MAX_PARTITION_BYTES} bytes")
            if not items and self.partitions(queue_id) >= MAX_PARTITIONS:
                raise QueueFullError(f"a queue has at most {MAX_PARTITIONS} partitions")
            db.execute(
                "UPDATE queue_items SET expires_at=? WHERE queue_id=? AND partition=? AND expires_at<?",
                (expires, queue_id, partition, expires - ttl * TTL_SLACK),
            )
            db.executemany(
                "INSERT INTO queue_items(queue_id, partition, value, expires_at) VALUES(?,?,?,?)",
                [(queue_id, partition, value, expires) for value in values],
            )
        self.changed.beat()

    def get(self, queue_id: str, partition: bytes, count: int) -> list[bytes]:
        """Remove and return up to ``count`` of the oldest items."""
        with self._store.transaction() as db:
            rows = self._rows(queue_id, partition, 0, count)
            db.executemany("DELETE FROM queue_items WHERE entry=?", [(entry,) for entry, _ in rows])
        return [value for _, value in rows]

    def after(self, queue_id: str, partition: bytes, entry: int, count: int) -> list[tuple[int, bytes]]:
        """(entry, item) after an entry, without removing any."""
        return self._rows(queue_id, partition, entry, count)

    def length(self, queue_id: str, partition: bytes | None) -> int:
        """Items in one partition, or in all (None)."""
        row = self._db.execute(
            "SELECT count(*) FROM queue_items "
            "WHERE queue_id=? AND (? IS NULL OR partition=?) AND expires_at>?",
            (queue_id, partition, partition, self._clock()),
        )
        return int(row.fetchone()[0])

    def partitions(self, queue_id: str) -> int:
        """How many partitions hold items."""
        row = self._db.execute(
            "SELECT count(DISTINCT partition) FROM queue_items WHERE queue_id=? AND expires_at>?",
            (queue_id, self._clock()),
        )
        return int(row.fetchone()[0])

    def clear(self, queue_id: str, partition: bytes | None) -> None:
        """Remove the items of one partition, or of all."""
        self._db.execute(
            "DELETE FROM queue_items WHERE queue_id=? AND (? IS NULL OR partition=?)",
            (queue_id, partition, partition),
        )

    def delete(self, queue_id: str) -> None:
        """Forget the queue."""
        self.clear(queue_id, None)
        self._db.execute("DELETE FROM queues WHERE queue_id=?", (queue_id,))

    def _fill(self, queue_id: str, partition: bytes) -> tuple[int, int]:
        """How many items a partition has, and of how many bytes."""
        row = self._db.execute(
            "SELECT count(*), coalesce(sum(length(value)), 0) FROM queue_items "
            "WHERE queue_id=? AND partition=? AND expires_at>?",
            (queue_id, partition, self._clock()),
        ).fetchone()
        return int(row[0]), int(row[1])

    def _rows(self, queue_id: str, partition: bytes, entry: int, count: int) -> list[tuple[int, bytes]]:
        now = self._clock()
        self._db.execute("DELETE FROM queue_items WHERE queue_id=? AND expires_at<=?", (queue_id, now))
        rows = self._db.execute(
            "SELECT entry, value FROM queue_items WHERE queue_id=? AND partition=? AND entry>? "
            "ORDER BY entry LIMIT ?",
            (queue_id, partition, entry, count),
        )
        return [(row["entry"], row["value"]) for row in rows]

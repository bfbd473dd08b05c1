"""Results are kept for seven days, as in Modal's cloud; of a call from before that only its end is known.

Every look notes which result was the newest of all just then, so no result has a time of its own; what
was there at a look that is seven days old is dropped, with the arguments that led to it. The client says
`OutputExpiredError` where it asks for one. It knows the tables of calls and outputs, and no files.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

from modal_proto import api_pb2

from remote.local_cloud.store import Store

_TABLES = """
CREATE TABLE IF NOT EXISTS output_looks(entry INTEGER PRIMARY KEY, at REAL NOT NULL);
"""
_OLDEST = """
SELECT entry, input_id, item, payload FROM outputs JOIN inputs USING(input_id)
WHERE entry<=? AND item<>x'' ORDER BY entry LIMIT ?
"""
KEPT_SECONDS = 7 * 24 * 3600.0
AT_ONCE = 200
"""How many results are dropped in one transaction: the daemon answers nobody meanwhile."""


class Expiry:
    """The age of the results of one cloud."""

    def __init__(self, store: Store) -> None:
        self._store = store
        store.define(_TABLES)

    def look(self, now: float) -> Iterator[list[str]]:
        """Drop results that were there seven days ago (``now`` in unix seconds), some at a time; the ids of
        blobs that nothing refers to any more."""
        last = self._note(now)
        if last is None:
            return
        db = self._store.db
        while old := db.execute(_OLDEST, (last, AT_ONCE)).fetchall():
            self._drop(old)
            yield [blob for row in old for blob in _blobs(row) if blob]
        db.execute("DELETE FROM output_looks WHERE entry<=?", (last,))

    def _note(self, now: float) -> int | None:
        """Take down what is the newest result now; which one was it seven days ago."""
        db = self._store.db
        newest = db.execute("SELECT max(entry) FROM outputs").fetchone()[0]
        if newest is not None:
            db.execute("INSERT OR IGNORE INTO output_looks VALUES(?,?)", (newest, now))
        query = "SELECT max(entry) FROM output_looks WHERE at<?"
        last: int | None = db.execute(query, (now - KEPT_SECONDS,)).fetchone()[0]
        return last

    def _drop(self, old: list[sqlite3.Row]) -> None:
        inputs = [(row["input_id"],) for row in old]
        with self._store.transaction() as db:
            db.executemany("UPDATE outputs SET item=x'' WHERE input_id=?", inputs)
            db.executemany("UPDATE inputs SET payload=x'' WHERE input_id=?", inputs)


def _blobs(row: sqlite3.Row) -> tuple[str, str]:
    """Where an input's arguments and its result are, if they were too large for a message."""
    arguments = api_pb2.FunctionInput.FromString(row["payload"]).args_blob_id
    return arguments, api_pb2.FunctionGetOutputsItem.FromString(row["item"]).result.data_blob_id

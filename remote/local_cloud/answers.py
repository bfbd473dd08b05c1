"""Answers already given, by the client's idempotency key: what makes a repeated request harmless.

The client repeats a request whose answer it did not get, also to a daemon that was killed and
started again in between. The effect of a request and its answer are stored in one transaction, so
either both happened or neither did.
"""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

from google.protobuf.message import Message

from remote.local_cloud import clocks
from remote.local_cloud.store import Store

_TABLES = """
CREATE TABLE IF NOT EXISTS answers(
  key TEXT PRIMARY KEY, answer BLOB NOT NULL, at REAL NOT NULL) WITHOUT ROWID;
"""
KEPT_SECONDS = 3600.0
PRUNE_EVERY = 1000


class Answers:
    """All remembered answers of this cloud."""

    def __init__(self, store: Store) -> None:
        self._store = store
        store.define(_TABLES)
        self._since_prune = 0

    def once(self, key: str, call: Coroutine[Any, Any, Message], reply_type: type[Message]) -> Message:
        """The answer of ``call``, or the one given to the same key before. ``call`` never waits."""
        with self._store.transaction() as db:
            row = db.execute("SELECT answer FROM answers WHERE key=?", (key,)).fetchone()
            if row is not None:
                call.close()
                return reply_type.FromString(row["answer"])
            answer = _finish(call)
            db.execute("INSERT INTO answers VALUES(?,?,?)", (key, answer.SerializeToString(), clocks.now()))
        self._prune()
        return answer

    def _prune(self) -> None:
        self._since_prune += 1
        if self._since_prune >= PRUNE_EVERY:
            self._since_prune = 0
            self._store.db.execute("DELETE FROM answers WHERE at<?", (clocks.now() - KEPT_SECONDS,))


def _finish(call: Coroutine[Any, Any, Message]) -> Message:
    try:
        call.send(None)
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]
    call.close()
    raise RuntimeError("a request that waits cannot be one transaction")

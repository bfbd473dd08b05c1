"""What came out of inputs, by index and in the order of arrival. An input has one output at a time; of one
that has expired the item is empty, see `expiry`."""

from __future__ import annotations

from dataclasses import dataclass

from modal_proto import api_pb2

from remote.local_cloud.store import Store

_TABLES = """
CREATE TABLE IF NOT EXISTS outputs(
  entry INTEGER PRIMARY KEY AUTOINCREMENT, call_id TEXT NOT NULL, idx INTEGER NOT NULL,
  input_id TEXT NOT NULL UNIQUE, status INTEGER NOT NULL, item BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS outputs_of_call ON outputs(call_id, idx);
"""


@dataclass(frozen=True, slots=True)
class OutputOf:
    """Whose output it is, and of which try."""

    call_id: str
    idx: int
    input_id: str
    retry_count: int


class Outputs:
    """All outputs of this cloud."""

    def __init__(self, store: Store) -> None:
        self._db = store.db
        store.define(_TABLES)

    def by_index(
        self, call_id: str, start: int, end: int | None, limit: int
    ) -> list[api_pb2.FunctionGetOutputsItem]:
        """Stored outputs of a call by index, ``end`` inclusive."""
        rows = self._db.execute(
            "SELECT item FROM outputs WHERE call_id=? AND idx>=? AND idx<=? AND item<>x'' "
            "ORDER BY idx LIMIT ?",
            (call_id, start, end if end is not None else 2**62, limit),
        )
        return [api_pb2.FunctionGetOutputsItem.FromString(row["item"]) for row in rows]

    def after(self, call_id: str, entry: int, limit: int) -> tuple[list[api_pb2.FunctionGetOutputsItem], int]:
        """Outputs in order of arrival after an entry, and the last entry: how `.map` reads."""
        rows = self._db.execute(
            "SELECT entry, item FROM outputs WHERE call_id=? AND entry>? AND item<>x'' "
            "ORDER BY entry LIMIT ?",
            (call_id, entry, limit),
        ).fetchall()
        items = [api_pb2.FunctionGetOutputsItem.FromString(row["item"]) for row in rows]
        return items, rows[-1]["entry"] if rows else entry

    def counts(self, call_id: str) -> dict[int, int]:
        """Result status → how many inputs of the call ended so."""
        rows = self._db.execute(
            "SELECT status, count(*) AS n FROM outputs WHERE call_id=? GROUP BY status", (call_id,)
        )
        return {row["status"]: row["n"] for row in rows}

    def forget(self, input_id: str) -> None:
        """Drop an input's output: it is tried again."""
        self._db.execute("DELETE FROM outputs WHERE input_id=?", (input_id,))

    def publish(
        self,
        of: OutputOf,
        result: api_pb2.GenericResult,
        item: api_pb2.FunctionPutOutputsItem | None = None,
        task_id: str = "",
    ) -> None:
        """Store what an input ended with; the first of two ends counts."""
        output = api_pb2.FunctionGetOutputsItem(
            result=result,
            idx=of.idx,
            input_id=of.input_id,
            task_id=task_id,
            retry_count=of.retry_count,
        )
        if item is not None:
            output.data_format = item.data_format
            output.input_started_at, output.output_created_at = item.input_started_at, item.output_created_at
        self._db.execute(
            "INSERT OR IGNORE INTO outputs(call_id, idx, input_id, status, item) VALUES(?,?,?,?,?)",
            (of.call_id, of.idx, of.input_id, result.status, output.SerializeToString()),
        )

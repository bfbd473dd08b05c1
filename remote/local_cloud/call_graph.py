"""The graph that a call is part of: calls, their inputs, and the calls that an input made while it ran.

The client says with each call which input of which container made it; that is stored with the call. A
graph is asked for by any of its calls and is always the whole of it, from the call that nobody's input
made. It knows rows, not what a function is.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

MOST_INPUTS = 10_000
"""Inputs of one graph; a larger one is cut, and says so."""

_ROOT = """
WITH RECURSIVE up(call_id, parent_input, depth) AS (
  SELECT call_id, parent_input, 0 FROM calls WHERE call_id=?
  UNION SELECT c.call_id, c.parent_input, up.depth+1
  FROM up JOIN inputs i ON i.input_id=up.parent_input JOIN calls c ON c.call_id=i.call_id)
SELECT call_id FROM up ORDER BY depth DESC LIMIT 1
"""
_CALLS = """
WITH RECURSIVE down(call_id) AS (
  SELECT ?
  UNION SELECT c.call_id
  FROM down JOIN inputs i ON i.call_id=down.call_id JOIN calls c ON c.parent_input=i.input_id)
SELECT calls.* FROM down JOIN calls USING(call_id) ORDER BY calls.rowid LIMIT ?
"""
_INPUTS = """
SELECT i.input_id, i.call_id, i.task_id, coalesce(o.status, 0) AS status
FROM inputs i LEFT JOIN outputs o USING(input_id) WHERE i.call_id=? ORDER BY i.idx LIMIT ?
"""


@dataclass(frozen=True, slots=True)
class CallGraph:
    """Rows of ``calls``, parents before their children, and of their inputs: input_id, call_id, task_id and
    status (of the result; 0 while there is none). ``truncated`` if there are more."""

    calls: list[sqlite3.Row]
    inputs: list[sqlite3.Row]
    truncated: bool


def graph_of(db: sqlite3.Connection, call_id: str, most: int = MOST_INPUTS) -> CallGraph:
    """The graph that a call is part of, with at most so many inputs. An input that is left out has its
    children left out too."""
    root = db.execute(_ROOT, (call_id,)).fetchone()["call_id"]
    calls, inputs, seen = [], list[sqlite3.Row](), set[str]()
    for call in db.execute(_CALLS, (root, most + 1)).fetchall():
        if call["call_id"] != root and call["parent_input"] not in seen:
            continue
        calls.append(call)
        own = db.execute(_INPUTS, (call["call_id"], most + 1 - len(inputs))).fetchall()
        inputs += own
        seen.update(row["input_id"] for row in own)
        if len(inputs) > most:
            return CallGraph(calls, inputs[:most], truncated=True)
    return CallGraph(calls, inputs, truncated=False)

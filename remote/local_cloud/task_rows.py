"""What is stored of processes: enough to find them again by pid *and* start, and how they began and ended."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping

from remote.local_cloud import clocks
from remote.local_cloud.container import Container
from remote.local_cloud.store import Store

_TABLES = """
CREATE TABLE IF NOT EXISTS tasks(
  task_id TEXT PRIMARY KEY, app_id TEXT NOT NULL, function_id TEXT NOT NULL, key TEXT NOT NULL,
  start_kind TEXT NOT NULL, pid INTEGER NOT NULL, pid_mark TEXT NOT NULL, enqueued_at REAL NOT NULL,
  started_at REAL, kill_at REAL, preempted INTEGER NOT NULL, finished_at REAL, ended TEXT);
CREATE INDEX IF NOT EXISTS tasks_live ON tasks(finished_at) WHERE finished_at IS NULL;
CREATE TABLE IF NOT EXISTS task_starts(task_id TEXT PRIMARY KEY, phases TEXT NOT NULL) WITHOUT ROWID;
"""


class TaskRows:
    """One row a process. Times are unix seconds."""

    def __init__(self, store: Store) -> None:
        self._db = store.db
        store.define(_TABLES)

    def insert(self, container: Container) -> None:
        """A process that has just been started."""
        self._db.execute(
            "INSERT INTO tasks VALUES(?,?,?,?,?,?,?,?,NULL,NULL,0,NULL,NULL)",
            (
                container.task_id,
                container.app_id,
                container.function_id,
                container.key,
                container.start_kind,
                container.pid,
                container.pid_mark,
                container.enqueued_at,
            ),
        )

    def get(self, task_id: str) -> sqlite3.Row | None:
        """What is known of a process, live or gone."""
        found: sqlite3.Row | None = self._db.execute(
            "SELECT * FROM tasks WHERE task_id=?", (task_id,)
        ).fetchone()
        return found

    def unfinished(self) -> list[sqlite3.Row]:
        """Those whose end was not seen."""
        return self._db.execute("SELECT * FROM tasks WHERE finished_at IS NULL").fetchall()

    def started(self, task_id: str, at: float, phases: Mapping[str, int]) -> None:
        """It takes its first input; how long each part of its start took, in milliseconds."""
        self._db.execute("UPDATE tasks SET started_at=? WHERE task_id=?", (at, task_id))
        self._db.execute("INSERT OR REPLACE INTO task_starts VALUES(?,?)", (task_id, json.dumps(phases)))

    def stopping(self, task_id: str, kill_at: float, preempted: bool) -> None:
        """It has been interrupted."""
        self._db.execute(
            "UPDATE tasks SET kill_at=?, preempted=? WHERE task_id=?", (kill_at, preempted, task_id)
        )

    def finished(self, task_id: str, how: str) -> None:
        """It is gone."""
        self._db.execute(
            "UPDATE tasks SET finished_at=?, ended=? WHERE task_id=?", (clocks.now(), how, task_id)
        )

"""What containers print, line by line, kept for readers that come late.

A container writes to plain files, so that it survives the daemon; `LogTail` reads them on. It knows
which call a line belongs to only because it is told.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from modal_proto import api_pb2

from remote.local_cloud import clocks
from remote.local_cloud.pulse import Pulse
from remote.local_cloud.store import Store

_TABLES = """
CREATE TABLE IF NOT EXISTS logs(
  entry INTEGER PRIMARY KEY AUTOINCREMENT, app_id TEXT NOT NULL, function_id TEXT NOT NULL,
  task_id TEXT NOT NULL, call_id TEXT NOT NULL, input_id TEXT NOT NULL, fd INTEGER NOT NULL, t REAL NOT NULL,
  data TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS logs_of_app ON logs(app_id, entry);
CREATE INDEX IF NOT EXISTS logs_of_call ON logs(call_id, entry);
CREATE TABLE IF NOT EXISTS log_offsets(path TEXT PRIMARY KEY, offset INTEGER NOT NULL) WITHOUT ROWID;
"""
KEPT_PER_APP = 200_000
MAX_LINE = 64 * 1024
READ_BYTES = 1024**2
STDOUT, STDERR = api_pb2.FILE_DESCRIPTOR_STDOUT, api_pb2.FILE_DESCRIPTOR_STDERR
SYSTEM = api_pb2.FILE_DESCRIPTOR_INFO


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where a line comes from."""

    app_id: str
    function_id: str
    task_id: str
    call_id: str = ""
    input_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogFilter:
    """Which lines a reader wants; empty fields do not filter."""

    app_id: str = ""
    function_id: str = ""
    task_id: str = ""
    call_id: str = ""
    fd: int = 0
    search: str = ""
    since: float = 0.0
    until: float = 0.0

    def where(self) -> tuple[str, list[object]]:
        """The condition in SQL and its values."""
        clauses, values = ["1"], []
        for column in ("app_id", "function_id", "task_id", "call_id", "fd"):
            if wanted := getattr(self, column):
                clauses.append(f"{column}=?")
                values.append(wanted)
        if self.search:
            clauses.append("instr(data, ?)")
            values.append(self.search)
        if self.since:
            clauses.append("t>=?")
            values.append(self.since)
        if self.until:
            clauses.append("t<=?")
            values.append(self.until)
        return " AND ".join(clauses), values


class Logs:
    """All lines of this cloud. ``changed`` beats when lines were added."""

    def __init__(self, store: Store) -> None:
        self._store = store
        store.define(_TABLES)
        self.changed = Pulse()
        self._since_prune = 0

    def add(self, origin: Origin, fd: int, lines: list[str], read: tuple[Path, int] | None = None) -> None:
        """Append lines; each keeps its own newline. ``read`` is a file and how far it has now been
        read, stored with the lines so that a new daemon goes on just there."""
        at = clocks.wall()
        values = (origin.app_id, origin.function_id, origin.task_id, origin.call_id, origin.input_id, fd, at)
        with self._store.transaction() as db:
            db.executemany(
                "INSERT INTO logs(app_id, function_id, task_id, call_id, input_id, fd, t, data) "
                "VALUES(?,?,?,?,?,?,?,?)",
                [(*values, line) for line in lines],
            )
            if read is not None:
                db.execute("INSERT OR REPLACE INTO log_offsets VALUES(?,?)", (str(read[0]), read[1]))
        self._prune(origin.app_id, len(lines))
        self.changed.beat()

    def after(self, wanted: LogFilter, entry: int, limit: int) -> list[sqlite3.Row]:
        """Lines after an entry, oldest first."""
        where, values = wanted.where()
        query = f"SELECT * FROM logs WHERE {where} AND entry>? ORDER BY entry LIMIT ?"
        return self._store.db.execute(query, [*values, entry, limit]).fetchall()

    def newest(self, wanted: LogFilter, limit: int) -> list[sqlite3.Row]:
        """The newest lines, oldest first."""
        where, values = wanted.where()
        query = f"SELECT * FROM logs WHERE {where} ORDER BY entry DESC LIMIT ?"
        return self._store.db.execute(query, [*values, limit]).fetchall()[::-1]

    def counts(self, wanted: LogFilter, bucket: int) -> list[tuple[int, int, int]]:
        """(bucket start in unix seconds, descriptor, lines) of the matching lines."""
        where, values = wanted.where()
        query = (
            f"SELECT cast(t/? AS INTEGER)*? AS b, fd, count(*) AS n FROM logs WHERE {where} "
            "GROUP BY b, fd ORDER BY b"
        )
        rows = self._store.db.execute(query, [bucket, bucket, *values])
        return [(row["b"], row["fd"], row["n"]) for row in rows]

    def offset(self, path: Path) -> int:
        """How far an output file has been read."""
        row = self._store.db.execute("SELECT offset FROM log_offsets WHERE path=?", (str(path),)).fetchone()
        return int(row["offset"]) if row else 0

    def forget(self, path: Path) -> None:
        """The file is gone."""
        self._store.db.execute("DELETE FROM log_offsets WHERE path=?", (str(path),))

    def _prune(self, app_id: str, added: int) -> None:
        self._since_prune += added
        if self._since_prune < KEPT_PER_APP // 10:
            return
        self._since_prune = 0
        self._store.db.execute(
            "DELETE FROM logs WHERE app_id=? AND entry < (SELECT entry FROM logs WHERE app_id=? "
            "ORDER BY entry DESC LIMIT 1 OFFSET ?)",
            (app_id, app_id, KEPT_PER_APP),
        )


class LogTail:
    """Reads one output file of a container on, from where it stopped last time."""

    def __init__(self, path: Path, fd: int, logs: Logs, origin: Callable[[], Origin]) -> None:
        self._path, self._fd, self._logs, self._origin = path, fd, logs, origin
        self._offset = logs.offset(path)

    def read(self) -> None:
        """Take what is there; an unfinished last line waits, unless it is very long."""
        data = self._new()
        end = data.rfind(b"\n") + 1
        self._take(data[: end or (len(data) if len(data) >= MAX_LINE else 0)])

    def finish(self) -> None:
        """Take all that is left, unfinished line included: nobody writes any more."""
        while data := self._new():
            self._take(data)
        self._logs.forget(self._path)

    def _new(self) -> bytes:
        try:
            if self._path.stat().st_size == self._offset:
                return b""
            with self._path.open("rb") as file:
                file.seek(self._offset)
                return file.read(READ_BYTES)
        except FileNotFoundError:
            return b""

    def _take(self, data: bytes) -> None:
        if data:
            lines = data.decode("utf-8", "replace").splitlines(keepends=True)
            self._offset += len(data)
            read = (self._path, self._offset)
            self._logs.add(self._origin(), self._fd, [line[:MAX_LINE] for line in lines], read)

"""What containers print, line by line, kept for readers that come late.

A container writes to plain files, so that it survives the daemon; `LogTail` reads them on. It knows
which call a line belongs to only because it is told.
"""

from __future__ import annotations

import sqlite3
from collections import deque
from collections.abc import Callable, Iterator
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
READ_BYTES = 256 * 1024
READ_LINES = 5_000
"""One read takes so much at most: the daemon does nothing else meanwhile."""
PRUNED_LINES = READ_LINES
TOGETHER = 500
"""Lines of one INSERT: half of what a line costs is the statement."""
_INSERT = "INSERT INTO logs(app_id, function_id, task_id, call_id, input_id, fd, t, data) VALUES "
_LINE = "(?1,?2,?3,?4,?5,?6,?7,?)"
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
        self._kept_from: dict[str, int] = {}  # by app, what is being pruned

    def add(self, origin: Origin, fd: int, lines: list[str], read: tuple[Path, int] | None = None) -> None:
        """Append lines; each keeps its own newline. ``read`` is a file and how far it has now been
        read, stored with the lines so that a new daemon goes on just there."""
        whose = (origin.app_id, origin.function_id, origin.task_id, origin.call_id, origin.input_id)
        values = (*whose, fd, clocks.wall())
        with self._store.transaction() as db:
            whole = len(lines) - len(lines) % TOGETHER
            parts = [(*values, *lines[at : at + TOGETHER]) for at in range(0, whole, TOGETHER)]
            db.executemany(_INSERT + ",".join([_LINE] * TOGETHER), parts)
            db.executemany(_INSERT + _LINE, [(*values, line) for line in lines[whole:]])
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
        """Look from time to time what an app has too much of; delete some of that at each of its lines."""
        self._since_prune += added
        if self._since_prune >= KEPT_PER_APP // 10:
            self._since_prune = 0
            query = "SELECT entry FROM logs WHERE app_id=? ORDER BY entry DESC LIMIT 1 OFFSET ?"
            row = self._store.db.execute(query, (app_id, KEPT_PER_APP)).fetchone()
            self._kept_from[app_id] = row["entry"] if row else 0
        if kept_from := self._kept_from.get(app_id):
            deleted = self._store.db.execute(
                "DELETE FROM logs WHERE entry IN "
                "(SELECT entry FROM logs WHERE app_id=? AND entry<? ORDER BY entry LIMIT ?)",
                (app_id, kept_from, PRUNED_LINES),
            )
            if deleted.rowcount < PRUNED_LINES:
                del self._kept_from[app_id]


class LogTail:
    """Reads one output file of a container on, from where it stopped last time.

    A look takes a piece only, so output may wait; it still belongs to what the container ran when the
    output was first seen.
    """

    def __init__(self, path: Path, fd: int, logs: Logs, origin: Callable[[], Origin]) -> None:
        self._path, self._fd, self._logs, self._origin = path, fd, logs, origin
        self._offset = logs.offset(path)
        self._seen: deque[tuple[int, Origin]] = deque()  # output up to here, and whose it is

    def read(self) -> None:
        """Take some of what is there; an unfinished last line waits, unless it is very long."""
        self._look()
        self._next()

    def rest(self) -> Iterator[None]:
        """Take all that was there when this began, unfinished line included, and pause after each piece:
        nobody writes any more."""
        self._look()
        last = self._seen[-1][0] if self._seen else self._offset
        while (before := self._offset) < last:
            self._next(last)
            if self._offset == before:
                break  # the file is gone
            yield
        self._logs.forget(self._path)

    def _next(self, last: int | None = None) -> None:
        """Take a piece of whole lines; what ends at ``last`` need not be whole."""
        while self._seen:
            data = self._piece()
            end = data.rfind(b"\n") + 1
            is_last = last is not None and self._offset + len(data) >= last
            if is_last or (not end and len(data) >= MAX_LINE):
                end = len(data)
            self._take(data[:end])
            if end or len(self._seen) == 1:
                return
            self._seen.popleft()  # the rest of it is a line that ends in the next one's

    def _look(self) -> None:
        """Note whose the output is that has come since the last look."""
        size, origin = self._size(), self._origin()
        last, whose = self._seen[-1] if self._seen else (self._offset, None)
        if size > last:
            if whose == origin:
                self._seen.pop()
            self._seen.append((size, origin))

    def _size(self) -> int:
        try:
            return self._path.stat().st_size
        except FileNotFoundError:
            return 0

    def _piece(self) -> bytes:
        """The next output of one origin, at most what one read takes."""
        try:
            with self._path.open("rb") as file:
                file.seek(self._offset)
                data = file.read(min(READ_BYTES, self._seen[0][0] - self._offset))
        except FileNotFoundError:
            return b""
        lines = data.split(b"\n", READ_LINES)
        return data[: len(data) - len(lines[-1])] if len(lines) > READ_LINES else data

    def _take(self, data: bytes) -> None:
        if not data:
            return
        until, origin = self._seen[0]
        offset = self._offset + len(data)
        lines = data.decode("utf-8", "replace").splitlines(keepends=True)
        self._logs.add(origin, self._fd, [line[:MAX_LINE] for line in lines], (self._path, offset))
        self._offset = offset
        if offset >= until:
            self._seen.popleft()

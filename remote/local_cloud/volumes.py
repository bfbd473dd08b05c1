"""Volumes: one committed tree each, and a working copy a container.

A container sees what was committed when it started and its own writes; others see its writes after
its commit and their own reload. The last writer of a file wins. What was not committed when the
container dies is gone. A commit reads only what changed since it was last looked at (size, mtime and
inode), so it costs what changed, not what the volume holds; it is one transaction after the contents
are on disk. Working copies are copies (sharing blocks where the file system can), not hard links: a
program that writes in place would otherwise change committed contents. Unless it is switched off,
containers are committed in the background too, as Modal does it, half-written files included.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import sqlite3
import time
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from remote.local_cloud import clocks
from remote.local_cloud.blobs import ObjectStore
from remote.local_cloud.ids import new_id
from remote.local_cloud.store import Store
from remote.local_cloud.working_copy import Committed, Seen, bring, load_seen, save_seen, take_changes

_TABLES = """
CREATE TABLE IF NOT EXISTS volumes(
  volume_id TEXT PRIMARY KEY, name TEXT UNIQUE, version INTEGER NOT NULL, created_at REAL NOT NULL);
CREATE TABLE IF NOT EXISTS volume_files(
  volume_id TEXT NOT NULL, path TEXT NOT NULL, sha TEXT NOT NULL, size INTEGER NOT NULL, mtime REAL NOT NULL,
  mode INTEGER NOT NULL, PRIMARY KEY(volume_id, path)) WITHOUT ROWID;
"""
MAX_PATH = 4095
MAX_NAME = 255
UNUSED_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class CommitResult:
    """What a commit published."""

    files: int
    bytes: int
    seconds: float


class VolumePathError(ValueError):
    """A path that leaves the volume, or is not one."""


def clean_path(path: str) -> str:
    """A volume path in its one form: relative, no ``..``, no NUL, at most 4,095 bytes
    and 255 in each name."""
    parts = PurePosixPath(path.lstrip("/")).parts
    too_long = len(path.encode()) > MAX_PATH or any(len(part.encode()) > MAX_NAME for part in parts)
    if "\0" in path or ".." in parts or too_long or not parts:
        raise VolumePathError(f"{path[:80]!r} is not a path inside a volume")
    return str(PurePosixPath(*parts))


class Volumes:
    """All volumes and the working copies of live containers."""

    def __init__(self, store: Store, objects: ObjectStore, working_dir: Path) -> None:
        self._store = store
        self._objects = objects
        self._working = working_dir
        working_dir.mkdir(mode=0o700, exist_ok=True)
        store.define(_TABLES)
        self._locks: dict[tuple[str, str], asyncio.Lock] = {}
        self._seen: dict[tuple[str, str], dict[str, Seen]] = {}
        self._users = 0

    def create(self, name: str | None, version: int) -> str:
        """A new, empty volume; its id."""
        volume_id = new_id("vo")
        self._store.db.execute(
            "INSERT INTO volumes VALUES(?,?,?,?)", (volume_id, name, version, clocks.wall())
        )
        return volume_id

    def find(self, name: str) -> str | None:
        """The id of a named volume."""
        row = self._store.db.execute("SELECT volume_id FROM volumes WHERE name=?", (name,)).fetchone()
        return row["volume_id"] if row else None

    def describe(self, volume_id: str) -> tuple[str | None, int, float]:
        """(name, version, created at); KeyError if there is none."""
        row = self._store.db.execute("SELECT * FROM volumes WHERE volume_id=?", (volume_id,)).fetchone()
        if row is None:
            raise KeyError(volume_id)
        return row["name"], row["version"], row["created_at"]

    def named(self) -> list[tuple[str, str, float]]:
        """(name, id, created at) of every named volume."""
        rows = self._store.db.execute("SELECT * FROM volumes WHERE name IS NOT NULL ORDER BY created_at DESC")
        return [(row["name"], row["volume_id"], row["created_at"]) for row in rows]

    def rename(self, volume_id: str, name: str) -> None:
        """Give a volume a name that no other has."""
        self._store.db.execute("UPDATE volumes SET name=? WHERE volume_id=?", (name, volume_id))

    def delete(self, volume_id: str) -> None:
        """Forget a volume and its tree."""
        with self._store.transaction() as db:
            db.execute("DELETE FROM volume_files WHERE volume_id=?", (volume_id,))
            db.execute("DELETE FROM volumes WHERE volume_id=?", (volume_id,))

    def files(self, volume_id: str, under: str = "") -> list[Committed]:
        """The committed tree, or the part of it under a path (the file itself if it is one)."""
        rows = self._store.db.execute(
            "SELECT * FROM volume_files "
            "WHERE volume_id=? AND (?='' OR path=? OR substr(path,1,?)=?) ORDER BY path",
            (volume_id, under, under, len(under) + 1, under + "/"),
        )
        return [Committed(row["path"], row["sha"], row["size"], row["mtime"], row["mode"]) for row in rows]

    def put(self, volume_id: str, files: list[Committed]) -> None:
        """Publish files whose contents are stored."""
        with self._store.transaction() as db:
            _publish(db, volume_id, files)

    def remove(self, volume_id: str, paths: list[str]) -> None:
        """Remove committed files."""
        with self._store.transaction() as db:
            db.executemany(
                "DELETE FROM volume_files WHERE volume_id=? AND path=?", [(volume_id, p) for p in paths]
            )

    async def open_working_copy(self, task_id: str, volume_id: str) -> Path:
        """A fresh directory with the committed tree; what a container sees as the volume."""
        self.describe(volume_id)
        self._root(task_id, volume_id).mkdir(mode=0o700, parents=True)
        await self._note_seen(task_id, volume_id, {})
        await self.reload(task_id, volume_id)
        return self._root(task_id, volume_id)

    async def commit(self, task_id: str, volume_id: str, *, asked: bool = True) -> CommitResult:
        """Publish what the container changed, as it ``asked`` for or in the background. Its own writes win;
        files it did not touch stay. OSError, and nothing is published, if something cannot be read or stored;
        KeyError for a container that does not have the volume any more."""
        started = time.monotonic()
        async with self._using(task_id, volume_id):
            root, seen = self._root(task_id, volume_id), self._seen_by(task_id, volume_id)
            changed, now_seen = await asyncio.to_thread(take_changes, root, seen, self._objects, asked=asked)
            gone = [path for path in seen if path not in now_seen]
            committed = {file.path: file.sha for file in self.files(volume_id)} if gone else {}
            with self._store.transaction() as db:
                _publish(db, volume_id, changed)
                db.executemany(
                    "DELETE FROM volume_files WHERE volume_id=? AND path=?",
                    [(volume_id, path) for path in gone if committed.get(path) == seen[path].sha],
                )
            if now_seen != seen:
                await self._note_seen(task_id, volume_id, now_seen)
        return CommitResult(
            len(changed) + len(gone), sum(f.size for f in changed), time.monotonic() - started
        )

    async def reload(self, task_id: str, volume_id: str) -> None:
        """Bring what others committed into a working copy; the container's own changes stay."""
        async with self._using(task_id, volume_id):
            root, seen = self._root(task_id, volume_id), self._seen_by(task_id, volume_id)
            committed = {file.path: file for file in self.files(volume_id)}
            now_seen = await asyncio.to_thread(bring, root, committed, seen, self._objects)
            if now_seen != seen:
                await self._note_seen(task_id, volume_id, now_seen)

    async def reload_all(self, task_id: str) -> None:
        """Reload every volume of a container."""
        for volume_id in self.mounted(task_id):
            await self.reload(task_id, volume_id)

    def mounted(self, task_id: str) -> list[str]:
        """The volumes that a container has."""
        return [path.stem for path in (self._working / task_id).glob("*.json")]

    def path_in(self, task_id: str, volume_id: str) -> Path:
        """Where a container has a volume; KeyError for one that it has not."""
        self._seen_by(task_id, volume_id)
        return self._root(task_id, volume_id)

    def collect(self) -> int:
        """Delete contents that no committed file needs any more; how many. Never while a commit or
        a reload is under way."""
        if self._users:
            return 0
        rows = self._store.db.execute("SELECT DISTINCT sha FROM volume_files")
        return self._objects.delete_all_but({row["sha"] for row in rows}, older_than=UNUSED_SECONDS)

    @contextlib.asynccontextmanager
    async def _using(self, task_id: str, volume_id: str) -> AsyncIterator[None]:
        """One at a time for a working copy, and no collection of contents meanwhile."""
        async with self._lock(task_id, volume_id):
            self._users += 1
            try:
                yield
            finally:
                self._users -= 1

    async def discard(self, task_id: str) -> None:
        """Drop a container's working copies with whatever was not committed. A commit that is under way ends
        first: it would take what is being removed for deleted by the container."""
        async with contextlib.AsyncExitStack() as held:
            for volume_id in self.mounted(task_id):
                await held.enter_async_context(self._lock(task_id, volume_id))
            await asyncio.to_thread(shutil.rmtree, self._working / task_id, ignore_errors=True)
            for table in (self._locks, self._seen):
                for key in [key for key in table if key[0] == task_id]:
                    del table[key]

    def discard_all_but(self, task_ids: set[str]) -> None:
        """Drop the working copies of containers that did not survive a restart."""
        for directory in self._working.iterdir():
            if directory.name not in task_ids:
                shutil.rmtree(directory, ignore_errors=True)

    def _lock(self, task_id: str, volume_id: str) -> asyncio.Lock:
        return self._locks.setdefault((task_id, volume_id), asyncio.Lock())

    def _root(self, task_id: str, volume_id: str) -> Path:
        return self._working / task_id / volume_id

    def _seen_path(self, task_id: str, volume_id: str) -> Path:
        return self._working / task_id / f"{volume_id}.json"

    async def _note_seen(self, task_id: str, volume_id: str, seen: dict[str, Seen]) -> None:
        await asyncio.to_thread(save_seen, self._seen_path(task_id, volume_id), seen)
        self._seen[task_id, volume_id] = seen

    def _seen_by(self, task_id: str, volume_id: str) -> dict[str, Seen]:
        """What a container's copy looked like; KeyError for a volume that it does not have."""
        self.describe(volume_id)
        try:
            key = task_id, volume_id
            return self._seen.get(key) or self._seen.setdefault(key, load_seen(self._seen_path(*key)))
        except FileNotFoundError as error:
            raise KeyError(f"{task_id} does not mount {volume_id}") from error


def _publish(db: sqlite3.Connection, volume_id: str, files: Iterable[Committed]) -> None:
    """Put files into a committed tree. The last writer wins also where one has a file and the other
    a directory of its name."""
    for file in files:
        path = clean_path(file.path)
        above = path.split("/")[:-1]
        db.executemany(
            "DELETE FROM volume_files WHERE volume_id=? AND path=?",
            [(volume_id, "/".join(above[:depth])) for depth in range(1, len(above) + 1)],
        )
        db.execute(
            "DELETE FROM volume_files WHERE volume_id=? AND path>=? AND path<?",
            (volume_id, path + "/", path + "0"),  # 0 comes right after the slash
        )
        db.execute(
            "INSERT OR REPLACE INTO volume_files VALUES(?,?,?,?,?,?)",
            (volume_id, path, file.sha, file.size, file.mtime, file.mode),
        )

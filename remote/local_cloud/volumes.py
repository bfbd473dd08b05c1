"""Volumes: one committed tree each, and a working copy a container.

A container sees what was committed when it started and its own writes; others see its writes after
its commit and their own reload. The last writer of a file wins. What was not committed when the
container dies is gone. A commit reads only what changed since it was last looked at (size, mtime and
inode), so it costs what changed, not what the volume holds; it is one transaction after the contents
are on disk. Working copies are copies, not hard links: a program that writes in place would
otherwise change committed contents.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from remote.local_cloud.blobs import ObjectStore
from remote.local_cloud.ids import new_id
from remote.local_cloud.store import Store

_TABLES = """
CREATE TABLE IF NOT EXISTS volumes(
  volume_id TEXT PRIMARY KEY, name TEXT UNIQUE, version INTEGER NOT NULL, created_at REAL NOT NULL);
CREATE TABLE IF NOT EXISTS volume_files(
  volume_id TEXT NOT NULL, path TEXT NOT NULL, sha TEXT NOT NULL, size INTEGER NOT NULL, mtime REAL NOT NULL,
  mode INTEGER NOT NULL, PRIMARY KEY(volume_id, path)) WITHOUT ROWID;
"""
MAX_PATH = 4096
UNUSED_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Committed:
    """One file of a committed tree."""

    path: str
    sha: str
    size: int
    mtime: float
    mode: int


@dataclass(frozen=True, slots=True)
class Seen:
    """What a working file looked like when it was last equal to the contents ``sha``."""

    sha: str
    size: int
    mtime_ns: int
    inode: int


@dataclass(frozen=True, slots=True)
class CommitResult:
    """What a commit published."""

    files: int
    bytes: int
    seconds: float


class VolumePathError(ValueError):
    """A path that leaves the volume, or is not one."""


def clean_path(path: str) -> str:
    """A volume path in its one form: relative, no ``..``, no NUL, at most 4,096 bytes."""
    parts = PurePosixPath(path.lstrip("/")).parts
    if "\0" in path or ".." in parts or len(path.encode()) > MAX_PATH or not parts:
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
        self._users = 0

    def create(self, name: str | None, version: int) -> str:
        """A new, empty volume; its id."""
        volume_id = new_id("vo")
        self._store.db.execute("INSERT INTO volumes VALUES(?,?,?,?)", (volume_id, name, version, time.time()))
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
            db.executemany(
                "INSERT OR REPLACE INTO volume_files VALUES(?,?,?,?,?,?)",
                [(volume_id, clean_path(f.path), f.sha, f.size, f.mtime, f.mode) for f in files],
            )

    def remove(self, volume_id: str, paths: list[str]) -> None:
        """Remove committed files."""
        with self._store.transaction() as db:
            db.executemany(
                "DELETE FROM volume_files WHERE volume_id=? AND path=?", [(volume_id, p) for p in paths]
            )

    async def open_working_copy(self, task_id: str, volume_id: str) -> Path:
        """A fresh directory with the committed tree; what a container sees as the volume."""
        self._root(task_id, volume_id).mkdir(mode=0o700, parents=True)
        self._save_seen(task_id, volume_id, {})
        await self.reload(task_id, volume_id)
        return self._root(task_id, volume_id)

    async def commit(self, task_id: str, volume_id: str) -> CommitResult:
        """Publish what the container changed. Its own writes win; files it did not touch stay."""
        started = time.monotonic()
        async with self._using(task_id, volume_id):
            root, seen = self._root(task_id, volume_id), self._load_seen(task_id, volume_id)
            changed, now_seen = await asyncio.to_thread(self._take_changes, root, seen)
            gone = [path for path in seen if path not in now_seen]
            committed = {file.path: file.sha for file in self.files(volume_id)} if gone else {}
            with self._store.transaction():
                db = self._store.db
                db.executemany(
                    "INSERT OR REPLACE INTO volume_files VALUES(?,?,?,?,?,?)",
                    [(volume_id, f.path, f.sha, f.size, f.mtime, f.mode) for f in changed],
                )
                db.executemany(
                    "DELETE FROM volume_files WHERE volume_id=? AND path=?",
                    [(volume_id, path) for path in gone if committed.get(path) == seen[path].sha],
                )
            if changed or gone:
                self._save_seen(task_id, volume_id, now_seen)
        return CommitResult(
            len(changed) + len(gone), sum(f.size for f in changed), time.monotonic() - started
        )

    async def reload(self, task_id: str, volume_id: str) -> None:
        """Bring what others committed into a working copy; the container's own changes stay."""
        async with self._using(task_id, volume_id):
            root, seen = self._root(task_id, volume_id), self._load_seen(task_id, volume_id)
            committed = {file.path: file for file in self.files(volume_id)}
            now_seen = await asyncio.to_thread(self._bring, root, committed, seen)
            self._save_seen(task_id, volume_id, now_seen)

    async def reload_all(self, task_id: str) -> None:
        """Reload every volume of a container."""
        for path in list((self._working / task_id).glob("*.json")):
            await self.reload(task_id, path.stem)

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
        lock = self._locks.setdefault((task_id, volume_id), asyncio.Lock())
        async with lock:
            self._users += 1
            try:
                yield
            finally:
                self._users -= 1

    def _bring(self, root: Path, committed: dict[str, Committed], seen: dict[str, Seen]) -> dict[str, Seen]:
        now_seen = dict(seen)
        for path, file in committed.items():
            before = seen.get(path)
            if (before is None or before.sha != file.sha) and _looks_like(root / path, before):
                now_seen[path] = self._materialise(root, file)
        for path in [path for path in seen if path not in committed]:
            if _looks_like(root / path, seen[path]):
                (root / path).unlink(missing_ok=True)
                del now_seen[path]
        return now_seen

    def discard(self, task_id: str) -> None:
        """Drop a container's working copies with whatever was not committed."""
        shutil.rmtree(self._working / task_id, ignore_errors=True)
        for key in [key for key in self._locks if key[0] == task_id]:
            del self._locks[key]

    def discard_all_but(self, task_ids: set[str]) -> None:
        """Drop the working copies of containers that did not survive a restart."""
        for directory in self._working.iterdir():
            if directory.name not in task_ids:
                self.discard(directory.name)

    def _take_changes(self, root: Path, seen: dict[str, Seen]) -> tuple[list[Committed], dict[str, Seen]]:
        changed, now_seen = [], {}
        for path in _regular_files(root):
            relative = path.relative_to(root).as_posix()
            before = seen.get(relative)
            if before is not None and _looks_like(path, before):
                now_seen[relative] = before
                continue
            try:
                stat = path.stat()
                sha, size = self._objects.add_file(path)
            except FileNotFoundError:
                continue  # removed while we looked: as if it had been removed before
            now_seen[relative] = Seen(sha, stat.st_size, stat.st_mtime_ns, stat.st_ino)
            if before is None or before.sha != sha:
                changed.append(Committed(relative, sha, size, stat.st_mtime, stat.st_mode & 0o777))
        return changed, now_seen

    def _materialise(self, root: Path, file: Committed) -> Seen:
        target = root / file.path
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(self._objects.path(file.sha), target)
        os.utime(target, (file.mtime, file.mtime))
        stat = target.stat()
        return Seen(file.sha, stat.st_size, stat.st_mtime_ns, stat.st_ino)

    def _root(self, task_id: str, volume_id: str) -> Path:
        return self._working / task_id / volume_id

    def _seen_path(self, task_id: str, volume_id: str) -> Path:
        return self._working / task_id / f"{volume_id}.json"

    def _save_seen(self, task_id: str, volume_id: str, seen: dict[str, Seen]) -> None:
        rows = {path: [s.sha, s.size, s.mtime_ns, s.inode] for path, s in seen.items()}
        path = self._seen_path(task_id, volume_id)
        temporary = path.with_suffix(".tmp")
        temporary.write_text(json.dumps(rows))
        temporary.rename(path)

    def _load_seen(self, task_id: str, volume_id: str) -> dict[str, Seen]:
        path = self._seen_path(task_id, volume_id)
        if not path.exists():
            raise KeyError(f"{task_id} does not mount {volume_id}")
        return {name: Seen(*values) for name, values in json.loads(path.read_text()).items()}


def _regular_files(root: Path) -> Iterator[Path]:
    for directory, _, names in os.walk(root):
        for name in names:
            path = Path(directory, name)
            if path.is_file() and not path.is_symlink():
                yield path


def _looks_like(path: Path, seen: Seen | None) -> bool:
    """Whether the file is as it was last seen (absent, if it never was)."""
    try:
        stat = path.stat()
    except FileNotFoundError:
        return seen is None
    return seen is not None and (stat.st_size, stat.st_mtime_ns, stat.st_ino) == (
        seen.size,
        seen.mtime_ns,
        seen.inode,
    )

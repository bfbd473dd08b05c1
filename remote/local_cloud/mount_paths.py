"""How a container sees its volumes and buckets at the app's own paths, such as ``/checkpoints``.

In this order: by bubblewrap where it works; else by a symbolic link, where the parent can be written
to and nothing is there, made before the container starts and removed after it; else not, and only the
variable ``LOCAL_CLOUD_MOUNTS`` says where they are. A link shows one working copy, so a path has one
container at a time then and others wait; but no link is made for an app that says by
``LOCAL_CLOUD_MOUNTS_READ=1`` in a secret that it reads the variable, and for a cluster, whose ranks must
all be there. What is made is recorded first, so a daemon that was killed leaves nothing that the next
one does not remove. It knows paths and container ids, not what is in a volume.
"""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import sys
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from remote.local_cloud import bubblewrap, clusters
from remote.local_cloud.bubblewrap import Mount
from remote.local_cloud.store import Store

_TABLES = """
CREATE TABLE IF NOT EXISTS mount_paths(
  path TEXT NOT NULL, task_id TEXT NOT NULL, target TEXT NOT NULL, PRIMARY KEY(path, task_id));
"""
SETTING = "LOCAL_CLOUD_MOUNT_BY"
READ_BY_APP = "LOCAL_CLOUD_MOUNTS_READ"
SYSTEM_PATHS = ("/bin", "/dev", "/etc", "/lib", "/lib64", "/proc", "/sys", "/usr")
MAX_PATH = 4095


class By(StrEnum):
    """What makes a mount path."""

    BUBBLEWRAP = "bubblewrap"
    LINK = "link"
    ENVIRONMENT = "environment"


@dataclass(frozen=True, slots=True)
class Ability:
    """The best that this machine can do, and why it is no better."""

    by: By
    why: str


class MountPathError(ValueError):
    """A mount path that no container can have here, with the reason in words."""


def ability(environment: Mapping[str, str] = os.environ) -> Ability:
    """What can be done on this machine; ``LOCAL_CLOUD_MOUNT_BY`` says that no better shall be."""
    wanted = environment.get(SETTING, By.BUBBLEWRAP)
    if wanted == By.ENVIRONMENT:
        return Ability(By.ENVIRONMENT, f"as {SETTING} says; LOCAL_CLOUD_MOUNTS tells an app where they are")
    reason = f"as {SETTING} says" if wanted == By.LINK else bubblewrap.unusable()
    if reason is None:
        return Ability(By.BUBBLEWRAP, "at the app's own paths, each container in a view of its own; no root")
    return Ability(
        By.LINK,
        f"{reason}: symbolic links where they can be made, one container at a time for a path, "
        "else LOCAL_CLOUD_MOUNTS",
    )


def clean_mount_path(path: str, needed: Iterable[Path] = ()) -> str:
    """A mount path in its one form, its parent's links followed. MountPathError for one that is none or
    that would hide what a container cannot do without."""
    parts = path.split("/")
    if not path.startswith("/") or ".." in parts or "\0" in path or len(os.fsencode(path)) > MAX_PATH:
        raise MountPathError(f"{path[:80]!r} is not an absolute path")
    parent, name = os.path.split(os.path.normpath(path))
    cleaned = os.path.join(os.path.realpath(parent), name)
    essential = [*map(Path, SYSTEM_PATHS), *needed]
    if any(place.is_relative_to(cleaned) for place in essential):
        raise MountPathError(f"nothing can be mounted at {path[:80]!r}: a container needs what is there")
    return cleaned


class MountPaths:
    """Who has which path. ``needed`` are directories that no mount may hide."""

    def __init__(self, store: Store, able: Ability, needed: Iterable[Path]) -> None:
        self._db = store.db
        store.define(_TABLES)
        self.ability = able
        self._needed = [*needed, Path(sys.prefix), Path(sys.executable).resolve()]
        self.waiting: dict[str, str] = {}

    def method(self, paths: Iterable[str], environment: Mapping[str, str]) -> By:
        """How a container with these mount paths and this environment shall see them."""
        wanted = sorted(paths)
        if not wanted or self.ability.by is By.ENVIRONMENT:
            return By.ENVIRONMENT
        if self.ability.by is By.BUBBLEWRAP:
            return By.BUBBLEWRAP
        alone = environment.get(READ_BY_APP) != "1" and clusters.ADDRESS not in environment
        nested = any(b.startswith(f"{a.rstrip('/')}/") for a in wanted for b in wanted)
        able = alone and not nested and all(map(self._linkable, wanted))
        return By.LINK if able else By.ENVIRONMENT

    def holder(self, paths: Iterable[str]) -> str | None:
        """The container to which one of these paths leads by a link now."""
        query = "SELECT task_id FROM mount_paths WHERE target<>'' AND path=?"
        rows = (self._db.execute(query, (clean_mount_path(path),)).fetchone() for path in paths)
        return next((row["task_id"] for row in rows if row is not None), None)

    def prepare(self, task_id: str, mounts: Iterable[Mount], by: By) -> list[str]:
        """Make a container's mount paths: what to put before its command. MountPathError, OSError."""
        wanted = [replace(mount, path=clean_mount_path(mount.path, self._needed)) for mount in mounts]
        if by is By.LINK:
            for mount in wanted:
                self._link(task_id, mount)
        if by is not By.BUBBLEWRAP:
            return []
        wanted = [replace(mount, path=os.path.realpath(mount.path)) for mount in wanted]
        for mount in wanted:
            self._make_point(task_id, mount.path)
        return bubblewrap.command(wanted)

    def release(self, task_id: str) -> None:
        """A container is gone: remove what was made for it and is used by no other."""
        query = "SELECT path, target FROM mount_paths WHERE task_id=? ORDER BY length(path) DESC"
        for row in self._db.execute(query, (task_id,)).fetchall():
            others = "SELECT 1 FROM mount_paths WHERE path=? AND task_id<>?"
            if self._db.execute(others, (row["path"], task_id)).fetchone() is None:
                _remove(row["path"], row["target"])
        # Last: a daemon that is killed before has not forgotten what it still has to remove.
        self._db.execute("DELETE FROM mount_paths WHERE task_id=?", (task_id,))

    def release_all_but(self, task_ids: set[str]) -> None:
        """After a restart: remove what containers that are gone have left."""
        for row in self._db.execute("SELECT DISTINCT task_id FROM mount_paths").fetchall():
            if row["task_id"] not in task_ids:
                self.release(row["task_id"])

    def waits_for(self, function_id: str, paths: Iterable[str]) -> str | None:
        """The container that must end before another that links these paths can start, None if one can
        start now."""
        wanted = sorted(paths)
        holder = self.holder(wanted)
        if holder is None:
            self.waiting.pop(function_id, None)
        else:
            self.waiting[function_id] = f"{', '.join(wanted)} until {holder} ends"
        return holder

    def forget_waiting_but(self, function_ids: Container[str]) -> None:
        """Only these functions still have something to start."""
        for function_id in [f for f in self.waiting if f not in function_ids]:
            del self.waiting[function_id]

    def excuse(self, paths: Iterable[str]) -> str:
        """What a container's log says where its paths could not be made."""
        return f"{', '.join(sorted(paths))}: not made here ({self.ability.why}).\n"

    def report(self) -> dict[str, Any]:
        """For `status`: what makes mount paths, why, and what waits for one."""
        return {"by": str(self.ability.by), "why": self.ability.why, "waiting": sorted(self.waiting.values())}

    def _linkable(self, path: str) -> bool:
        """Whether a link can be made, or is one of ours that its container will give back."""
        try:
            cleaned = clean_mount_path(path, self._needed)
        except MountPathError:
            return False
        parent = os.path.dirname(cleaned)
        ours = self._is_used(cleaned) and os.path.islink(cleaned)
        return ours or (not os.path.lexists(cleaned) and os.access(parent, os.W_OK | os.X_OK))

    def _is_used(self, path: str) -> bool:
        return self._db.execute("SELECT 1 FROM mount_paths WHERE path=?", (path,)).fetchone() is not None

    def _link(self, task_id: str, mount: Mount) -> None:
        if self._is_used(mount.path):
            raise MountPathError(f"{mount.path} is a link for another container until that one ends")
        self._db.execute("INSERT INTO mount_paths VALUES(?,?,?)", (mount.path, task_id, str(mount.directory)))
        os.symlink(mount.directory, mount.path)

    def _make_point(self, task_id: str, path: str) -> None:
        """Directories that a mount needs and that can be made; used by several, they are made once."""
        missing = [] if bubblewrap.to_replace(path) else _missing(path)
        known = [p for p in (path, *map(str, Path(path).parents)) if self._is_used(p)]
        for directory in {*missing, *known}:
            self._db.execute("INSERT OR IGNORE INTO mount_paths VALUES(?,?,'')", (directory, task_id))
        for directory in missing:
            with contextlib.suppress(FileExistsError):
                os.mkdir(directory, 0o700)


def remove_left_over(db: sqlite3.Connection) -> None:
    """Remove whatever containers have left that no daemon looks after."""
    with contextlib.suppress(sqlite3.OperationalError):  # a database of before there were mount paths
        rows = db.execute("SELECT path, target FROM mount_paths ORDER BY length(path) DESC").fetchall()
        for path, target in rows:
            _remove(path, target)
        db.execute("DELETE FROM mount_paths")


def _missing(path: str) -> list[str]:
    """The directories that are missing down to a path, the highest first."""
    missing = []
    while not os.path.lexists(path):
        missing.append(path)
        path = os.path.dirname(path)
    return missing[::-1]


def _remove(path: str, target: str) -> None:
    """Remove our link to ``target``, or, where that is empty, a directory with nothing in it; never
    what somebody else has put there."""
    with contextlib.suppress(OSError):
        if target and os.readlink(path) == target:
            os.unlink(path)
        elif not target:
            os.rmdir(path)


if __name__ == "__main__":
    found = ability()
    print(json.dumps({"by": found.by, "why": found.why}))

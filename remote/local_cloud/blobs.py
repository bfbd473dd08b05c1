"""Bytes too large for a message as files: blobs and their parts, volume contents.

An object's name is checked against its kind, so no path outside an object directory can be reached. It
knows ids and digests, not whose bytes they are.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import re
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from remote.local_cloud import durable

CHUNK = 1 << 20
FICLONE = 0x40049409 if sys.platform == "linux" else None
"""Linux's request to make one file share the blocks of another."""
_NAME = re.compile(r"(bl-[A-Za-z0-9]{22}(\.[0-9]{4})?|[0-9a-f]{64})\Z")


class ObjectStore:
    """Immutable files by name: blobs by id, their parts by number, volume contents by sha256. Safe from
    several threads.

    A file's mtime is when it was last stored, or found stored already, or until when it is kept.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._lock = threading.Lock()
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        for unfinished in directory.glob(f"{tempfile.gettempprefix()}*"):
            unfinished.unlink()  # of a process that was killed

    def path(self, name: str) -> Path:
        """Where an object lies; ValueError for a name that is no object's."""
        if not _NAME.match(name):
            raise ValueError(f"{name[:80]!r} is not the name of an object")
        return self._directory / name[-2:] / name

    def has(self, name: str) -> bool:
        """Whether an object is stored; if so, it stays for a while also if nothing refers to it."""
        return self.keep(name, 0.0)

    def keep(self, name: str, seconds: float) -> bool:
        """Whether an object is stored; if so, it stays for so much longer also if nothing refers to it."""
        path, until = self.path(name), time.time() + seconds
        with self._lock:
            try:
                if path.stat().st_mtime < until:
                    os.utime(path, (until, until))
            except FileNotFoundError:
                return False
            return True

    def put(self, name: str, data: bytes) -> None:
        """Store bytes under a name, whole or not at all."""
        if not self.has(name):
            self.write(self.path(name), data)

    def remove(self, name: str) -> None:
        """Delete an object, if it is there."""
        with self._lock:
            self.path(name).unlink(missing_ok=True)

    def delete_all_but(self, wanted: set[str], older_than: float) -> int:
        """Delete objects whose name is not wanted and that were stored long ago (seconds)."""
        before, deleted = time.time() - older_than, 0
        for path in list(self._directory.glob("*/*")):
            if path.name in wanted:
                continue
            with self._lock:
                if path.stat().st_mtime < before:
                    path.unlink()
                    deleted += 1
        return deleted

    @contextlib.contextmanager
    def adding(self) -> Iterator[Addition]:
        """Store files together: when this ends all are on the disk, and only then under their names;
        after an error none is."""
        addition = Addition(self._directory)
        try:
            yield addition
            durable.sync(addition.staged)
        except BaseException:
            for temporary in addition.staged:
                temporary.unlink()
            raise
        for temporary, name in zip(addition.staged, addition.names, strict=True):
            self._publish(temporary, self.path(name))

    def write(self, path: Path, data: bytes) -> None:
        """Write one of our own paths: temporary name, fsync, rename."""
        with self.incoming(path) as file:
            file.write(data)

    @contextlib.contextmanager
    def incoming(self, path: Path) -> Iterator[IO[bytes]]:
        """A file to write, which becomes one of our own paths whole, or not at all after an error."""
        descriptor, temporary = tempfile.mkstemp(dir=self._directory)
        try:
            with os.fdopen(descriptor, "wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
        except BaseException:
            Path(temporary).unlink()
            raise
        self._publish(Path(temporary), path)

    def _publish(self, temporary: Path, path: Path) -> None:
        path.parent.mkdir(mode=0o700, exist_ok=True)
        with self._lock:
            temporary.rename(path)


class Addition:
    """Contents that are being stored together: temporary files, and what each is to be called."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.staged: list[Path] = []
        self.names: list[str] = []

    def add(self, source: IO[bytes]) -> tuple[str, int]:
        """Take a file's contents; their sha256, which is their name, and their size in bytes. OSError."""
        digest, size = hashlib.sha256(), 0
        descriptor, temporary = tempfile.mkstemp(dir=self._directory)
        try:
            with os.fdopen(descriptor, "wb") as copy:
                while chunk := source.read(CHUNK):
                    digest.update(chunk)
                    copy.write(chunk)
                    size += len(chunk)
        except BaseException:
            os.unlink(temporary)
            raise
        self.staged.append(Path(temporary))
        self.names.append(digest.hexdigest())
        return digest.hexdigest(), size


def clone(source: Path, target: Path) -> None:
    """A copy of a file: sharing its blocks where the file system can, byte by byte where not."""
    with source.open("rb") as original, target.open("wb") as copy:
        if FICLONE is not None:
            try:
                fcntl.ioctl(copy.fileno(), FICLONE, original.fileno())
                return
            except OSError:
                pass
        shutil.copyfileobj(original, copy, 1 << 20)

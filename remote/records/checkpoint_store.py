"""Checkpoints as directories that are whole or not there.

    store = CheckpointStore(root)
    written = store.write(40, 2, {"model.safetensors": save_model}, about={"torch": "2.13.0"})
    written.name                     # step_00000040.a0002
    store.verify(written.name)       # its Manifest, or DamagedCheckpointError

A directory named ``.tmp-…`` is filled, every file fsynced; ``manifest.json`` with sizes and sha256 comes
last; then the directory gets its name and the parent is fsynced. So a name stands for a whole
checkpoint however the writer was killed, and what the volume commits in between begins with a dot. A
name carries the attempt and is never written twice: two containers cannot mix their files, and there is
no ``latest`` to fight over. Which checkpoint counts is the commit log's business, not that of files.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from remote.records.durable_files import UNFINISHED, publish, sync, write_whole
from remote.records.errors import DamagedCheckpointError, RecordError
from remote.records.values import decode, encode

MANIFEST = "manifest.json"
_NAME = re.compile(r"step_(\d{8,})\.a(\d{4,})(?:\.(\d+))?\Z")
_FILE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}\Z")
_CHUNK = 1 << 20


class FileEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One file of a checkpoint: its size in bytes and its sha256 in hex."""

    size: int
    sha256: str


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What a checkpoint is and of what files it consists."""

    step: int
    attempt: int
    files: dict[str, FileEntry]
    about: dict[str, Any] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A checkpoint that was published: ``bytes`` without the manifest, ``seconds`` it took."""

    step: int
    name: str
    bytes: int
    seconds: float


class CheckpointStore:
    """The checkpoints under ``root``, which is made if it is not there."""

    def __init__(self, root: Path, *, mono: Callable[[], float] = time.monotonic) -> None:
        self._root, self._mono = root, mono
        root.mkdir(parents=True, exist_ok=True)

    def write(
        self,
        step: int,
        attempt: int,
        files: Mapping[str, Callable[[Path], None]],
        about: Mapping[str, Any],
    ) -> Written:
        """Publish a checkpoint; each writer makes one complete file at the path that it is given.

        OSError if the disk refuses. After any error or interrupt nothing has a name and what was begun
        is removed; after a kill it is left for `sweep`.
        """
        for name in files:
            if not _FILE.match(name) or name == MANIFEST:
                raise ValueError(f"file name is {name!r}; allowed are plain names other than {MANIFEST}")
        began = self._mono()
        unfinished = self._root / f"{UNFINISHED}{step:08d}.a{attempt:04d}-{uuid.uuid4().hex[:8]}"
        unfinished.mkdir()
        try:
            entries = {name: _write_one(unfinished / name, writer) for name, writer in files.items()}
            manifest = Manifest(step=step, attempt=attempt, files=entries, about=dict(about))
            write_whole(unfinished / MANIFEST, encode(manifest))
            sync(unfinished)
            name = self._free_name(step, attempt)
            publish(unfinished, self._root / name)
        except BaseException:
            shutil.rmtree(unfinished, ignore_errors=True)
            raise
        size = sum(entry.size for entry in entries.values())
        return Written(step=step, name=name, bytes=size, seconds=self._mono() - began)

    def verify(self, name: str) -> Manifest:
        """Read everything and compare; DamagedCheckpointError says what is wrong."""
        parsed = _NAME.match(name)
        if not parsed:
            raise DamagedCheckpointError(name[:80], "no checkpoint has such a name")
        manifest = self._manifest(name)
        if (manifest.step, manifest.attempt) != (int(parsed[1]), int(parsed[2])):
            raise DamagedCheckpointError(name, f"its manifest is of {manifest.step}.a{manifest.attempt}")
        for file, entry in manifest.files.items():
            self._verify_file(name, file, entry)
        return manifest

    def path(self, name: str) -> Path:
        """The directory of a checkpoint. DamagedCheckpointError for what cannot be a name: names come
        out of a table that others write."""
        if not _NAME.match(name):
            raise DamagedCheckpointError(name[:80], "no checkpoint has such a name")
        return self._root / name

    def names(self) -> list[str]:
        """All published checkpoints, by step, then attempt."""
        found = [(_NAME.match(entry), entry) for entry in os.listdir(self._root)]
        return [entry for _, entry in sorted((_order(match), entry) for match, entry in found if match)]

    def delete(self, name: str) -> None:
        """Take the name away first, so that it never stands for half a checkpoint. Absent is well."""
        doomed = self._root / f"{UNFINISHED}deleted-{uuid.uuid4().hex[:8]}"
        try:
            self.path(name).rename(doomed)
        except FileNotFoundError:
            return
        sync(self._root)
        shutil.rmtree(doomed)

    def sweep(self) -> list[str]:
        """Remove what killed writers left unfinished; their names. To be called before the first `write`
        and after the claim: an older attempt that still writes has lost its say anyway."""
        left = sorted(entry for entry in os.listdir(self._root) if entry.startswith(UNFINISHED))
        for entry in left:
            shutil.rmtree(self._root / entry, ignore_errors=True)
        return left

    def _free_name(self, step: int, attempt: int) -> str:
        base = name = f"step_{step:08d}.a{attempt:04d}"
        again = 1
        while (self._root / name).exists():
            again += 1
            name = f"{base}.{again}"
        return name

    def _manifest(self, name: str) -> Manifest:
        try:
            content = (self._root / name / MANIFEST).read_bytes()
            return decode(content, Manifest, MANIFEST)
        except FileNotFoundError as error:
            missing = MANIFEST if (self._root / name).is_dir() else "the directory"
            raise DamagedCheckpointError(name, f"{missing} is missing") from error
        except (OSError, RecordError) as error:
            raise DamagedCheckpointError(name, str(error)) from error

    def _verify_file(self, name: str, file: str, entry: FileEntry) -> None:
        if not _FILE.match(file):
            raise DamagedCheckpointError(name, f"its manifest names a file {file[:80]!r}")
        path = self._root / name / file
        try:
            size = path.stat().st_size
            if size != entry.size:
                raise DamagedCheckpointError(name, f"{file} has {size} bytes instead of {entry.size}")
            if _sha256(path) != entry.sha256:
                raise DamagedCheckpointError(name, f"{file} has other content than when it was written")
        except OSError as error:
            raise DamagedCheckpointError(name, f"{file}: {error.strerror}") from error


def _write_one(path: Path, writer: Callable[[Path], None]) -> FileEntry:
    writer(path)
    sync(path)
    return FileEntry(size=path.stat().st_size, sha256=_sha256(path))


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _order(name: re.Match[str]) -> tuple[int, int, int]:
    return int(name[1]), int(name[2]), int(name[3] or 1)

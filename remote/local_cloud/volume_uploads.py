"""Files put into a volume from outside: which of their paths are taken, and their blocks made one object.

    blocks of 8 MiB by their sha256, each without its trailing zeros     # what the client sends of a file

It knows the committed trees' table and contents by digest; no client, no container.
"""

from __future__ import annotations

import hashlib
import io
import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from modal_proto import api_pb2

from remote.local_cloud import clocks
from remote.local_cloud.blob_server import LINK_SECONDS
from remote.local_cloud.blobs import CHUNK, ObjectStore
from remote.local_cloud.working_copy import Committed

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

File = api_pb2.VolumePutFiles2Request.File
BLOCK = 8 * 1024**2
MODE = 0o644
"""Of a file that was sent without one."""
_FILES = (
    "SELECT file.* FROM json_each(?) AS wanted "
    "CROSS JOIN volume_files AS file ON file.volume_id=? AND file.path=wanted.value"
)
_DIRECTORIES = (
    "SELECT wanted.value AS path FROM json_each(?) AS wanted WHERE EXISTS (SELECT 1 FROM volume_files "
    "WHERE volume_id=? AND path>=wanted.value||'/' AND path<wanted.value||'0')"  # 0 comes after the slash
)


def taken(db: sqlite3.Connection, volume_id: str, paths: Iterable[str]) -> dict[str, Committed | None]:
    """Those of some paths that a volume has: the file as it is, None for a directory. Each is looked up,
    so it costs what is asked for, not what the volume holds."""
    values = json.dumps(list(paths)), volume_id
    directories: dict[str, Committed | None] = {row["path"]: None for row in db.execute(_DIRECTORIES, values)}
    return directories | {
        row["path"]: Committed(row["path"], row["sha"], row["size"], row["mtime"], row["mode"])
        for row in db.execute(_FILES, values)
    }


def sent_again(
    contents: ObjectStore, there: Mapping[str, Committed | None], files: Mapping[str, File]
) -> set[str]:
    """The paths of files that are there already just as they are sent: the client did not hear that it had
    succeeded. FileExistsError if something else is there. It reads what is stored; blocks may be gone."""
    for path, committed in there.items():
        if committed is None or not _is_as_sent(contents, committed, files[path]):
            raise FileExistsError(f"'{path}' exists already")
    return set(there)


def new_ones(there: Mapping[str, Committed | None], files: Iterable[Committed]) -> list[Committed]:
    """Files, the last one of each path, without those that are there just so. FileExistsError if something
    else is there."""
    new = []
    for file in {file.path: file for file in files}.values():
        if file.path not in there:
            new.append(file)
            continue
        found = there[file.path]
        if found is None or (found.sha, found.mode) != (file.sha, file.mode):
            raise FileExistsError(f"'{file.path}' exists already")
    return new


def missing_blocks(contents: ObjectStore, files: Iterable[tuple[int, File]]) -> list[tuple[int, int, str]]:
    """(number of the file, number of the block, digest) of what has to be uploaded yet."""
    return [
        (index, number, block.contents_sha256.hex())
        for index, file in files
        for number, block in enumerate(file.blocks)
        if not contents.keep(block.contents_sha256.hex(), LINK_SECONDS)
    ]


def put_together(contents: ObjectStore, files: Mapping[str, File]) -> list[Committed]:
    """Make each file one object of its blocks, a piece at a time; all are on the disk when this returns."""
    with contents.adding() as addition:
        stored = []
        for path, file in files.items():
            sha = _only_block(contents, file)
            if sha is None:
                with io.BufferedReader(_Joined(contents, file), CHUNK) as joined:
                    sha, _ = addition.add(joined)
            stored.append(Committed(path, sha, file.size, clocks.wall(), file.mode or MODE))
    return stored


def _only_block(contents: ObjectStore, file: File) -> str | None:
    """The digest of a file that is one whole block: it is stored under its name already."""
    if len(file.blocks) != 1:
        return None
    sha = file.blocks[0].contents_sha256.hex()
    return sha if contents.path(sha).stat().st_size == file.size else None


def _is_as_sent(contents: ObjectStore, committed: Committed, file: File) -> bool:
    if (committed.size, committed.mode) != (file.size, file.mode or MODE):
        return False
    digests = [block.contents_sha256 for block in file.blocks]
    if len(digests) != -(-file.size // BLOCK):
        return False
    if [digest.hex() for digest in digests] == [committed.sha]:
        return True
    try:
        with contents.path(committed.sha).open("rb") as stored:
            return all(hashlib.sha256(stored.read(BLOCK).rstrip(b"\0")).digest() == d for d in digests)
    except FileNotFoundError:
        return False


class _Joined(io.RawIOBase):
    """The blocks of a file one after another, to be read; trailing zeros are restored."""

    def __init__(self, contents: ObjectStore, file: File) -> None:
        self._pieces, self._left = _pieces(contents, file), b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        view = memoryview(buffer)
        piece = self._left or next(self._pieces, b"")
        size = min(len(view), len(piece))
        view[:size], self._left = piece[:size], piece[size:]
        return size


def _pieces(contents: ObjectStore, file: File) -> Iterator[bytes]:
    for number, block in enumerate(file.blocks):
        left = min(BLOCK, file.size - number * BLOCK)
        with contents.path(block.contents_sha256.hex()).open("rb") as stored:
            while piece := stored.read(CHUNK):
                left -= len(piece)
                yield piece
        while left > 0:
            yield bytes(min(CHUNK, left))
            left -= CHUNK

"""The files of one container's view of a volume, compared with what they were when last looked at.

It knows a directory, contents by digest, and what a program in a container may do to a directory:
write in place, link out of it, remove what we are looking at. It knows no container and no volume.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from remote.local_cloud.blobs import ObjectStore, clone


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
    """What a working file looked like when it was last equal to the contents ``sha``. ``asked`` if its
    container had asked for that look: then it had written what it wanted to be there."""

    sha: str
    size: int
    mtime_ns: int
    inode: int
    asked: bool = True


GONE = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)
"""Why a file that was just listed cannot be opened if it is gone, or a link by now."""


def take_changes(
    root: Path, seen: dict[str, Seen], objects: ObjectStore, *, asked: bool = True
) -> tuple[list[Committed], dict[str, Seen]]:
    """Store the contents of what differs from ``seen``: the changed files, and what is seen now. OSError,
    and nothing is known of it, if something cannot be read or stored: that is not the same as gone.

    Files that look the same are not read, but for those of a look that nobody ``asked`` for: who writes by
    a memory map changes a file's time at the first write to a page alone, and the look may have come in
    between. Links and special files are passed over.
    """
    changed, now_seen = [], {}
    with objects.adding() as addition:
        for relative, stat in _regular_files(root):
            before = seen.get(relative)
            if before is not None and _is_as(stat, before) and (before.asked or not asked):
                now_seen[relative] = before
                continue
            source = _opened(root / relative)
            if source is None:
                continue
            with source:
                sha, size = addition.add(source)
            now_seen[relative] = Seen(sha, stat.st_size, stat.st_mtime_ns, stat.st_ino, asked)
            if before is None or before.sha != sha:
                changed.append(Committed(relative, sha, size, stat.st_mtime, stat.st_mode & 0o777))
    root.lstat()  # with it everything would be gone
    return changed, now_seen


def _opened(path: Path) -> IO[bytes] | None:
    """A plain file; None if it is gone or a link by now, or of a name that no protocol carries."""
    try:
        str(path).encode()
        return open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NOFOLLOW))
    except UnicodeEncodeError:
        return None
    except OSError as error:
        if error.errno in GONE:
            return None
        raise


def bring(
    root: Path, committed: dict[str, Committed], seen: dict[str, Seen], objects: ObjectStore
) -> dict[str, Seen]:
    """Make the directory hold what is committed, but for what its owner has changed; what is seen
    now. A file is replaced whole, never written in place: somebody may have it mapped."""
    now_seen = dict(seen)
    for path in [path for path in seen if path not in committed]:
        if _looks_like(root / path, seen[path]):
            (root / path).unlink(missing_ok=True)
            _remove_empty(root, (root / path).parent)
            del now_seen[path]
    for path, file in committed.items():
        before = seen.get(path)
        if (before is None or before.sha != file.sha) and _looks_like(root / path, before):
            with contextlib.suppress(NotADirectoryError, IsADirectoryError, FileExistsError):
                now_seen[path] = _materialise(root, file, objects)  # else its owner has other plans there
    return now_seen


def load_seen(path: Path) -> dict[str, Seen]:
    """What was stored by `save_seen`; FileNotFoundError."""
    return {name: Seen(*values) for name, values in json.loads(path.read_text()).items()}


def save_seen(path: Path, seen: dict[str, Seen]) -> None:
    """Store what was seen, whole or not at all."""
    rows = {name: [s.sha, s.size, s.mtime_ns, s.inode, s.asked] for name, s in seen.items()}
    temporary = path.with_suffix(".tmp")
    temporary.write_text(json.dumps(rows))
    temporary.rename(path)


def _materialise(root: Path, file: Committed, objects: ObjectStore) -> Seen:
    target = root / file.path
    _make_parents(root, target.parent)
    temporary = root.with_name(f"{root.name}.incoming")
    clone(objects.path(file.sha), temporary)
    temporary.chmod((file.mode & 0o777) | 0o600)
    os.utime(temporary, (file.mtime, file.mtime))
    temporary.rename(target)
    stat = target.lstat()
    return Seen(file.sha, stat.st_size, stat.st_mtime_ns, stat.st_ino)


def _make_parents(root: Path, directory: Path) -> None:
    """The directories down to a file; a link among them, which could lead out, is replaced."""
    path = root
    for part in directory.relative_to(root).parts:
        path = path / part
        if path.is_symlink():
            path.unlink()
        path.mkdir(exist_ok=True)


def _remove_empty(root: Path, directory: Path) -> None:
    while directory != root and not directory.is_symlink():
        try:
            directory.rmdir()
        except OSError:
            return
        directory = directory.parent


def _regular_files(root: Path) -> Iterator[tuple[str, os.stat_result]]:
    """(relative path, what it looks like) of every plain file, found without following links."""
    pending = [""]
    while pending:
        prefix = pending.pop()
        with contextlib.suppress(FileNotFoundError, NotADirectoryError), os.scandir(root / prefix) as entries:
            for entry in entries:
                with contextlib.suppress(FileNotFoundError):
                    if entry.is_dir(follow_symlinks=False):
                        pending.append(f"{prefix}{entry.name}/")
                    elif entry.is_file(follow_symlinks=False):
                        yield prefix + entry.name, entry.stat(follow_symlinks=False)


def _looks_like(path: Path, seen: Seen | None) -> bool:
    """Whether the file is as it was last seen (absent, if it never was)."""
    try:
        stat = path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return seen is None
    return seen is not None and _is_as(stat, seen)


def _is_as(stat: os.stat_result, seen: Seen) -> bool:
    return (stat.st_size, stat.st_mtime_ns, stat.st_ino) == (seen.size, seen.mtime_ns, seen.inode)

"""Getting many new files onto the disk: what a process has written survives its death without this, but
not the machine's.

A few files are synced one by one, on some threads, since each wait is for the same journal. For many,
Linux is asked to write the whole file system out once, which also waits for what others have written.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ONE_BY_ONE = 64
THREADS = 8


def sync(paths: Sequence[Path]) -> None:
    """Return when all these files of one file system are on the disk. OSError if one cannot be."""
    if len(paths) > ONE_BY_ONE and _sync_file_system(paths[0]):
        return
    if len(paths) < 2:
        for path in paths:
            _sync_file(path)
        return
    with ThreadPoolExecutor(min(THREADS, len(paths))) as threads:
        list(threads.map(_sync_file, paths))


def _sync_file(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sync_file_system(path: Path) -> bool:
    """Whether the file system that holds a file could be written out."""
    if sys.platform != "linux":
        return False
    descriptor = os.open(path, os.O_RDONLY)
    try:
        return bool(ctypes.CDLL(None).syncfs(descriptor) == 0)
    finally:
        os.close(descriptor)

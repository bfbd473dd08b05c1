"""Files that are whole or not there: written aside, fsynced, then given their name.

It knows names that begin with ``.tmp-`` as unfinished, and nothing about what is in a file.
"""

from __future__ import annotations

import os
from pathlib import Path

UNFINISHED = ".tmp-"


def sync(path: Path) -> None:
    """Have a file's content, or a directory's names, on the disk before going on."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_whole(path: Path, content: bytes) -> None:
    """Write a new file and fsync it (its name is durable after `sync` of its directory)."""
    with path.open("xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def publish(unfinished: Path, final: Path) -> None:
    """Give a finished file or directory its name, in one step; FileExistsError if the name is taken."""
    if final.exists():
        raise FileExistsError(f"{final.name} exists; a name is never written twice")
    unfinished.rename(final)
    sync(final.parent)

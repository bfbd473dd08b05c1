"""Copying inside a volume, as the Unix command `cp` does it: pure, over a committed tree.

    copies(tree, ["a.txt", "logs"], "kept/", recursive=True, now=1.7e9)   # the files that come to be

A volume has files alone: a directory is there while a file is in it, so a destination is one also if it
ends in a slash, or if several things are copied to it. Contents are not touched, since a copy has the digest
of what it was copied from. Every path is inside the volume, see `volumes.clean_path`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import PurePosixPath

from remote.local_cloud.volumes import clean_path
from remote.local_cloud.working_copy import Committed


class CopyError(ValueError):
    """What `cp` would refuse, with the reason in words."""


class NothingToCopyError(CopyError):
    """A source that is not there."""


def copies(
    tree: Iterable[Committed], sources: Sequence[str], destination: str, *, recursive: bool, now: float
) -> list[Committed]:
    """The new files that a copy of files and directories makes, with ``now`` (unix seconds) as their time.
    CopyError or `volumes.VolumePathError`: nothing is to be copied then."""
    known = {file.path: file for file in tree}
    directories = {above for path in known for above in _above(path)}
    target, inside = _target(destination, known, directories, many=len(sources) != 1)
    made: dict[str, Committed] = {}
    for source in sources:
        origin = clean_path(source)
        top = clean_path(f"{target}/{PurePosixPath(origin).name}") if inside else target
        if top == origin or top.startswith(f"{origin}/"):
            raise CopyError(f"'{source}' cannot be copied onto or into itself")
        for file in _found(known, origin, source, recursive=recursive):
            copy = clean_path(top + file.path.removeprefix(origin))
            if copy in made:
                raise CopyError(f"'{copy}' would be written twice")
            made[copy] = replace(file, path=copy, mtime=now)
    for copy in made:
        if copy in directories or any(above in known or above in made for above in _above(copy)):
            raise CopyError(f"'{copy}' cannot be a file and a directory")
    return list(made.values())


def _target(
    destination: str, known: Mapping[str, Committed], directories: set[str], *, many: bool
) -> tuple[str, bool]:
    """A destination in its one form, the volume itself as ``.``, and whether copies go into it."""
    whole = bool(destination) and not PurePosixPath(destination.lstrip("/")).parts
    target = "." if whole else clean_path(destination)
    must_be_directory = many or destination.endswith("/")
    if must_be_directory and target in known:
        raise CopyError(f"'{destination}' is not a directory")
    return target, whole or must_be_directory or target in directories


def _found(known: Mapping[str, Committed], origin: str, source: str, *, recursive: bool) -> list[Committed]:
    """What a source is: a file, or all files below a directory."""
    if origin in known:
        return [known[origin]]
    below = [file for path, file in known.items() if path.startswith(f"{origin}/")]
    if not below:
        raise NothingToCopyError(f"No such file or directory: '{source}'")
    if not recursive:
        raise CopyError(f"'{source}' is a directory; copy it recursively")
    return below


def _above(path: str) -> list[str]:
    """The directories that a file is in, without the volume itself."""
    return [str(each) for each in PurePosixPath(path).parents][:-1]

"""The event log's archive on the volume: sealed segments, never appended to.

    archive = Archive(root)
    lines = writer.take_unarchived()
    archive.seal(2, lines, *sequence_range(lines))       # a0002/00000001-00000200.jsonl
    for line in archive.read_all(): ...                  # every sealed line, in order

A segment is written aside, fsynced and renamed, then the volume is committed by whoever owns it; its
last line holds its length and sha256, so that a torn one is seen. It knows lines and their
numbers, not their meaning.
"""

from __future__ import annotations

import hashlib
import re
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from remote.records.durable_files import UNFINISHED, publish, sync, write_whole
from remote.records.errors import DamagedArchiveError, RecordError
from remote.records.values import decode, encode
from remote.vocabulary import events

_ATTEMPT = re.compile(r"a(\d{4,})\Z")
_SEGMENT = re.compile(r"(\d{8,})-(\d{8,})\.jsonl\Z")


class Segment(NamedTuple):
    """The events ``first_seq``..``last_seq`` of an attempt, in one file."""

    attempt: int
    first_seq: int
    last_seq: int
    path: Path


class _Seal(msgspec.Struct, frozen=True, kw_only=True):
    sealed: int
    sha256: str


class Archive:
    """The segments under ``root``, which is made when the first one is sealed."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def seal(self, attempt: int, lines: Sequence[bytes], first_seq: int, last_seq: int) -> Segment:
        """Publish a segment; FileExistsError if there is one of this name. Commit the volume afterwards."""
        folder = self._root / f"a{attempt:04d}"
        if not folder.is_dir():
            folder.mkdir(parents=True)
            sync(self._root)
        body = b"".join(line + b"\n" for line in lines)
        seal = _Seal(sealed=len(lines), sha256=hashlib.sha256(body).hexdigest())
        path = folder / f"{first_seq:08d}-{last_seq:08d}.jsonl"
        unfinished = folder / f"{UNFINISHED}{uuid.uuid4().hex[:8]}"
        try:
            write_whole(unfinished, body + encode(seal) + b"\n")
            publish(unfinished, path)
        finally:
            unfinished.unlink(missing_ok=True)
        return Segment(attempt, first_seq, last_seq, path)

    def segments(self) -> list[Segment]:
        """All segments by attempt, then number; unfinished ones are not among them."""
        found = []
        for folder in self._root.glob("a*"):
            attempt = _ATTEMPT.match(folder.name)
            for path in folder.iterdir() if attempt else ():
                name = _SEGMENT.match(path.name)
                if attempt and name:
                    found.append(Segment(int(attempt[1]), int(name[1]), int(name[2]), path))
        return sorted(found)

    def read(self, segment: Segment) -> list[bytes]:
        """The lines of a segment; DamagedArchiveError if it is not exactly what was sealed."""
        name = f"{segment.path.parent.name}/{segment.path.name}"
        try:
            content = segment.path.read_bytes()
        except OSError as error:
            raise DamagedArchiveError(name, str(error.strerror)) from error
        body, seal = _split(name, content)
        lines = body.split(b"\n")[:-1]
        if len(lines) != seal.sealed or hashlib.sha256(body).hexdigest() != seal.sha256:
            raise DamagedArchiveError(name, "its content is not what was sealed")
        return lines

    def read_all(self) -> Iterator[bytes]:
        """The lines of all segments in order; DamagedArchiveError at the first that is not whole."""
        for segment in self.segments():
            yield from self.read(segment)


def sequence_range(lines: Sequence[bytes]) -> tuple[int, int]:
    """The numbers of the first and the last of some event lines; EventError if they are none."""
    if not lines:
        raise events.EventError("no lines, so no range")
    return events.decode(lines[0]).seq, events.decode(lines[-1]).seq


def _split(name: str, content: bytes) -> tuple[bytes, _Seal]:
    end = content.rfind(b"\n", 0, -1) + 1
    if not content.endswith(b"\n"):
        raise DamagedArchiveError(name, "it is torn: its seal is missing")
    try:
        return content[:end], decode(content[end:], _Seal, name)
    except RecordError as error:
        raise DamagedArchiveError(name, "it is torn: its seal is missing") from error

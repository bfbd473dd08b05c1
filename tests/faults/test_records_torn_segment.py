"""A segment cut at any byte, or with any bit turned over, is refused and not read as a shorter one."""

import random
from pathlib import Path

import pytest
from memory_tables import chosen_seed

from remote.records.archive import Archive, Segment
from remote.records.errors import DamagedArchiveError

LINES = [b'{"seq":%d,"text":"%s"}' % (n, b"x" * n) for n in range(1, 9)]


def sealed(tmp_path: Path) -> tuple[Archive, Segment, bytes]:
    archive = Archive(tmp_path)
    segment = archive.seal(1, LINES, 1, 8)
    return archive, segment, segment.path.read_bytes()


def test_a_cut_at_every_byte_is_seen(tmp_path: Path) -> None:
    archive, segment, content = sealed(tmp_path)
    assert archive.read(segment) == LINES
    for length in range(len(content)):
        segment.path.write_bytes(content[:length])
        with pytest.raises(DamagedArchiveError):
            archive.read(segment)


@pytest.mark.parametrize("rounds", [300, pytest.param(20_000, marks=pytest.mark.chaos)])
def test_a_flipped_bit_is_seen(tmp_path: Path, rounds: int) -> None:
    rng = random.Random(chosen_seed())
    archive, segment, content = sealed(tmp_path)
    for _ in range(rounds):
        flipped = bytearray(content)
        flipped[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
        segment.path.write_bytes(flipped)
        try:
            assert archive.read(segment) == LINES
        except DamagedArchiveError:
            continue


def test_plain_lines_without_a_seal_are_cut_unseen() -> None:
    """Negative control: at a line's end a torn file looks like a shorter one."""
    content = b"".join(line + b"\n" for line in LINES)
    torn = content[: content.index(b"\n") + 1]
    assert torn.endswith(b"\n")
    assert torn.split(b"\n")[:-1] == LINES[:1]


def test_an_unfinished_segment_is_not_listed(tmp_path: Path) -> None:
    archive, segment, content = sealed(tmp_path)
    (segment.path.parent / ".tmp-abc").write_bytes(content[:40])
    assert archive.segments() == [segment]

"""A segment is what was sealed, or it is refused."""

from pathlib import Path

import pytest
from memory_tables import MemoryTable

from remote.records.archive import Archive, sequence_range
from remote.records.event_log import EventWriter
from remote.vocabulary.events import EventError


def test_what_was_said_can_be_read_from_the_archive_in_order(tmp_path: Path) -> None:
    archive, said = Archive(tmp_path / "events"), []
    for attempt in (1, 2):
        log = EventWriter(MemoryTable(), "r7", attempt, boot_id="b")
        for part in range(3):
            for n in range(5):
                log.emit("step.completed", part=part, n=n)
            assert log.flush()
            lines = log.take_unarchived()
            archive.seal(attempt, lines, *sequence_range(lines))
            said += lines
        assert log.take_unarchived() == []
    assert [segment[:3] for segment in archive.segments()] == [
        (1, 1, 5), (1, 6, 10), (1, 11, 15), (2, 1, 5), (2, 6, 10), (2, 11, 15),
    ]  # fmt: skip
    assert list(archive.read_all()) == said


def test_an_archive_that_was_never_written_is_empty(tmp_path: Path) -> None:
    assert Archive(tmp_path / "nothing").segments() == []


def test_a_segment_is_never_written_twice(tmp_path: Path) -> None:
    archive = Archive(tmp_path)
    archive.seal(1, [b"x"], 1, 1)
    with pytest.raises(FileExistsError):
        archive.seal(1, [b"y"], 1, 1)
    assert list(archive.read_all()) == [b"x"]
    assert [path.name for path in (tmp_path / "a0001").iterdir()] == ["00000001-00000001.jsonl"]


def test_lines_that_are_no_events_have_no_range() -> None:
    with pytest.raises(EventError):
        sequence_range([])
    with pytest.raises(EventError):
        sequence_range([b"x"])

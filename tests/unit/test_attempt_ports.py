"""Which checkpoints an attempt lets go, and what it says of them."""

import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parents[1] / "faults"))
from memory_tables import MemoryTable

from remote.attempt_ports import VolumeCheckpoints, superfluous
from remote.records import attempt_claim
from remote.records.archive import Archive
from remote.records.checkpoint_store import CheckpointStore
from remote.records.commit_log import CommitLog, lineage, newest, recognised
from remote.training.ports import CommitFailedError


class Story:
    """A run's attempts, each with its own handle on one volume and one table."""

    def __init__(self, root: Path) -> None:
        self.root, self.table = root, MemoryTable()
        self.number = 0
        self.attempt: Any = None
        self.live_log = True

    def begin(self, from_step: int | None = None, *, generation: int = 1) -> int:
        """The next attempt; the step that it starts from."""
        self.number += 1
        boot = f"b{self.number}"
        claim = attempt_claim.claim_attempt(
            self.table, generation=generation, boot_id=boot, call_id="fc-1", task_id="ta-1",
            host="h", pid=1, now=0.0,
        )  # fmt: skip
        self.log = CommitLog(self.table, claim.number, boot)
        store, archive = CheckpointStore(self.root), Archive(self.root / "events")
        self.attempt = VolumeCheckpoints(
            store, self.log, archive, claim, list, lambda: self.live_log, lambda: None
        )
        return int(self.attempt.begin(from_step))

    def commit(self, step: int) -> None:
        self.attempt.commit(self.attempt.save(step, {"state.json": lambda path: path.write_text("{}")}, {}))

    def steps(self) -> list[int]:
        """Of the checkpoints that are there, in the order of their steps."""
        return [int(name[5:13]) for name in CheckpointStore(self.root).names()]


def test_the_last_ones_and_every_so_many_steps_are_kept(tmp_path: Path) -> None:
    story = Story(tmp_path)
    story.begin()
    for step in range(10, 80, 10):
        story.commit(step)
    gone = story.attempt.prune(2, 30)
    assert [record.step for record in gone] == [10, 20, 40, 50]
    assert story.steps() == [30, 60, 70]
    assert story.attempt.prune(2, 30) == []


def test_what_was_turned_back_from_goes_as_new_commits_come(tmp_path: Path) -> None:
    story = Story(tmp_path)
    story.begin()
    for step in (10, 20, 30, 40):
        story.commit(step)
    assert story.begin(from_step=20, generation=2) == 20

    story.commit(25)
    assert [record.step for record in story.attempt.prune(2, 0)] == [10, 30]
    assert story.steps() == [20, 25, 40], "40 is among the last two of all: one can still go back to it"
    story.commit(35)
    assert [record.step for record in story.attempt.prune(2, 0)] == [20, 40]
    assert story.steps() == [25, 35]


def test_a_multiple_of_keep_every_is_kept_only_where_the_run_went_on(tmp_path: Path) -> None:
    story = Story(tmp_path)
    story.begin()
    for step in (10, 20, 30):
        story.commit(step)
    story.begin(from_step=10, generation=2)
    for step in (15, 20, 25):
        story.commit(step)
    story.attempt.prune(1, 10)
    assert story.steps() == [10, 20, 25]


def test_what_is_in_the_log_and_not_on_the_volume_is_not_said_to_be_deleted(tmp_path: Path) -> None:
    story = Story(tmp_path)
    story.begin()
    for step in (10, 20, 30):
        story.commit(step)
    CheckpointStore(tmp_path).delete("step_00000010.a0001")
    assert [record.step for record in story.attempt.prune(1, 0)] == [20]


@given(
    st.lists(st.tuples(st.integers(1, 6), st.floats(0, 1)), min_size=1, max_size=6),
    st.integers(1, 4),
    st.integers(0, 5),
)
def test_the_newest_and_the_last_of_its_line_are_never_let_go(
    attempts: list[tuple[int, float]], keep_last: int, keep_every: int
) -> None:
    """Over any history of attempts that resume from anywhere."""
    table = MemoryTable()
    for number, (commits, back) in enumerate(attempts, start=1):
        log = CommitLog(table, number, f"b{number}")
        log.fence(lambda records, back=back: _somewhere(recognised(records), back))  # type: ignore[misc]
        for n in range(commits):
            start = newest(log.records())
            log.append_commit((start.step if start else 0) + 1, f"{number}-{n}")
    records = log.records()
    gone = {record.position for record in superfluous(records, keep_last, keep_every)}
    line = lineage(records)
    assert not gone & {record.position for record in line[-keep_last:]}
    assert not gone & {record.position for record in line if keep_every and record.step % keep_every == 0}
    off_the_line = {r.position for r in recognised(records)} - {r.position for r in line}
    assert len(off_the_line - gone) <= keep_last


def _somewhere(found: list[Any], share: float) -> int:
    return int(found[min(len(found) - 1, int(share * len(found)))].position) if found else 0


def test_a_step_does_not_count_before_what_was_said_of_it_is_in_the_live_log(tmp_path: Path) -> None:
    story = Story(tmp_path)
    story.begin()
    story.live_log = False
    with pytest.raises(CommitFailedError, match="live log"):
        story.commit(10)
    assert newest(story.log.records()) is None
    story.live_log = True
    story.commit(20)
    assert [record.step for record in lineage(story.log.records())] == [20]

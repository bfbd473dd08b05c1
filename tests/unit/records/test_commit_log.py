"""Where a run goes on: from the newest recognised checkpoint, or from where the operator said, once."""

import pytest
from memory_tables import MemoryTable

from remote.records.commit_log import CommitLog, LogRecord, lineage, newest, read_log, recognised, starts
from remote.records.errors import FencedError, UnknownStepError


def attempt(table: MemoryTable, number: int, *steps: int, resume: int | None = None) -> CommitLog:
    """An attempt that resumes from position ``resume`` (default: the newest) and commits these steps."""
    log = CommitLog(table, number, f"boot-{number}", clock=lambda: 0.0)

    def choose(records: list[LogRecord]) -> int:
        last = newest(records)
        return resume if resume is not None else last.position if last else 0

    log.fence(choose)
    for step in steps:
        log.append_commit(step, f"step-{step}.a{number}", bytes=7)
    return log


def steps_of(records: list[LogRecord]) -> list[int]:
    return [record.step for record in records]


def test_a_commit_is_read_back_with_everything_about_it() -> None:
    table = MemoryTable()
    attempt(table, 1, 10)
    assert read_log(table)[1] == LogRecord(
        position=2, kind="commit", attempt=1, boot_id="boot-1", step=10, name="step-10.a1", about={"bytes": 7}
    )
    assert read_log(table, after=1) == read_log(table)[1:]


def test_an_empty_log_starts_from_the_beginning() -> None:
    assert newest([]) is None
    assert starts([]) == []


def test_the_next_attempt_goes_on_from_the_newest_even_before_it_has_committed() -> None:
    table = MemoryTable()
    attempt(table, 1, 10, 20)
    attempt(table, 2)
    attempt(table, 3)
    records = read_log(table)
    assert newest(records).step == 20
    assert records[-1].resumed_from == 3


def test_a_resume_to_an_older_step_turns_back_and_leaves_the_branch_behind() -> None:
    table = MemoryTable()
    attempt(table, 1, 10, 20, 30)
    attempt(table, 2, resume=2)
    assert newest(read_log(table)).step == 10
    attempt(table, 3, 15)
    records = read_log(table)
    assert steps_of(lineage(records)) == [10, 15]
    assert steps_of(recognised(records)) == [10, 20, 30, 15]


def test_a_resume_from_the_beginning_forgets_nothing_and_counts_nothing() -> None:
    table = MemoryTable()
    attempt(table, 1, 10)
    attempt(table, 2, resume=0)
    records = read_log(table)
    assert newest(records) is None
    assert steps_of(recognised(records)) == [10]
    attempt(table, 3, resume=2)
    assert newest(read_log(table)).step == 10


def test_starts_are_best_first_so_that_a_damaged_one_has_a_successor() -> None:
    table = MemoryTable()
    attempt(table, 1, 10, 20)
    attempt(table, 2, 30)
    assert steps_of(starts(read_log(table))) == [30, 20, 10]


def test_the_operators_step_is_obeyed_once_in_a_generation() -> None:
    table = MemoryTable()
    attempt(table, 1, 10, 20, 30)
    assert steps_of(starts(read_log(table), from_step=20, first_attempt=2)) == [20, 10]
    assert starts(read_log(table), from_step=0, first_attempt=2) == []
    attempt(table, 2, 25, resume=3)
    assert steps_of(starts(read_log(table), from_step=20, first_attempt=2)) == [25, 20, 10]
    assert steps_of(starts(read_log(table), from_step=20, first_attempt=3)) == [20, 10]


def test_an_abandoned_checkpoint_can_still_be_asked_for() -> None:
    table = MemoryTable()
    attempt(table, 1, 10, 20)
    attempt(table, 2, resume=2)
    assert steps_of(starts(read_log(table), from_step=20, first_attempt=3)) == [20, 10]


def test_a_step_that_was_never_recognised_is_refused_with_those_that_were() -> None:
    table = MemoryTable()
    attempt(table, 1, 10, 20)
    with pytest.raises(UnknownStepError, match=r"no recognised checkpoint of step 15; there are: 10, 20"):
        starts(read_log(table), from_step=15, first_attempt=2)


def test_a_fence_can_be_asked_for_again_and_has_one_answer() -> None:
    table = MemoryTable()
    log = attempt(table, 1, 10)
    assert log.fence(lambda records: 99) == 0
    assert len(read_log(table)) == 2


def test_choosing_a_position_that_is_no_recognised_checkpoint_is_an_error() -> None:
    table = MemoryTable()
    attempt(table, 1, 10)
    with pytest.raises(ValueError, match="position 1, where no recognised checkpoint stands"):
        CommitLog(table, 2, "b").fence(lambda records: 1)


def test_an_attempt_that_did_not_fence_cannot_commit() -> None:
    with pytest.raises(RuntimeError, match="fences before it commits"):
        CommitLog(MemoryTable(), 1, "b").append_commit(1, "n")


def test_another_container_with_our_number_fences_us() -> None:
    table = MemoryTable()
    attempt(table, 1)
    with pytest.raises(FencedError, match="boot boot-1 has its number"):
        CommitLog(table, 1, "other").fence(lambda records: 0)


@pytest.mark.parametrize(
    "hostile", [b"", b"[]", b'{"kind":"fence"}', b'{"kind":"x","attempt":9,"boot_id":""}', b"\xff"]
)
def test_a_record_that_cannot_be_read_holds_its_place_and_counts_for_nothing(hostile: bytes) -> None:
    table = MemoryTable()
    log = attempt(table, 1, 10)
    table.add("log/00000003", hostile)
    assert log.append_commit(20, "step-20") == 4
    assert newest(read_log(table)).step == 20


def test_a_long_log_does_not_cost_a_round_trip_a_record() -> None:
    class Bulk(MemoryTable):
        trips = 0

        def get_many(self, keys: list[str]) -> list[bytes | None]:
            self.trips += 1
            return [self.entries.get(key) for key in keys]

    table = Bulk()
    attempt(table, 1, *range(1, 500))
    table.trips = 0
    assert len(read_log(table)) == 500
    assert table.trips < 15

"""An attempt learns its number, and what the attempts before it left behind."""

from typing import Any

import pytest
from memory_tables import FaultyTable, MemoryTable

from remote.records import keys
from remote.records.attempt_claim import (
    Claim,
    Previous,
    claim_attempt,
    claim_owner,
    is_over,
    once,
    owner_of,
    read_claims,
    read_ends,
    record_end,
)
from remote.records.commit_log import CommitLog, newest
from remote.records.errors import FencedError
from remote.records.tables import Table
from remote.vocabulary.run_states import EndCause


def claims(table: Table, boot_id: str, generation: int = 1) -> Claim:
    return claim_attempt(
        table,
        generation=generation,
        boot_id=boot_id,
        call_id="fc-1",
        task_id="ta-1",
        host="h",
        pid=1,
        now=5.0,
    )


def ends(table: Table, attempt: int, cause: EndCause, will_retry: bool = False, **options: Any) -> bool:
    return record_end(
        table, attempt, cause=cause, step=3, committed_step=0, evidence="e", will_retry=will_retry, now=6.0
    )


def commits(table: Table, attempt: int) -> None:
    log = CommitLog(table, attempt, f"c{attempt}")
    log.fence(lambda records: last.position if (last := newest(records)) else 0)
    log.append_commit(attempt, f"n{attempt}")


def test_the_first_attempt_has_nobody_before_it() -> None:
    assert claims(MemoryTable(), "b1") == Claim(
        number=1,
        generation=1,
        previous=None,
        first_attempt=1,
        retries_used=0,
        preemptions=0,
        attempts_without_commit=0,
    )


def test_attempts_are_numbered_without_a_hole_over_all_generations() -> None:
    table = MemoryTable()
    assert [claims(table, "b1").number, claims(table, "b2").number, claims(table, "b3", 2).number] == [
        1,
        2,
        3,
    ]
    assert [record.generation for record in read_claims(table) if record] == [1, 1, 2]


def test_a_failure_with_a_retry_uses_one_up_and_a_preemption_does_not() -> None:
    table = MemoryTable()
    claims(table, "b1")
    ends(table, 1, EndCause.EXCEPTION, will_retry=True)
    claims(table, "b2")
    ends(table, 2, EndCause.PREEMPTED_KILLED, will_retry=True)
    claims(table, "b3")
    ends(table, 3, EndCause.TIMEOUT, will_retry=True)
    claim = claims(table, "b4")
    assert (claim.retries_used, claim.preemptions) == (2, 1)
    assert claim.previous == Previous(3, EndCause.TIMEOUT)


def test_a_resume_begins_with_all_its_retries() -> None:
    table = MemoryTable()
    claims(table, "b1")
    ends(table, 1, EndCause.EXCEPTION, will_retry=True)
    claim = claims(table, "b2", generation=2)
    assert (claim.retries_used, claim.first_attempt, claim.attempts_without_commit) == (0, 2, 0)


def test_a_predecessor_that_said_nothing_has_no_cause() -> None:
    table = MemoryTable()
    claims(table, "b1")
    assert claims(table, "b2").previous == Previous(1, None)


def test_attempts_in_a_row_without_a_commit_are_counted_past_preemptions() -> None:
    table = MemoryTable()
    claims(table, "b1")
    commits(table, 1)
    claims(table, "b2")
    claims(table, "b3")
    ends(table, 3, EndCause.PREEMPTED_DRAINED)
    claims(table, "b4")
    assert claims(table, "b5").attempts_without_commit == 2
    commits(table, 5)
    assert claims(table, "b6").attempts_without_commit == 0


@pytest.mark.parametrize("fault", ["lost", "unsure", "refused"])
def test_a_claim_whose_reply_was_lost_is_known_by_its_boot_id(fault: str) -> None:
    faults = iter([fault])
    table = FaultyTable(lambda: next(faults, ""))
    try:
        number = claims(table, "b1").number
    except ConnectionError:
        number = claims(table, "b1").number
    assert number == 1
    assert len(table.numbered("attempts/")) == 1


def test_a_container_that_runs_the_input_again_is_a_new_attempt() -> None:
    table = MemoryTable()
    assert claims(table, "b1").number == 1
    assert claims(table, "b1").number == 1
    ends(table, 1, EndCause.EXCEPTION, will_retry=True)
    claim = claims(table, "b1")
    assert (claim.number, claim.retries_used) == (2, 1)


def test_a_stray_container_of_an_earlier_generation_gets_no_number() -> None:
    table = MemoryTable()
    claims(table, "b1", generation=1)
    claims(table, "b2", generation=2)
    with pytest.raises(FencedError, match="generation 1 is fenced: attempt 2 is of generation 2"):
        claims(table, "b3", generation=1)


def test_the_first_last_word_stands() -> None:
    table = MemoryTable()
    assert ends(table, 1, EndCause.EXCEPTION, will_retry=True)
    assert not ends(table, 1, EndCause.COMPLETED)
    (end,) = read_ends(table, 1)
    assert end
    assert end.cause == "exception"


def test_one_call_owns_a_generation_and_its_retries_find_that_out() -> None:
    table = MemoryTable()
    assert owner_of(table, 1) is None
    assert claim_owner(table, 1, "fc-1")
    assert not claim_owner(table, 1, "fc-2")
    assert claim_owner(table, 1, "fc-1")
    assert claim_owner(table, 2, "fc-2")
    assert owner_of(table, 1) == "fc-1"


def test_once_is_once_in_the_life_of_the_run_also_for_who_asks_again() -> None:
    faults = iter(["lost"])
    table = FaultyTable(lambda: next(faults, ""))
    assert once(table, "exception-34", 1)
    assert not once(table, "exception-34", 1)
    assert not once(table, "exception-34", 2)
    assert once(table, "preempt-77", 2)


@pytest.mark.parametrize("hostile", [b"", b"{}", b'{"attempt":"x"}'])
def test_records_that_cannot_be_read_hold_their_number(hostile: bytes) -> None:
    table = MemoryTable()
    table.put(keys.attempt(1), hostile)
    table.put(keys.end(1), hostile)
    claim = claims(table, "b2")
    assert (claim.number, claim.previous) == (2, Previous(1, None))


@pytest.mark.parametrize(
    ("cause", "will_retry", "over"),
    [
        (EndCause.COMPLETED, False, True),
        (EndCause.STOPPED, False, True),
        (EndCause.EXCEPTION, False, True),
        (EndCause.EXCEPTION, True, False),
        (EndCause.TIMEOUT, True, False),
        (EndCause.PREEMPTED_KILLED, False, False),
        (EndCause.KILLED_UNKNOWN, False, False),
    ],
)
def test_a_call_is_over_when_an_attempt_of_it_said_so(cause: EndCause, will_retry: bool, over: bool) -> None:
    table = MemoryTable()
    claims(table, "b1")
    assert not is_over(table, 1)
    ends(table, 1, cause, will_retry)
    assert is_over(table, 1) is over
    assert not is_over(table, 2)

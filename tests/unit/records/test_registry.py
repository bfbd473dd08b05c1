"""A run is registered once, reserved once a generation, and its call can be found."""

import pytest
from memory_tables import FaultyTable, MemoryTable

from remote.records import keys
from remote.records.attempt_claim import claim_owner
from remote.records.errors import RecordError
from remote.records.registry import (
    Reservation,
    call_of,
    is_registered,
    latest_generation,
    record_call,
    register,
    reservation,
    reserve,
    runs,
)


def wish(intent: str, verb: str = "spawn") -> Reservation:
    return Reservation(intent=intent, verb=verb, by="op", host="h", config={"steps": 5}, at=1.0)


def test_a_run_is_registered_once_and_listed_oldest_first() -> None:
    table = MemoryTable()
    assert register(table, "r2", "op", "h", 20.0)
    assert register(table, "r1", "op", "h", 30.0)
    assert not register(table, "r2", "other", "h", 40.0)
    assert [(entry.run, entry.by) for entry in runs(table)] == [("r2", "op"), ("r1", "op")]
    assert is_registered(table, "r1")
    assert not is_registered(table, "r3")


def test_a_name_that_is_not_allowed_is_not_registered() -> None:
    with pytest.raises(ValueError, match="run name is 'R 1'"):
        register(MemoryTable(), "R 1", "op", "h", 1.0)


def test_hostile_entries_of_the_registry_are_left_out() -> None:
    table = MemoryTable()
    register(table, "good", "op", "h", 1.0)
    table.put("runs/bad", b"{")
    table.put("runs/../../x", b'{"run":"../../x","created_at":0,"by":"","host":""}')
    table.put("runs/liar", b'{"run":"good","created_at":0,"by":"","host":""}')
    assert [entry.run for entry in runs(table)] == ["good"]


def test_a_generation_belongs_to_one_intent_however_often_it_asks() -> None:
    table = MemoryTable()
    assert reserve(table, wish("i1"), generation=1) == (1, True)
    assert reserve(table, wish("i1"), generation=1) == (1, True)
    assert reserve(table, wish("i2"), generation=1) == (1, False)
    assert reservation(table, 1) == wish("i1")
    assert reservation(table, 2) is None


def test_a_resume_is_the_next_generation_and_of_two_only_one_gets_it() -> None:
    table = MemoryTable()
    reserve(table, wish("i1"))
    assert latest_generation(table) == 1
    assert reserve(table, wish("i2", "resume"), generation=2) == (2, True)
    assert reserve(table, wish("i3", "resume"), generation=2) == (2, False)
    assert reserve(table, wish("i4", "resume"), generation=9) == (9, False)
    assert latest_generation(table) == 2


def test_a_reservation_whose_reply_was_lost_is_ours() -> None:
    faults = iter(["lost"])
    assert reserve(FaultyTable(lambda: next(faults, "")), wish("i1")) == (1, True)


def test_the_call_that_claimed_a_generation_is_the_one_to_cancel() -> None:
    table = MemoryTable()
    assert call_of(table, 1) is None
    record_call(table, 1, "fc-1")
    assert call_of(table, 1) == "fc-1"
    claim_owner(table, 1, "fc-1")
    record_call(table, 1, "fc-2")
    assert call_of(table, 1) == "fc-1"


def test_a_hostile_reservation_says_where_it_stands() -> None:
    table = MemoryTable()
    table.put(keys.spawn(1), b"[]")
    with pytest.raises(RecordError, match="spawn/0001"):
        reservation(table, 1)
    assert latest_generation(table) == 1

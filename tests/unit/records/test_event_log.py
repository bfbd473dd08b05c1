"""What an attempt says arrives whole, numbered, in order, whatever the table does; and is read once."""

import io
import json
import math
import random
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from memory_tables import FaultyTable, MemoryTable, at_random, chosen_seed

from remote.records import keys
from remote.records.event_log import EventReader, EventWriter, heartbeat
from remote.records.tables import Table
from remote.vocabulary.events import MAX_EVENT_BYTES, Event, Severity, decode


def writer(table: Table, attempt: int = 1, **options: Any) -> EventWriter:
    return EventWriter(table, "r7", attempt, boot_id="boot", **{"interval": 0.01, **options})


def events(table: MemoryTable, attempt: int = 1) -> list[Event]:
    return [decode(line) for batch in table.numbered(f"events/{attempt:04d}/") for line in batch.split(b"\n")]


def until(true: Callable[[], object]) -> None:
    deadline = time.monotonic() + 20
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.002)


def test_an_event_arrives_as_it_was_said() -> None:
    table = MemoryTable()
    log = writer(table, 2, clock=lambda: 1795500082.183, mono=lambda: 912.4)
    log.emit("step.completed", sev=Severity.WARN, step=40, of=250, metrics={"loss": math.nan})
    assert log.flush()
    (event,) = events(table, 2)
    assert event == Event(
        run="r7", attempt=2, source="trainer", seq=1, t=1795500082.183, mono=912.4,
        type="step.completed", sev=13, data={"step": 40, "of": 250, "metrics": {"loss": "NaN"}},
    )  # fmt: skip


def test_nothing_waits_for_a_flush_for_ever() -> None:
    table = MemoryTable()
    writer(table).emit("model.loaded")
    until(lambda: table.numbered("events/"))


def test_events_of_many_threads_are_numbered_without_a_hole() -> None:
    table = MemoryTable()
    log = writer(table)
    threads = [
        threading.Thread(target=lambda who=who: [log.emit("host.sampled", who=who, n=n) for n in range(200)])
        for who in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert log.flush()
    said = events(table)
    assert [event.seq for event in said] == list(range(1, 801))
    for who in range(4):
        assert [event.data["n"] for event in said if event.data["who"] == who] == list(range(200))


def test_batches_are_dense_bounded_and_the_head_names_the_last() -> None:
    table = MemoryTable()
    log = writer(table, interval=60)
    for _ in range(40):
        log.emit("rollout.sampled", text="x" * 20_000)
    assert log.flush()
    batches = table.numbered("events/0001/")
    assert len(batches) > 3
    assert all(len(batch) <= 256 * 1024 for batch in batches)
    assert [key for key in sorted(table.entries) if key.startswith("events/")] == [
        keys.events(1, number) for number in range(1, len(batches) + 1)
    ]
    assert json.loads(table.entries[keys.HEAD]) == {"attempt": 1, "batch": len(batches)}


@pytest.mark.parametrize("rounds", [3, pytest.param(100, marks=pytest.mark.chaos)])
def test_a_table_that_loses_replies_and_connections_gets_every_event_once_in_order(
    rounds: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("remote.records.event_sender.FIRST_WAIT_SECONDS", 0.0005)
    rng = random.Random(chosen_seed())
    for _ in range(rounds):
        table = FaultyTable(at_random(rng, 0.5, ["lost", "unsure", "refused"]))
        log = writer(table, interval=0)
        for number in range(300):
            log.emit("step.completed", step=number)
            if number % 50 == 0:
                assert log.flush(20)
        assert log.close(20)
        said = events(table)
        assert [event.data["step"] for event in said] == list(range(300))
        assert [event.seq for event in said] == list(range(1, 301))


def test_a_writer_that_believes_a_lost_reply_writes_its_events_twice() -> None:
    """Negative control of the test above."""
    replies = iter(["lost"])
    table, number = FaultyTable(lambda: next(replies, "")), 1
    while not table.add(keys.events(1, number), b"line"):
        number += 1
    assert len(table.numbered("events/")) == 2


def test_emit_does_not_wait_for_a_table_that_hangs_and_flush_says_that_time_ran_out() -> None:
    table, go = MemoryTable(), threading.Event()

    class Hanging(MemoryTable):
        def add(self, key: str, value: bytes) -> bool:
            assert go.wait(60)
            return table.add(key, value)

    log = writer(Hanging())
    log.emit("model.loaded", n=1)
    assert not log.flush(0.05)
    log.emit("model.loaded", n=2)
    assert [decode(line).data["n"] for line in log.take_unarchived()] == [1]
    until(lambda: [decode(line).data["n"] for line in log.take_unarchived()] == [2])
    go.set()
    assert log.flush(20)
    assert [event.data["n"] for event in events(table)] == [1, 2]


def test_a_batch_that_somebody_else_wrote_under_our_number_costs_no_event() -> None:
    table = MemoryTable()
    table.put(keys.events(1, 1), b"somebody else's")
    log = writer(table)
    log.emit("model.loaded")
    assert log.flush()
    assert decode(table.entries[keys.events(1, 2)]).seq == 1


def test_what_cannot_be_written_does_not_end_the_run() -> None:
    table = MemoryTable()
    log = writer(table)
    circle: list[Any] = []
    circle.append(circle)
    log.emit("step.completed", n=1, circle=circle)
    log.emit("step.completed", n=2, thing=object(), big=2**80, half="\ud800")
    log.emit("step.completed", n=3, text="y" * (2 * MAX_EVENT_BYTES))
    log.emit("step.completed", n=4, many=["z" * 90] * 50_000)
    log.emit("step.completed", n=5, deep={1: {2: (3, {4})}})
    assert log.flush()
    said = events(table)
    assert [event.seq for event in said] == [1, 2, 3, 4, 5]
    assert said[0].data == {"unwritable": "RecursionError"}
    assert said[2].data["text"].startswith("yyy")
    assert said[4].data == {"n": 5, "deep": {"1": {"2": [3, [4]]}}}


def test_a_number_of_a_tensor_library_stays_a_number() -> None:
    class Scalar:
        def item(self) -> float:
            return 0.25

    table = MemoryTable()
    log = writer(table)
    log.emit("step.completed", metrics={"loss": Scalar()})
    assert log.flush()
    assert events(table)[0].data == {"metrics": {"loss": 0.25}}


def test_what_the_caller_changes_afterwards_was_said_as_it_was() -> None:
    table = MemoryTable()
    log = writer(table)
    metrics = {"loss": 1.0}
    log.emit("step.completed", metrics=metrics)
    metrics["loss"] = 2.0
    assert log.flush()
    assert events(table)[0].data == {"metrics": {"loss": 1.0}}


def test_stdout_gets_the_same_lines_and_may_break() -> None:
    table, echo = MemoryTable(), io.StringIO()
    log = writer(table, echo=echo)
    log.emit("model.loaded")
    assert log.flush()
    until(lambda: echo.getvalue().endswith("\n"))
    assert echo.getvalue().encode() == table.entries[keys.events(1, 1)] + b"\n"
    echo.close()
    log.emit("model.loaded")
    assert log.flush()
    assert len(events(table)) == 2


def test_the_heart_beats_without_events_and_tells_the_phase() -> None:
    table = MemoryTable()
    log = writer(table, clock=lambda: 77.0)
    log.emit("phase.changed", phase="STEPPING")
    until(lambda: heartbeat(table))
    until(lambda: (heartbeat(table) or {}).get("n", 0) >= 2)
    beat = heartbeat(table)
    assert beat == {"attempt": 1, "boot_id": "boot", "n": 2, "t": 77.0, "phase": "STEPPING"}
    log.close()


def filled(table: MemoryTable, attempt: int, count: int, first: int = 1) -> None:
    for number in range(first, first + count):
        table.add(keys.events(attempt, number), b"a%d-%d" % (attempt, number))
    table.put(keys.HEAD, b'{"attempt":%d,"batch":%d}' % (attempt, first + count - 1))


def numbers(reader: EventReader, limit: int = 100) -> list[tuple[int, int]]:
    return [(batch.attempt, batch.batch) for batch in reader.read(limit)]


def everything(reader: EventReader) -> list[tuple[int, int]]:
    return [number for _ in range(20) for number in numbers(reader)]


def test_a_late_reader_gets_the_whole_history_in_order() -> None:
    table = MemoryTable()
    filled(table, 1, 5)
    filled(table, 2, 3)
    reader = EventReader(table)
    assert numbers(reader, limit=6) == [(1, 1), (1, 2), (1, 3), (1, 4), (1, 5), (2, 1)]
    assert numbers(reader, limit=6) == [(2, 2), (2, 3)]
    assert reader.positions == {1: 5, 2: 3}
    assert numbers(reader) == []


def test_a_reader_goes_on_from_where_it_stopped_and_takes_nothing_away() -> None:
    table = MemoryTable()
    filled(table, 1, 5)
    assert numbers(EventReader(table, {1: 3})) == [(1, 4), (1, 5)]
    assert len(numbers(EventReader(table))) == 5


def test_a_late_batch_of_an_earlier_attempt_is_still_read() -> None:
    table = MemoryTable()
    for attempt in (1, 2, 3):
        filled(table, attempt, 1)
    reader = EventReader(table)
    assert len(reader.read()) == 3
    table.add(keys.events(1, 2), b"late")
    table.add(keys.events(2, 2), b"late")
    assert sorted(everything(reader)) == [(1, 2), (2, 2)]


def test_a_head_that_never_moves_hides_nothing() -> None:
    table = MemoryTable()
    filled(table, 1, 2)
    reader = EventReader(table)
    assert len(reader.read()) == 2
    table.add(keys.events(1, 3), b"x")
    table.add(keys.events(2, 1), b"x")
    assert everything(reader) == [(1, 3), (2, 1)]


def test_an_attempt_that_said_nothing_is_stepped_over() -> None:
    table = MemoryTable()
    filled(table, 1, 1)
    filled(table, 4, 2)
    assert everything(EventReader(table)) == [(1, 1), (4, 1), (4, 2)]


@pytest.mark.parametrize(
    "head", [b"", b"nonsense", b'{"attempt":10000000000,"batch":1}', b'{"attempt":-5,"batch":0}']
)
def test_a_hostile_head_costs_little_and_hides_nothing(head: bytes) -> None:
    table = MemoryTable()
    filled(table, 1, 2)
    table.put(keys.HEAD, head)
    table.requests = 0
    reader = EventReader(table)
    assert everything(reader) == [(1, 1), (1, 2)]
    assert table.requests < 600


def test_quiet_costs_one_request_a_read() -> None:
    table = MemoryTable()
    filled(table, 1, 10)
    reader = EventReader(table)
    reader.read()
    table.requests = 0
    for _ in range(80):
        assert reader.read() == []
    assert table.requests < 80 * 1.5


def test_a_read_that_fails_half_way_passes_nothing_over() -> None:
    class Fails(MemoryTable):
        broken = True

        def get(self, key: str) -> bytes | None:
            if self.broken and key == keys.events(2, 2):
                raise ConnectionError
            return super().get(key)

    table = Fails()
    filled(table, 1, 2)
    filled(table, 2, 2)
    reader = EventReader(table)
    with pytest.raises(ConnectionError):
        reader.read()
    assert reader.positions == {}
    table.broken = False
    assert everything(reader) == [(1, 1), (1, 2), (2, 1), (2, 2)]


def test_writers_and_readers_at_the_same_time_agree_on_every_line() -> None:
    table = MemoryTable()
    first, second = writer(table, 1), writer(table, 2)
    reader, read = EventReader(table), []
    for number in range(200):
        (first if number % 3 else second).emit("step.completed", n=number)
        if number % 10 == 0:
            read += reader.read(limit=3)
    assert first.close()
    assert second.close()
    for _ in range(40):
        read += reader.read()
    for attempt in (1, 2):
        lines = [decode(line) for batch in read if batch.attempt == attempt for line in batch.lines]
        assert lines == events(table, attempt)
        assert [line.seq for line in lines] == list(range(1, len(lines) + 1))

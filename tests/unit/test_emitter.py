"""What the emitter writes is what `remote.records` reads: the one layout, seen from both ends.

The tables are dictionaries here; with real ones it is shown in tests/contract/test_foreign_trainer.py.
"""

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import modal
import msgspec
import pytest

from remote.emitter import Emitter
from remote.records import keys, registry
from remote.records.attempt_claim import owner_of, read_claims
from remote.records.command_log import send
from remote.records.commit_log import CommitLog, lineage, read_log
from remote.records.event_log import EventReader, heartbeat
from remote.vocabulary.commands import Command, Verb
from remote.vocabulary.events import Event, decode


class Tables(dict[str, "Table"]):
    """modal.Dict by name; every table keeps what the client's Dict promises."""

    def from_name(self, name: str, *, create_if_missing: bool = False) -> "Table":
        return self.setdefault(name, Table())


class Table:
    def __init__(self) -> None:
        self.entries: dict[str, bytes] = {}
        self.lost_answers = 0
        self.broken = 0
        self.read: set[str] | None = None

    def get(self, key: str) -> bytes | None:
        if self.read is not None:
            self.read.add(key)
        return self.entries.get(key)

    def keys(self) -> Iterator[str]:
        return iter(list(self.entries))

    def put(self, key: str, value: bytes, *, skip_if_exists: bool = False) -> bool:
        if self.broken and key.startswith("events/"):
            self.broken -= 1
            raise ConnectionError("no network")
        if skip_if_exists and key in self.entries:
            return False
        self.entries[key] = value
        if self.lost_answers and skip_if_exists:
            self.lost_answers -= 1
            return False
        return True

    def update(self, **entries: bytes) -> None:
        self.entries.update(entries)

    def add(self, key: str, value: bytes) -> bool:
        return self.put(key, value, skip_if_exists=True)

    def contents(self) -> dict[str, bytes]:
        return dict(self.entries)


@pytest.fixture
def tables(monkeypatch: pytest.MonkeyPatch) -> Tables:
    made = Tables()
    monkeypatch.setattr(modal, "Dict", made)
    called(monkeypatch, "fc-1")
    return made


def called(monkeypatch: pytest.MonkeyPatch, call_id: str | None) -> None:
    monkeypatch.setattr(modal, "current_function_call_id", lambda: call_id)


def events(table: Table) -> list[Event]:
    return [decode(line) for batch in EventReader(table).read(10_000) for line in batch.lines]


def until(condition: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + 20.0
    while not (found := condition()):
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)
    return found


def command(verb: Verb, attempt: int, *, expires_in: float = 60.0) -> Command:
    expires_at = time.time() + expires_in
    return Command(id=f"i-{verb}", verb=verb, attempt=attempt, expires_at=expires_at, by="ada", host="jump")


def test_a_whole_life_is_read_back_by_the_records(tables: Tables, tmp_path: Path) -> None:
    checkpoint = tmp_path / "s2"
    checkpoint.write_bytes(b"12345")
    with Emitter("r7", steps=3) as run:
        for step in (1, 2, 3):
            assert run.step(step, loss=1 / step, odd=float("nan"), note="warm", lr=None) is None
            if step == 2:
                assert run.committed(2, checkpoint) is False
    table = tables[keys.run_table("r7")]
    assert [entry.run for entry in registry.runs(tables[keys.REGISTRY])] == ["r7"]
    reserved = registry.reservation(table, 1)
    assert reserved is not None
    assert (reserved.verb, reserved.config) == ("adopt", {"steps": 3})
    assert (owner_of(table, 1), registry.call_of(table, 1)) == ("fc-1", "fc-1")
    assert [claim.attempt for claim in read_claims(table) if claim] == [1]
    assert [(record.step, record.name) for record in lineage(read_log(table))] == [(2, "s2")]
    said = events(table)
    assert [event.seq for event in said] == list(range(1, len(said) + 1))
    assert [event.type for event in said] == [
        *("attempt.claimed", "phase.changed", "step.completed", "step.completed", "volume.committed"),
        *("step.completed", "attempt.ended", "run.ended"),
    ]
    assert said[2].data == {"step": 1, "of": 3, "metrics": {"loss": 1.0, "odd": "NaN"}}
    assert (said[4].data["position"], said[4].data["bytes"]) == (2, 5)
    assert said[-1].data["state"] == "SUCCEEDED"
    beat = until(lambda: heartbeat(table))
    assert beat["attempt"] == 1
    until(lambda: not any(thread.name == "emitter" for thread in threading.enumerate()))


def two_steps_and_an_interrupt() -> None:
    with Emitter("r7") as run:
        run.step(1)
        run.committed(1, "s1")
        run.step(2)
        raise KeyboardInterrupt


def test_the_next_attempt_goes_on_from_what_was_committed(tables: Tables) -> None:
    with pytest.raises(KeyboardInterrupt):
        two_steps_and_an_interrupt()
    with Emitter("r7") as run:
        assert (run.resumed_from, run.checkpoint) == (1, "s1")
    said = [event for event in events(tables[keys.run_table("r7")]) if event.type == "attempt.ended"]
    assert [(event.attempt, event.data["cause"]) for event in said] == [
        (1, "preempted_drained"),
        (2, "completed"),
    ]


def test_a_newer_attempt_or_call_fences_the_older_one_off(
    tables: Tables, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = Emitter("r7"), Emitter("r7")
    with pytest.raises(RuntimeError, match="fenced: attempt 2"):
        first.committed(5, "zombie")
    called(monkeypatch, "fc-2")
    third = Emitter("r7")
    third.committed(3, "ours")
    with pytest.raises(RuntimeError, match="fenced: attempt 3"):
        second.committed(9, "late")
    called(monkeypatch, "fc-1")
    with pytest.raises(RuntimeError, match="newer call"):
        Emitter("r7")
    table = tables[keys.run_table("r7")]
    assert [record.name for record in lineage(read_log(table))] == ["ours"]


@pytest.mark.parametrize(("attempt", "counts"), [(1, "good"), (2, "late")])
def test_what_an_older_attempt_wrote_behind_the_fence_counts_for_nothing(
    tables: Tables, attempt: int, counts: str
) -> None:
    """The control is the same record by the attempt that the fence belongs to."""
    old = Emitter("r7")
    old.committed(4, "good")
    Emitter("r7")
    table = tables[keys.run_table("r7")]
    record = CommitLog(table, attempt, old._boot)._record("commit", step=9, name="late")  # type: ignore[arg-type]
    table.put(keys.log(4), msgspec.json.encode(record))
    assert Emitter("r7").checkpoint == counts


def test_commands_are_taken_in_time_by_the_attempt_that_they_name(tables: Tables, tmp_path: Path) -> None:
    with Emitter("r7") as run:
        table = tables[keys.run_table("r7")]
        send(table, command(Verb.STOP, attempt=2))
        send(table, command(Verb.PREEMPT, attempt=1, expires_in=-1.0))
        send(table, command(Verb.CHECKPOINT, attempt=1))
        assert until(lambda: run.step(1)) == "checkpoint"
        assert run.step(2) == "checkpoint"
        assert run.committed(2, tmp_path / "s2") is False
        assert run.step(3) is None
        send(table, msgspec.structs.replace(command(Verb.STOP, attempt=1), id="i-2"))
        assert until(lambda: run.step(4)) == "stop"
        assert run.committed(4, tmp_path / "s4") is True
    said = events(table)
    answers = [(event.data["verb"], event.data["outcome"]) for event in said if event.type == "command.done"]
    assert answers == [("checkpoint", "done"), ("stop", "done")]
    assert said[-1].data["state"] == "STOPPED"


def test_lost_answers_and_a_broken_network_cost_no_event_and_repeat_none(tables: Tables) -> None:
    table = tables.from_name(keys.run_table("r7"))
    table.lost_answers = 3
    with Emitter("r7") as run:
        table.broken, table.lost_answers = 2, 2
        for step in range(1, 1201):
            run.step(step, loss=1.0)
        assert run.flush(30.0)
    seqs = [event.seq for event in events(table)]
    assert sorted(set(seqs)) == list(range(1, 1205))
    assert len(read_claims(table)) == 1  # type: ignore[arg-type]


def test_a_run_of_our_own_trainer_is_refused_and_not_touched(tables: Tables) -> None:
    table = tables.from_name(keys.run_table("r7"))
    asked = registry.Reservation(intent="i-1", verb="spawn", by="ada", host="jump", config={}, at=1.0)
    assert registry.reserve(table, asked) == (1, True)  # type: ignore[arg-type]
    before = dict(table.entries)
    with pytest.raises(RuntimeError, match="another trainer's run"):
        Emitter("r7")
    assert table.entries == before


def test_outside_a_call_there_is_no_attempt_and_nothing_is_written(
    tables: Tables, monkeypatch: pytest.MonkeyPatch
) -> None:
    called(monkeypatch, None)
    with pytest.raises(RuntimeError, match="no call"):
        Emitter("r7")
    assert not any(table.entries for table in tables.values())


def test_a_command_that_cannot_be_read_is_passed_over(tables: Tables) -> None:
    with Emitter("r7") as run:
        table = tables[keys.run_table("r7")]
        table.put(keys.command(1), b"no json")
        send(table, command(Verb.CHECKPOINT, attempt=1))  # type: ignore[arg-type]
        assert until(lambda: run.step(1)) == "checkpoint"


def test_records_are_read_again_daily_but_not_the_events(
    tables: Tables, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Emitter("r7") as run:
        run.step(1)
        assert run.committed(1, "s1") is False
        table = tables[keys.run_table("r7")]
        table.read = set()
        monkeypatch.setattr(run._hurry, "wait", lambda timeout: True)  # a day of turns in seconds
        wanted = {keys.spawn(1), keys.owner(1), keys.attempt(1), keys.log(1), keys.log(2)}
        until(lambda: wanted <= (table.read or set()))
        assert not any(key.startswith("events/") for key in table.read)

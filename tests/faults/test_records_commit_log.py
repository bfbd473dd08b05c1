"""At most one attempt's checkpoint is recognised for each position, none of an older attempt after the
fence of a newer one: under every interleaving, with lost replies, against a model of ten lines."""

import itertools
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import msgspec
import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st
from memory_tables import FaultyTable, MemoryTable, Stage, SteppedTable, at_random, chosen_seed

from remote.records.commit_log import (
    COMMIT,
    FENCE,
    CommitLog,
    LogRecord,
    lineage,
    newest,
    read_log,
    recognised,
)
from remote.records.errors import FencedError
from remote.records.tables import Table

SEED = chosen_seed()
Choice = Callable[[list[LogRecord]], int]


@dataclass
class Life:
    """What an attempt was told about its own records."""

    attempt: int
    resumed_from: int | None = None
    committed: dict[str, int] = field(default_factory=dict)
    fenced: bool = False


def live(
    table: Table, attempt: int, boot: str, commits: int, choose: Choice, clock: Callable[[], float]
) -> Life:
    """Fence, commit so often, ask again whenever there was no answer."""
    life, log = Life(attempt), CommitLog(table, attempt, boot, clock=clock)
    try:
        life.resumed_from = stubborn(lambda: log.fence(choose))
        for number in range(commits):
            name = f"{boot}-{number}"
            life.committed[name] = stubborn(lambda step=number, name=name: log.append_commit(step, name))
    except FencedError:
        life.fenced = True
    return life


def stubborn(ask: Callable[[], int]) -> int:
    while True:
        try:
            return ask()
        except ConnectionError:
            continue


def head(records: list[LogRecord]) -> int:
    record = newest(records)
    return record.position if record else 0


def counts(records: Sequence[LogRecord], position: int) -> bool:
    record = records[position - 1]
    return all(earlier.attempt <= record.attempt for earlier in records[:position])


def model_newest(records: Sequence[LogRecord]) -> int:
    """The model: walk from the tail; a fence that counts sends you to what it resumed from."""
    for position in range(len(records), 0, -1):
        if counts(records, position):
            record = records[position - 1]
            return record.resumed_from if record.kind == FENCE else position
    return 0


def check(table: MemoryTable, lives: list[Life]) -> None:
    records = read_log(table)
    told = [position for life in lives for position in life.committed.values()]
    assert len(told) == len(set(told)), "two checkpoints were told that they have one position"
    by_name = [record.name for record in records if record.kind == COMMIT]
    assert len(by_name) == len(set(by_name)), "a lost reply made a checkpoint stand there twice"
    good = {record.position for record in recognised(records)}
    for life in lives:
        for name, position in life.committed.items():
            assert records[position - 1].name == name
            assert position in good, "a checkpoint was reported recognised and is not"
    for fence in (record for record in records if record.kind == FENCE and counts(records, record.position)):
        later = [r for r in records[fence.position :] if r.position in good]
        assert all(record.attempt >= fence.attempt for record in later)
        assert fence.resumed_from == 0 or fence.resumed_from in good
    boots = {(record.attempt, record.boot_id) for record in records}
    assert len(boots) == len({attempt for attempt, _ in boots}), "one attempt, two containers"
    assert head(records) == model_newest(records)
    assert [r.position for r in lineage(records)] == sorted({r.position for r in lineage(records)})
    assert {record.position for record in lineage(records)} <= good


SCHEDULES = st.lists(st.integers(0, 5), max_size=120)
ATTEMPTS = st.lists(st.tuples(st.integers(1, 4), st.integers(0, 3), st.booleans()), min_size=2, max_size=5)
FAULTS = st.lists(st.sampled_from(["", "", "", "lost", "unsure", "refused"]), max_size=30)


@seed(SEED)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(SCHEDULES, ATTEMPTS, FAULTS)
def test_whatever_the_order_one_line_of_checkpoints_is_recognised(
    turns: list[int], attempts: list[tuple[int, int, bool]], faults: list[str]
) -> None:
    play(turns, attempts, faults)


@pytest.mark.chaos
@seed(SEED)
@settings(max_examples=10_000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(SCHEDULES, ATTEMPTS, FAULTS)
def test_ten_thousand_orders_recognise_one_line_of_checkpoints(
    turns: list[int], attempts: list[tuple[int, int, bool]], faults: list[str]
) -> None:
    play(turns, attempts, faults)


def play(turns: list[int], attempts: list[tuple[int, int, bool]], faults: list[str]) -> None:
    """Each (attempt number, commits, resumes from the first checkpoint there ever was) is one actor."""
    pending = iter(faults)
    table = FaultyTable(lambda: next(pending, ""))
    stage, ticks = Stage(iter(turns)), itertools.count()

    def first(records: list[LogRecord]) -> int:
        return next((record.position for record in recognised(records)), 0)

    def actor(number: int, attempt: int, commits: int, choose: Choice) -> Callable[[], Life]:
        view = SteppedTable(stage, number, table)
        return lambda: live(view, attempt, f"b{number}", commits, choose, lambda: float(next(ticks)))

    lives = stage.play(
        {
            number: actor(number, attempt, commits, first if back else head)
            for number, (attempt, commits, back) in enumerate(attempts)
        }
    )
    for life in lives.values():
        assert isinstance(life, Life), life
    check(table, list(lives.values()))


def naive_life(table: Table, attempt: int, commits: int) -> None:
    """Negative control: looks for the tail, then writes there; never asks who else is alive."""
    for number in range(commits):
        position = len(read_log(table)) + 1
        record = LogRecord(
            kind=COMMIT, attempt=attempt, boot_id=str(attempt), step=number, name=f"{attempt}-{number}"
        )
        table.put(f"log/{position:08d}", msgspec.json.encode(record))


def test_a_writer_without_compare_and_set_loses_checkpoints_in_the_same_play() -> None:
    rng = random.Random(SEED)
    lost = 0
    for _ in range(20):
        table = MemoryTable()
        stage = Stage(iter([rng.randrange(6) for _ in range(200)]))

        def actor(number: int, stage: Stage = stage, table: MemoryTable = table) -> Callable[[], None]:
            return lambda: naive_life(SteppedTable(stage, number, table), number, 3)

        stage.play({number: actor(number) for number in (1, 2)})
        lost += len(read_log(table)) < 6
    assert lost


def test_a_zombie_that_wakes_up_after_a_fence_is_told_and_counts_for_nothing() -> None:
    table = MemoryTable()
    old, new = CommitLog(table, 1, "old"), CommitLog(table, 2, "new")
    old.fence(head)
    assert old.append_commit(10, "a1-10") == 2
    assert new.fence(head) == 2
    with pytest.raises(FencedError, match=r"attempt 1 is fenced: position 3 .* belongs to attempt 2"):
        old.append_commit(20, "a1-20")
    with pytest.raises(FencedError):
        old.fence(head)
    assert newest(read_log(table)).name == "a1-10"


def test_a_record_forced_behind_a_fence_is_void_although_a_naive_reader_would_take_it() -> None:
    table = MemoryTable()
    CommitLog(table, 1, "old").fence(head)
    CommitLog(table, 2, "new").fence(head)
    zombie = LogRecord(kind=COMMIT, attempt=1, boot_id="old", step=99, name="zombie")
    assert table.add("log/00000003", msgspec.json.encode(zombie))
    records = read_log(table)
    assert [record for record in records if record.kind == COMMIT][-1].name == "zombie"
    assert newest(records) is None
    assert recognised(records) == []


def test_two_attempts_that_race_for_the_fence_leave_the_higher_one_in_charge() -> None:
    for turns in itertools.product((0, 1), repeat=8):
        table, stage = MemoryTable(), Stage(iter(turns))

        def actor(number: int, stage: Stage = stage, table: MemoryTable = table) -> Callable[[], Life]:
            return lambda: live(
                SteppedTable(stage, number, table), number, f"b{number}", 1, head, lambda: 0.0
            )

        lives = stage.play({number: actor(number) for number in (2, 3)})
        check(table, list(lives.values()))
        assert not lives[3].fenced
        assert newest(read_log(table)).attempt == 3


@pytest.mark.parametrize("rounds", [60, pytest.param(5_000, marks=pytest.mark.chaos)])
def test_lost_replies_neither_lose_nor_double_a_commit(rounds: int) -> None:
    rng = random.Random(SEED)
    for _ in range(rounds):
        table = FaultyTable(at_random(rng, 0.4, ["lost", "unsure", "refused"]))
        ticks = map(float, itertools.count()).__next__
        life = live(table, 1, "b", 5, head, ticks)
        assert (life.fenced, life.resumed_from) == (False, 0)
        assert life.committed == {f"b-{number}": number + 2 for number in range(5)}
        assert len(read_log(table)) == 6


def test_a_writer_that_believes_a_lost_reply_doubles_its_commit() -> None:
    replies = iter(["lost", ""])
    table = FaultyTable(lambda: next(replies))
    position = 1
    record = msgspec.json.encode(LogRecord(kind=COMMIT, attempt=1, boot_id="b", step=1, name="n"))
    while not table.add(f"log/{position:08d}", record):
        position += 1
    assert [record.name for record in read_log(table)] == ["n", "n"]

"""Sixteen containers that start at once get sixteen numbers; sixteen calls have one owner."""

import random
import threading
from collections.abc import Callable
from typing import TypeVar

import pytest
from memory_tables import FaultyTable, MemoryTable, at_random, chosen_seed

from remote.records.attempt_claim import claim_attempt, claim_owner, once
from remote.records.registry import Reservation, reserve
from remote.records.tables import Table

T = TypeVar("T")
ROUNDS = [10, pytest.param(500, marks=pytest.mark.chaos)]


def at_once(work: Callable[[int], T], count: int = 16) -> list[T]:
    gate, results = threading.Barrier(count), dict[int, T]()

    def run(number: int) -> None:
        gate.wait()
        results[number] = work(number)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [results[number] for number in range(count)]


def stubborn(ask: Callable[[], T]) -> T:
    while True:
        try:
            return ask()
        except ConnectionError:
            continue


def number_of(table: Table, who: int) -> int:
    return stubborn(
        lambda: claim_attempt(
            table, generation=1, boot_id=f"b{who}", call_id="fc", task_id="ta", host="h", pid=who, now=0.0
        )
    ).number


@pytest.mark.parametrize("rounds", ROUNDS)
def test_every_container_gets_a_number_of_its_own_and_no_number_is_left_out(rounds: int) -> None:
    rng = random.Random(chosen_seed())
    for _ in range(rounds):
        table = FaultyTable(at_random(rng, 0.3, ["lost", "unsure", "refused"]))
        assert sorted(at_once(lambda who, table=table: number_of(table, who))) == list(range(1, 17))


@pytest.mark.parametrize("rounds", ROUNDS)
def test_one_call_one_intent_and_one_attempt_win(rounds: int) -> None:
    rng = random.Random(chosen_seed())
    for _ in range(rounds):
        table = FaultyTable(at_random(rng, 0.3, ["lost", "refused"]))

        def wish(who: int) -> Reservation:
            return Reservation(intent=f"i{who}", verb="spawn", by="op", host="h", config={}, at=0.0)

        races: list[Callable[[int], bool]] = [
            lambda who, table=table: stubborn(lambda: claim_owner(table, 1, f"fc-{who}")),
            lambda who, table=table: stubborn(lambda: reserve(table, wish(who), generation=1))[1],
            lambda who, table=table: stubborn(lambda: once(table, "drill", who)),
        ]
        for race in races:
            assert at_once(race).count(True) == 1


def test_looking_before_writing_gives_one_number_to_several() -> None:
    """Negative control: the same race without compare-and-set."""

    def naive(table: MemoryTable, gate: threading.Barrier, who: int) -> int:
        number = 1
        while table.get(f"attempts/{number}") is not None:
            number += 1
        gate.wait()
        table.put(f"attempts/{number}", b"%d" % who)
        return number

    table, gate = MemoryTable(), threading.Barrier(16)
    assert len(set(at_once(lambda who: naive(table, gate, who)))) < 16


def test_believing_a_lost_reply_leaves_a_generation_without_an_owner() -> None:
    """Negative control: an `add` that is believed when it says False."""
    table = FaultyTable(lambda: "lost")
    assert not any(table.add("owner/0001", b"%d" % who) for who in range(16))
    assert claim_owner(FaultyTable(lambda: "lost"), 1, "fc-1")

"""A command takes effect at most once, only on the attempt it was aimed at, only before it expires."""

import time
from collections.abc import Callable

from memory_tables import FaultyTable, MemoryTable

from remote.records import keys
from remote.records.command_log import CommandReader, send
from remote.records.tables import Table
from remote.vocabulary.commands import Command, Verb


def command(id: str, attempt: int = 1, expires_at: float = 100.0) -> Command:
    return Command(id=id, verb=Verb.CHECKPOINT, attempt=attempt, expires_at=expires_at, by="op", host="h")


def listening(table: Table, attempt: int = 1, clock: Callable[[], float] = lambda: 50.0) -> CommandReader:
    reader = CommandReader(table, attempt, clock=clock, interval=0.002)
    reader.start()
    return reader


def heard(reader: CommandReader, last: str) -> list[str]:
    """Everything up to the command ``last``, which must come."""
    ids: list[str] = []
    deadline = time.monotonic() + 20
    while last not in ids:
        assert time.monotonic() < deadline
        ids += [command.id for command in reader.poll()]
        time.sleep(0.002)
    return ids


def test_commands_arrive_in_order_and_once() -> None:
    table = MemoryTable()
    reader = listening(table)
    assert [send(table, command(id)) for id in ("a", "b", "c")] == [1, 2, 3]
    assert heard(reader, "c") == ["a", "b", "c"]
    send(table, command("d"))
    assert heard(reader, "d") == ["d"]
    reader.close()


def test_another_attempts_command_and_an_expired_one_are_passed_over() -> None:
    table = MemoryTable()
    for sent in (command("old", 1), command("mine", 2), command("late", 2, 49.9), command("last", 2)):
        send(table, sent)
    reader = listening(table, attempt=2)
    assert heard(reader, "last") == ["mine", "last"]
    reader.close()


def test_a_command_that_expires_while_it_waits_for_a_step_boundary_is_not_taken() -> None:
    table, now = MemoryTable(), [50.0]
    reader = listening(table, clock=lambda: now[0])
    send(table, command("a", expires_at=60.0))
    send(table, command("b", expires_at=200.0))
    deadline = time.monotonic() + 20
    while reader._fetched.qsize() < 2:
        assert time.monotonic() < deadline
        time.sleep(0.002)
    now[0] = 61.0
    assert [command.id for command in reader.poll()] == ["b"]
    reader.close()


def test_sending_twice_is_sending_once() -> None:
    faults = iter(["lost", "unsure"])
    table = FaultyTable(lambda: next(faults, ""))
    assert send(table, command("a")) == 1
    try:
        send(table, command("b"))
    except ConnectionError:
        assert send(table, command("b")) == 2
    assert send(table, command("a")) == 1
    assert len(table.numbered("commands/")) == 2


def test_a_doubled_command_is_taken_once() -> None:
    table = MemoryTable()
    send(table, command("a"))
    table.put(keys.command(2), table.entries[keys.command(1)])
    send(table, command("z"))
    reader = listening(table)
    assert heard(reader, "z") == ["a", "z"]
    reader.close()


def test_hostile_entries_and_a_broken_table_do_not_deafen() -> None:
    class Breaks(MemoryTable):
        broken = 3

        def get(self, key: str) -> bytes | None:
            self.broken -= 1
            if self.broken >= 0:
                raise ConnectionError
            return super().get(key)

    table = Breaks()
    reader = listening(table)
    table.put(keys.command(1), b'{"command":{"verb":"rm"}}')
    table.put(keys.command(2), b"")
    table.broken = 3
    while table.broken > 0:
        time.sleep(0.002)
    send(table, command("a"))
    assert heard(reader, "a") == ["a"]
    reader.close()

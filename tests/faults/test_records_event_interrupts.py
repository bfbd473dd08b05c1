"""An interrupt may strike inside `emit` or `flush`, between any two instructions: what is said after
it still arrives, numbered without a hole."""

import json
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from memory_tables import MemoryTable, chosen_seed

from remote.records.event_log import EventWriter
from remote.vocabulary.events import decode

ROOT = Path(__file__).resolve().parents[2]


def interrupted_at(instruction: int, work: Callable[[], object], files: Iterable[str]) -> bool:
    """Run ``work`` and raise KeyboardInterrupt before its n-th bytecode instruction in these files; False
    if it has fewer."""
    left, names = instruction, tuple(files)

    def trace(frame: FrameType, event: str, argument: object) -> Any:
        nonlocal left
        if not frame.f_code.co_filename.endswith(names):
            return None
        frame.f_trace_opcodes = True
        if event == "opcode":
            left -= 1
            if left == 0:
                raise KeyboardInterrupt
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        work()
    except KeyboardInterrupt:
        return True
    finally:
        sys.settrace(before)
    return False


def interrupt_everywhere(
    work: Callable[[int], object], after: Callable[[int], None], files: Iterable[str]
) -> int:
    instruction = 1
    while interrupted_at(instruction, lambda n=instruction: work(n), files):
        after(instruction)
        instruction += 1
    return instruction - 1


OURS = ("event_log.py", "event_sender.py")


def lines_of(table: MemoryTable) -> list[Any]:
    return [decode(line) for batch in table.numbered("events/") for line in batch.split(b"\n")]


def test_whatever_instruction_of_emit_is_interrupted_the_last_words_arrive() -> None:
    table = MemoryTable()
    log = EventWriter(table, "r7", 1, boot_id="b", interval=0)
    words = 0

    def after(instruction: int) -> None:
        nonlocal words
        log.emit("drain.started", after=instruction)
        assert log.flush(20), f"no flush after an interrupt at instruction {instruction}"
        words += 1

    places = interrupt_everywhere(
        lambda n: log.emit("step.completed", n=n, metrics={"loss": 1.0}), after, OURS
    )
    assert places > 20
    events = lines_of(table)
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    assert [e.data["after"] for e in events if e.type == "drain.started"] == list(range(1, words + 1))
    steps = [e.data["n"] for e in events if e.type == "step.completed"]
    assert steps == sorted(set(steps))


def test_whatever_instruction_of_flush_is_interrupted_the_next_flush_works() -> None:
    table = MemoryTable()
    log = EventWriter(table, "r7", 1, boot_id="b", interval=0)

    def after(instruction: int) -> None:
        log.emit("drain.started", after=instruction)
        assert log.flush(20), f"no flush after an interrupt at instruction {instruction}"

    places = interrupt_everywhere(lambda n: log.flush(20), after, OURS)
    assert places > 10
    assert [event.seq for event in lines_of(table)] == list(range(1, places + 1))


class NaiveLog:
    """Negative control: a number, a list and a lock around both, as one would write it first."""

    def __init__(self) -> None:
        self.lock, self.seq, self.lines = threading.Lock(), 0, deque[int]()

    def emit(self) -> None:
        if not self.lock.acquire(timeout=0.05):
            raise TimeoutError("the lock is held for ever")
        self.seq += 1
        self.lines.append(self.seq)
        self.lock.release()


def test_a_log_with_a_lock_and_a_counter_fails_at_some_instruction() -> None:
    stuck = holes = 0
    instruction, hit = 1, True
    while hit:
        log = NaiveLog()
        hit = interrupted_at(instruction, log.emit, ("test_records_event_interrupts.py",))
        instruction += 1
        try:
            log.emit()
            holes += list(log.lines) != list(range(1, len(log.lines) + 1))
        except TimeoutError:
            stuck += 1
    assert stuck
    unlocked = NaiveLog()
    unlocked.seq += 1  # interrupted between the number and the list, the lock released by a `with`
    unlocked.emit()
    assert list(unlocked.lines) != [1]


HAMMERED = """
import json, os, random, signal, sys, threading, time
sys.path[:0] = [sys.argv[2]]
from memory_tables import MemoryTable, chosen_seed
from remote.records.event_log import EventWriter
from remote.vocabulary.events import decode

signal.signal(signal.SIGINT, signal.default_int_handler)  # which a shell's background has switched off
rounds, rng = int(sys.argv[1]), random.Random(int(sys.argv[3]))
table = MemoryTable()
log = EventWriter(table, "r7", 1, boot_id="b", interval=0)
said, lasts = [], []
armed = [False]  # no lock of threading's: an interrupt while it is let go would hold it for ever

def hammer():
    while True:
        while not armed[0]:
            time.sleep(0.0002)
        armed[0] = False
        time.sleep(rng.random() * 0.002)
        os.kill(os.getpid(), signal.SIGINT)

threading.Thread(target=hammer, daemon=True).start()
for n in range(rounds):
    try:
        armed[0] = True
        i = 0
        while True:
            log.emit("step.completed", n=n, i=i)
            said.append((n, i))
            i += 1
            if i % 50 == 0:
                log.flush(20)
    except KeyboardInterrupt:
        log.emit("drain.started", n=n)
        assert log.flush(20)
        lasts.append(n)
events = [decode(line) for batch in table.numbered("events/") for line in batch.split(b"\\n")]
steps = [(e.data["n"], e.data["i"]) for e in events if e.type == "step.completed"]
print(json.dumps({
    "dense": [e.seq for e in events] == list(range(1, len(events) + 1)),
    "lasts": [e.data["n"] for e in events if e.type == "drain.started"] == lasts == list(range(rounds)),
    "missing": len(set(said) - set(steps)),
    "ordered": steps == sorted(set(steps)),
    "said": len(said),
}))
"""


@pytest.mark.parametrize("rounds", [100, pytest.param(5_000, marks=pytest.mark.chaos)])
def test_real_interrupts_at_random_moments_cost_nothing_that_was_said(rounds: int) -> None:
    arguments = [str(rounds), str(Path(__file__).parent), str(chosen_seed())]
    done = subprocess.run(
        [sys.executable, "-c", HAMMERED, *arguments], capture_output=True, text=True, cwd=ROOT, timeout=170
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found.pop("said") > rounds
    assert found == {"dense": True, "lasts": True, "missing": 0, "ordered": True}

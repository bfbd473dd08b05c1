"""Run as a process of its own, with the local cloud's environment, because the modal client reads where
its server is when it is first used. Prints what it saw as one JSON object. Arguments: a scratch directory."""

import json
import os
import pickle
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from remote.records import keys
from remote.records.commit_log import CommitLog, newest, read_log
from remote.records.errors import RecordError, TableMissingError
from remote.records.event_log import EventReader, EventWriter
from remote.records.registry import register, runs
from remote.records.tables import ModalTable, read_dense
from remote.vocabulary.events import decode

SCRATCH = Path(sys.argv[1])


class Hostile:
    """A pickle that makes a file when it is loaded."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return (os.mkdir, (str(self.path),))


def refused(ask: Callable[[], object]) -> str:
    try:
        return f"accepted: {ask()!r}"
    except (RecordError, TableMissingError) as error:
        return type(error).__name__


def values() -> dict[str, Any]:
    table, big = ModalTable.open("values"), os.urandom(300_000)
    table.put("big", big)
    table.put("empty", b"")
    found = {
        "absent": table.get("absent"),
        "added": [table.add("k", b"1"), table.add("k", b"2")],
        "kept": table.get("k") == b"1",
        "big": table.get("big") == big,
        "empty": table.get("empty") == b"",
        "missing table": refused(lambda: ModalTable.open("nowhere", create=False)),
    }
    table.put("k", b"3")
    return {**found, "overwritten": table.get("k") == b"3", "names": sorted(table.contents())}


def hostile() -> dict[str, Any]:
    table, executed, control = ModalTable.open("hostile"), SCRATCH / "executed", SCRATCH / "control"
    table._handle.put("program", Hostile(executed))
    table._handle.put(Hostile(executed), b"a program for a key")
    for key, value in {"text": "x", "number": 7, "list": [b"x"], "pair": (b"a", b"b"), "none": None}.items():
        table._handle.put(key, value)
    table.put("good", b"good")
    found = {
        "refused": {
            key: refused(lambda key=key: table.get(key)) for key in ("program", "text", "number", "list")
        },
        "also refused": {key: refused(lambda key=key: table.get(key)) for key in ("pair", "none")},
        "beside": [type(value).__name__ for value in table.get_many(["program", "good", "absent"])],
        "listed": table.contents() == {"good": b"good"},
        "executed": executed.exists(),
    }
    pickle.loads(pickle.dumps(Hostile(control)))
    return {**found, "control executed": control.exists()}


def race() -> dict[str, Any]:
    won: list[int] = []
    gate = threading.Barrier(16)
    table = ModalTable.open("race")

    def run(who: int) -> None:
        gate.wait()
        won.extend([who] if table.add("owner", b"%d" % who) else [])

    threads = [threading.Thread(target=run, args=(who,)) for who in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return {"winners": len(won), "stored": table.get("owner") == b"%d" % won[0]}


def log() -> dict[str, Any]:
    table = ModalTable.open(keys.run_table("r7"))
    first, second = CommitLog(table, 1, "b1"), CommitLog(table, 2, "b2")
    first.fence(lambda records: 0)
    positions = [first.append_commit(step, f"n{step}") for step in range(1, 101)]
    resumed = second.fence(lambda records: newest(records).position)
    many = len(list(read_dense(table, keys.log)))
    return {
        "positions": positions == list(range(2, 102)),
        "resumed": resumed,
        "read": len(read_log(table)),
        "n": many,
    }


def through_a_restart() -> dict[str, Any]:
    """Events that are said while the cloud is down arrive when it is back."""
    table = ModalTable.open(keys.run_table("restart"))
    writer = EventWriter(table, "restart", 1, boot_id="b", interval=0.01)
    writer.emit("step.completed", step=1)
    before = writer.flush(30)
    cloud("down")
    for step in range(2, 300):
        writer.emit("step.completed", step=step)
    during = writer.flush(0.5)
    cloud("up")
    after = writer.flush(90)
    lines = [line for batch in EventReader(table).read() for line in batch.lines]
    steps = [decode(line).data["step"] for line in lines]
    return {"flushed": [before, during, after], "steps": steps == list(range(1, 300))}


def cloud(verb: str) -> None:
    subprocess.run([sys.executable, "-m", "remote.local_cloud", verb], check=True, capture_output=True)


def registry() -> list[str]:
    table = ModalTable.open(keys.REGISTRY)
    for number, run in enumerate(("r1", "r2")):
        register(table, run, "op", "h", float(number))
    table._handle.put(keys.registered("bad"), {"run": "bad"})
    return [entry.run for entry in runs(table)]


SCENARIOS: list[Callable[[], Any]] = [values, hostile, race, log, registry, through_a_restart]
print(json.dumps({scenario.__name__: scenario() for scenario in SCENARIOS}))

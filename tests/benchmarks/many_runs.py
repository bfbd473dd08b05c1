"""Fifty runs of a million stored events: a journal as it stands after months without a clean-up.

    python -m tests.benchmarks.many_runs STATE --runs 50 --steps 980000

The first run is recorded by the product's own writer, which folds its view and draws its curves; the others
are copies of its rows, its view and its curves under other names, made in SQL. A step is a lean line of two
metrics, so that all fits on the disk. Afterwards it beats as a watcher does; the runs have been silent for
hours, so that nothing moves that is not asked to.
"""

from __future__ import annotations

import argparse
import sqlite3
import threading
import time
from pathlib import Path

import msgspec
import psutil

from tests.benchmarks.journal_run import AGE_SECONDS, ROWS_AT_ONCE, Feeder, beat, metrics
from tui_app.journal.records import VIEW_DECODER, VIEW_ENCODER
from tui_app.journal.writer import JournalWriter
from tui_app.locations import Locations
from tui_app.watcher_launch import hold_lock

_COPY = """
INSERT INTO events
SELECT row_id + ?, ?, attempt, source, seq, t, arrived, type, sev, CAST(replace(line, ?, ?) AS BLOB)
FROM events WHERE row_id <= ?
"""


def name_of(number: int) -> str:
    """All of one length: copies are as long as what they are of."""
    return f"m{number:02d}"


def lean(step: int) -> dict[str, float]:
    """Two metrics of a step, in few digits."""
    every = metrics(step)
    return {name: round(every[name], 4) for name in ("reward/mean", "loss")}


def record_first(writer: JournalWriter, steps: int) -> None:
    """The run that the others are copies of, as a trainer would say it."""
    feeder = Feeder(writer, AGE_SECONDS, run=name_of(0), metrics=lean)
    feeder.begin()
    while feeder.step < steps:
        feeder.record(feeder.steps(min(ROWS_AT_ONCE, steps - feeder.step)))


def copy(path: Path, runs: int) -> None:
    """The other runs. Nothing is synced on the way: a build that is cut off is thrown away."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA synchronous = OFF")
    connection.execute("PRAGMA cache_size = -400000")
    first = name_of(0)
    (rows,) = connection.execute("SELECT max(row_id) FROM events").fetchone()
    connection.execute("UPDATE views SET sign_at = sign_at - ?", (AGE_SECONDS,))
    view, sign_at = connection.execute("SELECT view, sign_at FROM views").fetchone()
    drawn_to, track = connection.execute("SELECT row_id, track FROM curves").fetchone()
    for number in range(1, runs):
        name, behind = name_of(number), number * rows
        connection.execute("BEGIN")
        connection.execute(_COPY, (behind, name, f'"run":"{first}"', f'"run":"{name}"', rows))
        renamed = VIEW_ENCODER.encode(msgspec.structs.replace(VIEW_DECODER.decode(view), run=name))
        connection.execute("INSERT INTO views VALUES (?, ?, ?, ?)", (name, behind + rows, renamed, sign_at))
        connection.execute("INSERT INTO curves VALUES (?, ?, ?)", (name, behind + drawn_to, track))
        connection.execute("COMMIT")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()


def main() -> None:
    """Build, say that it is done, and beat."""
    parser = argparse.ArgumentParser()
    parser.add_argument("state", type=Path)
    parser.add_argument("--runs", type=int, required=True)
    parser.add_argument("--steps", type=int, required=True)
    given = parser.parse_args()
    locations = Locations("local", given.state)
    locations.prepare()
    started = psutil.Process().create_time()
    with hold_lock(locations, pid=psutil.Process().pid, started_at=started):
        began = time.monotonic()
        writer = JournalWriter(locations.journal)
        record_first(writer, given.steps)
        writer.close()
        copy(locations.journal, given.runs)
        writer = JournalWriter(locations.journal)
        (given.state / "built").write_text(str(time.monotonic() - began))
        (given.state / "ready").touch()
        beat(writer, started, threading.Event())


if __name__ == "__main__":
    main()

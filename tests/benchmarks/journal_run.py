"""Our data: a journal written by the real writer, by a process that stands in for the watcher.

    python -m tests.benchmarks.journal_run STATE --steps 10000                # recorded, and ended
    python -m tests.benchmarks.journal_run STATE --steps 500 --rate 50        # goes on until it is ended
    python -m tests.benchmarks.journal_run STATE --steps 0 --rate 5000 --seconds 60 --batch 0.1
    python -m tests.benchmarks.journal_run STATE --steps 500 --quiet        # lives on, with nothing to say

It holds the watcher's lock and beats as the watcher does. One step is one event with twelve metrics. Each
look records what has come since the last one, a ``--batch`` of seconds. How late it was, how long a look
took and how many events it took in are appended to ``STATE/feeder.jsonl``, a line a look: the recording's
own account.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

from remote.vocabulary.events import Event, decode, encode
from tui_app.journal.records import Arrival, Draft, WatcherStatus
from tui_app.journal.writer import JournalWriter
from tui_app.locations import Locations
from tui_app.watcher_launch import hold_lock

RUN = "bench"
BEAT_SECONDS = 2.0
HOST_EVERY_SECONDS = 4.0
"""Within the five seconds after which a run is called LATE; a trainer's heartbeats see to that."""
AGE_SECONDS = 3 * 3600.0
"""How long ago a recorded run ended, and since when the watcher is up: ages then change by the minute."""
ROWS_AT_ONCE = 2_000
CONFIG = {"task": "sort-digits", "steps": 1_000_000, "max_retries": 5, "checkpoint_interval": 100}


def metrics(step: int) -> dict[str, float]:
    """Twelve metrics of a step: curves with a trend, a wave and some noise."""

    def noise(salt: int) -> float:
        return math.sin(step * 12.9898 + salt * 78.233) * 43758.5453 % 1.0

    rise = 1 - math.exp(-step / 2000)
    return {
        "reward/mean": rise * 0.9 + 0.08 * noise(1),
        "loss": 0.02 * math.sin(step / 90) + 0.01 * noise(2),
        "mismatch_kl": 0.001 + 0.0004 * noise(3),
        "entropy": 1.9 * math.exp(-step / 4000) + 0.05 * noise(4),
        "tokens_per_second": 9000 + 800 * noise(5) + 300 * math.sin(step / 50),
        "reward/std": 0.3 * (1 - rise) + 0.05 * noise(6),
        "exact_match": rise * 0.8 + 0.1 * noise(7),
        "masked_fraction": 0.02 * noise(8),
        "grad_norm": 0.5 + 0.3 * noise(9),
        "lr": 0.001,
        "samples_per_second": 700 + 90 * noise(10),
        "step_seconds": 0.02 + 0.004 * noise(11),
    }


class Feeder:
    """Says what a trainer would say, straight into the journal."""

    def __init__(
        self,
        writer: JournalWriter,
        age: float = 0.0,
        *,
        run: str = RUN,
        metrics: Callable[[int], dict[str, float]] = metrics,
    ) -> None:
        self._writer, self._age = writer, age
        self._run, self._metrics = run, metrics
        self._seq = 0
        self.step = 0

    def begin(self) -> None:
        """A run that was spawned and is training."""
        spawned = Draft(
            t=time.time() - self._age,
            type="run.spawned",
            data={
                "call_id": "fc-bench",
                "verb": "spawn",
                "by": "bench",
                "host": "here",
                "config": CONFIG,
                "generation": 1,
            },
        )
        self._writer.say(self._run, spawned)
        claim = {
            "call_id": "fc-bench", "task_id": "ta-bench", "boot_id": "b", "host": "here", "pid": 1,
            "start": "cold", "boot_seconds": 2.5, "resumed_from": 0, "retries_used": 0, "max_retries": 5,
            "preemptions": 0,
        }  # fmt: skip
        gpu = {"requested": "", "requested_count": 0, "count": 0, "names": [], "cpu_demo": True}
        self.record(
            [
                self._arrival("attempt.claimed", claim),
                self._arrival("phase.changed", {"phase": "LOADING"}),
                self._arrival("model.loaded", {"model": "tiny", "parameters": 200_000, "seconds": 0.4}),
                self._arrival("gpu.found", gpu),
                self._arrival("phase.changed", {"phase": "STEPPING"}),
            ]
        )

    def steps(self, count: int) -> list[Arrival]:
        """The next steps; every hundredth is followed by a checkpoint and its commit."""
        arrivals = []
        for _ in range(count):
            self.step += 1
            done = {"step": self.step, "of": 1_000_000, "metrics": self._metrics(self.step)}
            arrivals.append(self._arrival("step.completed", done))
            if self.step % 100 == 0:
                named = {"step": self.step, "name": f"step_{self.step:08d}.a0001", "bytes": 3_200_000}
                saved = {**named, "seconds": 0.02, "reason": "interval"}
                committed = {**named, "position": self.step // 100, "seconds": 0.3, "tries": 1}
                arrivals.append(self._arrival("checkpoint.saved", saved))
                arrivals.append(self._arrival("volume.committed", committed))
        return arrivals

    def sample(self) -> None:
        """The host, which is always as busy."""
        host = {"cpu_percent": 93.0, "rss": 412_000_000, "disk_free": 51_200_000_000}
        self.record([self._arrival("host.sampled", host)])

    def end(self) -> None:
        """The run succeeds."""
        done = {"step": self.step, "committed_step": self.step}
        self.record(
            [
                self._arrival("attempt.ended", {**done, "cause": "completed", "evidence": "train returned"}),
                self._arrival("run.ended", {**done, "state": "SUCCEEDED", "detail": "all steps done"}),
            ]
        )

    def record(self, arrivals: list[Arrival]) -> None:
        """One look's arrivals, and a sign of life."""
        self._writer.record(self._run, arrivals, sign_at=time.time())

    def _arrival(self, type_: str, data: dict[str, Any]) -> Arrival:
        self._seq += 1
        now, mono = time.time() - self._age, time.monotonic()
        event = Event(
            run=self._run, attempt=1, source="trainer", seq=self._seq, t=now, mono=mono, type=type_, data=data
        )
        line = encode(event)
        return Arrival(decode(line), line)


def beat(writer: JournalWriter, started: float, stop: threading.Event) -> None:
    """Say every two seconds what a watcher says of itself."""
    while True:
        now = time.time()
        status = WatcherStatus(
            pid=os.getpid(), started_at=started - AGE_SECONDS, beat_at=now, target="local", workspace="",
            reachable=True, reachable_since=started, detail="", watcher_id=writer.watcher_id, version="bench",
        )  # fmt: skip
        writer.set_status(status)
        if stop.wait(BEAT_SECONDS):
            return


def _burst(feeder: Feeder, events: int, seconds_file: Path) -> None:
    """Take in so many events as they would come from the live log, as fast as they are taken; writes down
    the seconds. Making the lines is not counted."""
    taken, seconds, cpu = 0, 0.0, 0.0
    while taken < events:
        lines = [arrival.line for arrival in feeder.steps(min(ROWS_AT_ONCE, events - taken))]
        began, used = time.monotonic(), time.process_time()
        feeder.record([Arrival(decode(line), line) for line in lines])
        seconds += time.monotonic() - began
        cpu += time.process_time() - used
        taken += len(lines)
    seconds_file.write_text(
        json.dumps({"events": taken, "steps": feeder.step, "seconds": seconds, "cpu": cpu})
    )


def _live(feeder: Feeder, rate: float, batch: float, seconds: float, account: Path) -> None:
    """Take in ``rate`` events a second, a look each ``batch`` seconds, for ``seconds`` (0: until ended)."""
    began, done = time.monotonic(), 0
    with account.open("a", buffering=1) as file:
        while not seconds or time.monotonic() - began < seconds:
            due = began + (done / rate if done else 0.0) + batch
            time.sleep(max(0.0, due - time.monotonic()))
            looked = time.monotonic()
            count = int((looked - began) * rate) - done
            feeder.record(feeder.steps(count))
            done += count
            ended = time.monotonic()
            line = {"t": looked, "late": max(0.0, looked - due), "took": ended - looked, "events": count}
            file.write(json.dumps(line) + "\n")


def _quiet(feeder: Feeder, stop: threading.Event) -> None:
    """What a run in a long step says: how its host is, every few seconds, and that is as it was."""
    while not stop.wait(HOST_EVERY_SECONDS):
        feeder.sample()


def main() -> None:
    """Record, then go on at a rate if one is given."""
    parser = argparse.ArgumentParser()
    parser.add_argument("state", type=Path)
    parser.add_argument("--steps", type=int, default=0)
    parser.add_argument("--rate", type=float, default=0.0)
    parser.add_argument("--batch", type=float, default=0.1)
    parser.add_argument("--seconds", type=float, default=0.0)
    parser.add_argument("--burst", type=int, default=0)
    parser.add_argument("--quiet", action="store_true", help="live on, without a step")
    parser.add_argument("--silent", action="store_true", help="beat on, but give no sign of life any more")
    given = parser.parse_args()
    locations = Locations("local", given.state)
    locations.prepare()
    started = psutil.Process().create_time()
    stop = threading.Event()
    with hold_lock(locations, pid=os.getpid(), started_at=started):
        writer = JournalWriter(locations.journal)
        threading.Thread(target=beat, args=(writer, started, stop), daemon=True).start()
        recorded = not (given.rate or given.silent or given.burst or given.quiet)
        feeder = Feeder(writer, AGE_SECONDS if recorded else 0.0)
        feeder.begin()
        while feeder.step < given.steps:
            feeder.record(feeder.steps(min(ROWS_AT_ONCE, given.steps - feeder.step)))
        if recorded:
            feeder.end()
        (given.state / "ready").touch()
        if given.burst:
            _burst(feeder, given.burst, given.state / "done")
        if given.rate:
            _live(feeder, given.rate, given.batch, given.seconds, given.state / "feeder.jsonl")
            (given.state / "done").write_text(str(feeder.step))
        if given.quiet:
            _quiet(feeder, stop)
        stop.wait()


if __name__ == "__main__":
    main()

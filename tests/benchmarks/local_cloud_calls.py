"""Calls in the local cloud: from the spawn to the first line of user code, cold and in a warm spare; the
round trip of a call to a container that is there; what an idle spare holds of memory."""

from __future__ import annotations

import contextlib
import sqlite3
import statistics
import time
from pathlib import Path
from typing import Any

import psutil

from tests.benchmarks.rows import Row
from tests.contract.contract_cloud import LocalCloud, make_cloud

APP = Path(__file__).with_name("local_cloud_app.py")
STARTS = 3
ROUNDS = 200
BUDGET_RATIO = 50.0
SPARE_SECONDS = 120.0
SPAWN = """
heavy = modal.Cls.from_name('bench', 'Heavy')()

modal.Function.from_name('bench', 'echo').hydrate()
asked = time.time()
began, kind = heavy.first_line.spawn().get(timeout=120)
say([began - asked, kind])
"""
ROUND_TRIPS = """
echo = modal.Function.from_name('bench', 'echo')
echo.remote(0)
took = []
for n in range(int(sys.argv[1])):
    begun = time.perf_counter()
    echo.remote(n)
    took.append(time.perf_counter() - begun)
say(took)
"""


def run() -> list[Row]:
    """Three rows."""
    for cloud in make_cloud(LOCAL_CLOUD_SPARES="0"):
        cloud.deploy(APP)
        cold = [cloud.client(SPAWN) for _ in range(STARTS)]
        trips = sorted(cloud.client(ROUND_TRIPS, ROUNDS))
    for cloud in make_cloud(LOCAL_CLOUD_SPARES="1"):
        cloud.deploy(APP)
        memory = _spare_memory(_with_spare(cloud))
        warm = [_with_spare(cloud).client(SPAWN) for _ in range(STARTS)]
    return [_starts(cold, warm), _trips(trips), _memory(memory)]


def _starts(cold: list[Any], warm: list[Any]) -> Row:
    kinds = {kind for _, kind in warm}
    ours, peer = (statistics.median(seconds for seconds, _ in starts) for starts in (warm, cold))
    return Row(
        name="local_cloud_start",
        ours=ours,
        peer=peer,
        unit="s, spawn → first user line",
        ratio=peer / ours,
        budget="spare ≥ 50 × faster than cold",
        ok=peer / ours >= BUDGET_RATIO and kinds == {"warm_spare"},
        note=f"a class that imports torch; medians of {STARTS}; the starts were {', '.join(sorted(kinds))}",
    )


def _trips(seconds: list[float]) -> Row:
    return Row(
        name="local_cloud_remote",
        ours=statistics.median(seconds) * 1000,
        unit="ms, .remote() to a container that is there",
        note=f"{len(seconds)} calls, the 95th percentile {seconds[int(len(seconds) * 0.95)] * 1000:.1f} ms",
    )


def _memory(sizes: tuple[float, float]) -> Row:
    own, resident = sizes
    return Row(
        name="local_cloud_spare_memory",
        ours=own,
        unit="MiB of its own, an idle spare with torch",
        note=f"{resident:.0f} MiB resident",
    )


def _with_spare(cloud: LocalCloud) -> LocalCloud:
    deadline = time.monotonic() + SPARE_SECONDS
    time.sleep(3.0)  # the status may be that old, and still name the spare that was used last
    while not cloud.status()["spares_ready"]:
        if time.monotonic() > deadline:
            raise TimeoutError(f"no warm spare within {SPARE_SECONDS:.0f} s")
        time.sleep(0.5)
    return cloud


def _spare_memory(cloud: LocalCloud) -> tuple[float, float]:
    """MiB of the spare's own, and resident."""
    with contextlib.closing(sqlite3.connect(cloud.places.database)) as db:
        query = "SELECT pid FROM tasks WHERE start_kind='warm_spare' AND finished_at IS NULL"
        info = psutil.Process(db.execute(query).fetchone()[0]).memory_full_info()
    return info.uss / 1024**2, info.rss / 1024**2

"""Calls in the local cloud: from the spawn to the first line of user code, cold, in a warm spare and in a
fork of a template; the round trip of a call to a container that is there; what each holds of memory."""

from __future__ import annotations

import contextlib
import sqlite3
import statistics
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil

from tests.benchmarks.rows import Row
from tests.contract.contract_cloud import LocalCloud, make_cloud

APP = Path(__file__).with_name("local_cloud_app.py")
STARTS = 5
ROUNDS = 200
BUDGET_RATIO = 50.0
SPARE_SECONDS = 120.0
SPAWN = """
heavy = modal.Cls.from_name('bench', 'Heavy')()
heavy.first_line.hydrate()
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


STAY = """
call = modal.Cls.from_name('bench', 'Heavy')().stay.spawn(float(sys.argv[1]))
say(call.object_id)
"""
STAY_SECONDS = 20.0
CLOUDS = {
    "cold": (0, 0),
    "local_cloud_start": (1, 0),
    "local_cloud_start_template": (1, 1),
    "local_cloud_start_fork": (0, 1),
}
"""By the name of the row of its starts, how many spares and templates a cloud keeps. With a template, spares
are forks that wait; without, each call's container is forked when it comes, as in a burst."""
WITHOUT_BUDGET = "local_cloud_start_fork"
LIVE = "SELECT pid FROM tasks WHERE start_kind=? AND finished_at IS NULL"


def run() -> list[Row]:
    """Three rows of starts, one of round trips, two of memory. The starts take turns."""
    with contextlib.ExitStack() as stack:
        clouds = {name: stack.enter_context(_cloud(*has)) for name, has in CLOUDS.items()}
        starts: dict[str, list[Any]] = {name: [] for name in CLOUDS}
        for _ in range(STARTS):
            for name, cloud in clouds.items():
                _await_ready(cloud, *CLOUDS[name])
                starts[name].append(cloud.client(SPAWN))
        cold = starts.pop("cold")
        trips = sorted(clouds["cold"].client(ROUND_TRIPS, ROUNDS))
        _await_ready(clouds["local_cloud_start"], *CLOUDS["local_cloud_start"])
        return [
            *(_starts(name, cold, warm) for name, warm in starts.items()),
            _trips(trips),
            _spare_memory(clouds["local_cloud_start"]),
            _fork_memory(clouds["local_cloud_start_fork"]),
        ]


@contextlib.contextmanager
def _cloud(spares: int, templates: int) -> Iterator[LocalCloud]:
    for cloud in make_cloud(LOCAL_CLOUD_SPARES=str(spares), LOCAL_CLOUD_TEMPLATES=str(templates)):
        cloud.deploy(APP)
        yield cloud


def _starts(name: str, cold: list[Any], warm: list[Any]) -> Row:
    kinds, wanted = {kind for _, kind in warm}, "template" if CLOUDS[name][1] else "warm_spare"
    ours, peer = (statistics.median(seconds for seconds, _ in starts) for starts in (warm, cold))
    promised = name != WITHOUT_BUDGET
    return Row(
        name=name,
        ours=ours,
        peer=peer,
        unit="s, spawn → first user line",
        ratio=peer / ours,
        budget="≥ 50 × faster than cold" if promised else "",
        ok=peer / ours >= BUDGET_RATIO and kinds == {wanted} if promised else None,
        note=f"a class that imports torch; medians of {STARTS}; the starts were {', '.join(sorted(kinds))}",
    )


def _trips(seconds: list[float]) -> Row:
    return Row(
        name="local_cloud_remote",
        ours=statistics.median(seconds) * 1000,
        unit="ms, .remote() to a container that is there",
        note=f"{len(seconds)} calls, the 95th percentile {seconds[int(len(seconds) * 0.95)] * 1000:.1f} ms",
    )


def _spare_memory(cloud: LocalCloud) -> Row:
    own, shared, resident = _sizes(_live(cloud, "warm_spare", 1)[0])
    return Row(
        name="local_cloud_spare_memory",
        ours=own,
        unit="MiB of its own, an idle spare with torch",
        note=f"{shared:.0f} MiB with its share of what others have too, {resident:.0f} MiB resident",
    )


def _fork_memory(cloud: LocalCloud) -> Row:
    """Two forks at work, and their template."""
    (template,) = _live(cloud, "template_process", 1)
    alone = _sizes(template)
    for _ in range(2):
        cloud.client(STAY, STAY_SECONDS)
    forks = _live(cloud, "template", 2)
    time.sleep(2.0)  # the client has said that the call is there, not that it has computed
    own, shared, resident = _sizes(forks[0])
    words = f"{shared:.0f} MiB with its share of what others have too, {resident:.0f} MiB resident"
    return Row(
        name="local_cloud_fork_memory",
        ours=own,
        unit="MiB of its own, a forked container with torch at work",
        note=f"{words}, with two of them; the idle template has {alone[0]:.0f} MiB of its own",
    )


def _live(cloud: LocalCloud, kind: str, count: int) -> list[int]:
    """The pids of so many live processes of a kind."""
    deadline = time.monotonic() + SPARE_SECONDS
    while True:
        with contextlib.closing(sqlite3.connect(cloud.places.database)) as db:
            pids = [row[0] for row in db.execute(LIVE, (kind,))]
        if len(pids) == count:
            return pids
        if time.monotonic() > deadline:
            raise TimeoutError(f"{len(pids)} processes are a {kind}, not {count}")
        time.sleep(0.1)


def _sizes(pid: int) -> tuple[float, float, float]:
    """MiB of a process's own, with its share of what it shares (where the system tells), and resident."""
    info = psutil.Process(pid).memory_full_info()
    return info.uss / 1024**2, getattr(info, "pss", info.rss) / 1024**2, info.rss / 1024**2


def _await_ready(cloud: LocalCloud, spares: int, templates: int) -> None:
    """Return once the cloud has what it shall keep."""
    deadline = time.monotonic() + SPARE_SECONDS
    time.sleep(3.0)  # the status may be that old, and still name the spare that was used last
    while (status := cloud.status())["spares_ready"] < spares or status["templates"]["ready"] < templates:
        if time.monotonic() > deadline:
            raise TimeoutError(f"not ready within {SPARE_SECONDS:.0f} s: {status}")
        time.sleep(0.5)

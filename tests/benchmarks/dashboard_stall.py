"""A terminal that reads nothing for 8 seconds: recording goes on, and the right picture is there soon after.

Recording is another process (it holds the watcher's lock); its lag is by its own account of each look.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from tests.benchmarks.dashboard_setting import OURS, load, setting, spread
from tests.benchmarks.pty_replay import Replay
from tests.benchmarks.rows import Row

STALLS, STALL_SECONDS = 3, 8.0
STEP = re.compile(r"step (\d+)")


def run() -> list[Row]:
    """Two rows."""
    after: list[float] = []
    lags: list[float] = []
    with setting() as place:
        place.record("--steps", "500", "--rate", "50")
        for _ in range(STALLS):
            with place.terminal(OURS) as terminal:
                terminal.wait(3)
                began = terminal.now
                terminal.stall(STALL_SECONDS)
                terminal.wait(STALL_SECONDS + 4)
            account = place.account()
            start, end = terminal.started + began, terminal.started + began + STALL_SECONDS
            lags += [look["late"] + look["took"] for look in account if start <= look["t"] < end]
            fed = 500 + sum(look["events"] for look in account if look["t"] < end)
            seen = Replay(terminal.chunks).when(
                lambda rows, fed=fed: _step(rows) >= fed, since=began + STALL_SECONDS
            )  # type: ignore[misc]
            after.append(99.0 if seen is None else seen - began - STALL_SECONDS)
    return [
        Row(
            name="dashboard_stall/recording",
            ours=max(lags),
            unit="s behind, worst look",
            budget="≤ 0.1",
            ok=max(lags) <= 0.1,
            note=f"{len(lags)} looks in {STALLS} stalls of {STALL_SECONDS:.0f} s; {load()}",
        ),
        Row(
            name="dashboard_stall/picture",
            ours=max(after),
            unit="s until the newest step is shown, worst",
            budget="≤ 1",
            ok=max(after) <= 1.0,
            note=f"{spread(after)} s of {STALLS}; {load()}",
        ),
    ]


def _step(rows: Sequence[str]) -> int:
    found = STEP.search(" ".join(rows[:2]))
    return int(found[1]) if found else 0

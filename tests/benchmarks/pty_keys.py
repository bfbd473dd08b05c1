"""Keys that were pressed and what was to be seen of each: how long that took.

asked = [press(terminal, "j", has("r7"), wait=0.2), ...]
seconds = latencies(terminal, asked)
row("dashboard_keys/load", seconds, allowed=0.05, about="1,000 events/s")
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tests.benchmarks.dashboard_setting import load, median, percentile
from tests.benchmarks.pty_meter import Terminal
from tests.benchmarks.pty_replay import Replay
from tests.benchmarks.rows import Row

LOST_SECONDS = 3.0
Shown = Callable[[Sequence[str]], bool]


def press(terminal: Terminal, key: str, shown: Shown, wait: float) -> tuple[float, Shown]:
    """When it was pressed, and what says that it was heard; then wait so long."""
    at = terminal.press(key)
    terminal.wait(wait)
    return at, shown


def has(text: str) -> Shown:
    """Holds where a row has this text."""
    return lambda rows: any(text in row for row in rows)


def latencies(terminal: Terminal, asked: Sequence[tuple[float, Shown]]) -> list[float]:
    """Seconds from each key to its effect, LOST_SECONDS where that was not seen."""
    replay, found = Replay(terminal.chunks), []
    for at, shown in asked:
        seen = replay.when(shown, since=at, until=at + LOST_SECONDS)
        found.append(LOST_SECONDS if seen is None else seen - at)
    return found


def told(found: Sequence[float]) -> str:
    """The middle one, and how many were never seen."""
    lost = sum(each >= LOST_SECONDS for each in found)
    return f"median {1e3 * median(found):.0f} ms of {len(found)}, {lost} not seen"


def row(name: str, found: Sequence[float], allowed: float, about: str) -> Row:
    """The slowest of a hundred against what is allowed (seconds)."""
    worst = percentile(found, 0.99)
    return Row(
        name=name,
        ours=1e3 * worst,
        unit="ms, p99",
        budget=f"≤ {allowed * 1e3:.0f}",
        ok=worst <= allowed,
        note=f"{about}; {told(found)}; {load()}",
    )

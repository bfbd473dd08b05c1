"""From a key to its effect on the screen: under 1,000 events a second, and on a link of 16 kB/s.

The key under load gives another metric the large chart. On the slow link the small change is one line of the
event list of a live run, and the large one the help coming and going over a run that has ended: it covers
and dims the whole screen.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tests.benchmarks.dashboard_setting import OURS, load, median, percentile, setting, spread
from tests.benchmarks.pty_meter import Terminal
from tests.benchmarks.pty_replay import Replay, settled
from tests.benchmarks.rows import Row

KEYS, SLOW_KEYS, SCREENS = 100, 30, 5
LINK = 16_000
LOST_SECONDS = 3.0
Shown = Callable[[Sequence[str]], bool]


def run() -> list[Row]:
    """A row for the load, two for the link."""
    with setting() as place:
        place.record("--steps", "500", "--rate", "1000")
        with place.terminal(OURS) as terminal:
            terminal.wait(4)
            asked = [_press(terminal, str(n % 5 + 1), _large(n % 5 + 1), 0.17) for n in range(KEYS)]
    loaded = _latencies(terminal, asked)
    with setting() as place:
        place.record("--steps", "5000", "--rate", "50")
        with place.terminal(OURS, rate=LINK) as terminal:
            terminal.wait(6)
            asked = [
                _press(terminal, "kG"[n % 2], (_below, _following)[n % 2], 0.6) for n in range(SLOW_KEYS)
            ]
        small = _latencies(terminal, asked)
    with setting() as place:
        place.record("--steps", "5000")
        with place.terminal(OURS, rate=LINK) as terminal:
            terminal.wait(4)
            pressed = [_press(terminal, key, _following, 2.0)[0] for key in ["?", "\x1b"] * SCREENS]
    screens = [(settled(terminal.chunks, at + 1.9, at) or at + 1.9) - at for at in pressed]
    return [
        _row("dashboard_keys/load", loaded, 0.05, "1,000 events/s"),
        _row("dashboard_keys/link", small, 0.15, "16 kB/s, 50 steps/s, one line"),
        Row(
            name="dashboard_keys/link_screen",
            ours=max(screens),
            unit="s, worst",
            budget="≤ 1",
            ok=max(screens) <= 1.0,
            note=f"help over all and back, 16 kB/s, {spread(screens)} s of {len(screens)}; {load()}",
        ),
    ]


def _press(terminal: Terminal, key: str, shown: Shown, wait: float) -> tuple[float, Shown]:
    at = terminal.press(key)
    terminal.wait(wait)
    return at, shown


def _large(number: int) -> Shown:
    return lambda rows: any(row.startswith(f"── {number} ") for row in rows[1:6])


def _below(rows: Sequence[str]) -> bool:
    return any("below, end follows" in row for row in rows)


def _following(rows: Sequence[str]) -> bool:
    return any("following" in row for row in rows)


def _latencies(terminal: Terminal, asked: list[tuple[float, Shown]]) -> list[float]:
    replay, found = Replay(terminal.chunks), []
    for at, shown in asked:
        seen = replay.when(shown, since=at, until=at + LOST_SECONDS)
        found.append(LOST_SECONDS if seen is None else seen - at)
    return found


def _row(name: str, found: list[float], allowed: float, about: str) -> Row:
    worst = percentile(found, 0.99)
    lost = sum(each >= LOST_SECONDS for each in found)
    return Row(
        name=name,
        ours=1e3 * worst,
        unit="ms, p99",
        budget=f"≤ {allowed * 1e3:.0f}",
        ok=worst <= allowed,
        note=f"{about}; median {1e3 * median(found):.0f} ms of {len(found)} keys, {lost} not seen; {load()}",
    )

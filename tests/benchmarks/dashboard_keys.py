"""From a key to its effect on the screen: under 1,000 events a second, and on a link of 16 kB/s.

The key under load gives another metric the large chart. On the slow link the small change is one line of the
event list of a live run, and the large one the help coming and going over a run that has ended: it covers
and dims the whole screen.
"""

from __future__ import annotations

from collections.abc import Sequence

from tests.benchmarks.dashboard_setting import OURS, load, setting, spread
from tests.benchmarks.pty_keys import LOST_SECONDS, Shown, has, latencies, press, row
from tests.benchmarks.pty_replay import Chunk
from tests.benchmarks.rows import Row

KEYS, SLOW_KEYS, SCREENS = 100, 30, 5
PAUSE_SECONDS = 0.2
LINK = 16_000
_BELOW, _FOLLOWING = has("below, end follows"), has("following")


def run() -> list[Row]:
    """A row for the load, two for the link."""
    with setting() as place:
        place.record("--steps", "500", "--rate", "1000")
        with place.terminal(OURS) as terminal:
            terminal.wait(4)
            asked = [press(terminal, str(n % 5 + 1), _large(n % 5 + 1), 0.17) for n in range(KEYS)]
    loaded = latencies(terminal, asked)
    with setting() as place:
        place.record("--steps", "5000", "--rate", "50")
        with place.terminal(OURS, rate=LINK) as terminal:
            terminal.wait(6)
            asked = [press(terminal, "kG"[n % 2], (_BELOW, _FOLLOWING)[n % 2], 0.6) for n in range(SLOW_KEYS)]
        small = latencies(terminal, asked)
    with setting() as place:
        place.record("--steps", "5000")
        with place.terminal(OURS, rate=LINK) as terminal:
            terminal.wait(4)
            pressed = [press(terminal, key, _FOLLOWING, 2.0)[0] for key in ["?", "\x1b"] * SCREENS]
    screens = [_burst_end(terminal.chunks, at) - at for at in pressed]
    return [
        row("dashboard_keys/load", loaded, 0.05, "1,000 events/s"),
        row("dashboard_keys/link", small, 0.15, "16 kB/s, 50 steps/s, one line"),
        Row(
            name="dashboard_keys/link_screen",
            ours=max(screens),
            unit="s, worst",
            budget="≤ 1",
            ok=max(screens) <= 1.0,
            note=f"help over all and back, 16 kB/s, {spread(screens)} s of {len(screens)}; {load()}",
        ),
    ]


def _burst_end(chunks: Sequence[Chunk], pressed: float) -> float:
    """When all that a key has the terminal be sent has come: what comes after a pause is an age."""
    last = pressed
    for at, _ in chunks:
        if at > last + PAUSE_SECONDS:
            break
        last = max(last, at)
    return last if last > pressed else pressed + LOST_SECONDS


def _large(number: int) -> Shown:
    return lambda rows: any(line.startswith(f"── {number} ") for line in rows[1:6])

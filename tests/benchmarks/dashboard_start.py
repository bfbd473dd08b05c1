"""From the command to a screen that is complete: a recorded run of 12 metrics × 10,000 steps.

Complete is the first moment from which on 95 % of what is written on the screen in the end is there and
stays; the same rule for everybody. The peer shows its first chart earlier than that: a row of its own says
when.
"""

from __future__ import annotations

from tests.benchmarks.dashboard_setting import EMPTY, LEET, OURS, Setting, load, median, setting, spread
from tests.benchmarks.pty_replay import Replay, settled
from tests.benchmarks.rows import Row

STARTS = 5
QUIET_SECONDS, MOST_SECONDS = 1.2, 25.0
CURVE = range(0x2801, 0x2900)


def run() -> list[Row]:
    """Complete screens against both peers; the first curve against leet's."""
    complete: dict[str, list[float]] = {OURS: [], LEET: [], EMPTY: []}
    first: dict[str, list[float]] = {OURS: [], LEET: []}
    with setting() as place:
        place.record("--steps", "10000")
        place.record_peer("--steps", "10000")
        for program in complete:
            _start(place, program)  # compiled and cached, as from the second start on
        for _ in range(STARTS):
            for program, times in complete.items():
                done, curve = _start(place, program)
                times.append(done)
                if program in first:
                    first[program].append(curve)
    ours, leet, empty = (median(complete[each]) for each in (OURS, LEET, EMPTY))
    note = ", ".join(f"{each} {spread(times)} s" for each, times in complete.items())
    curves = median(first[OURS]), median(first[LEET])
    return [
        Row(
            name="dashboard_start/leet",
            ours=ours,
            peer=leet,
            unit="s to a complete screen",
            ratio=ours / leet,
            budget="≤ 0.55 × leet",
            ok=ours <= 0.55 * leet,
            note=f"{note}; medians of {STARTS}; {load()}",
        ),
        Row(
            name="dashboard_start/empty",
            ours=ours,
            peer=empty,
            unit="s to a complete screen",
            ratio=ours / empty,
            budget="≤ 1.3 × empty",
            ok=ours <= 1.3 * empty,
            note=f"an empty Textual app; {load()}",
        ),
        Row(
            name="dashboard_start/first_curve",
            ours=curves[0],
            peer=curves[1],
            unit="s to the first curve",
            ratio=curves[0] / curves[1],
            note=f"no budget: ours is complete with it, leet goes on loading; {spread(first[OURS])} against "
            f"{spread(first[LEET])} s; {load()}",
        ),
    ]


def _start(place: Setting, program: str) -> tuple[float, float]:
    with place.terminal(program) as terminal:
        terminal.wait_quiet(QUIET_SECONDS, MOST_SECONDS)
    end = terminal.chunks[-1][0] + 1.0
    done = settled(terminal.chunks, end)
    curve = Replay(terminal.chunks).when(lambda rows: any(ord(char) in CURVE for row in rows for char in row))
    return done or end, curve or end

"""What watching a run costs: 12 metrics at 50 steps a second, a run at which nothing happens, and one that
lives and has nothing to tell.

CPU is that of the program that shows and of its children; who writes the data is another process for both.
"""

from __future__ import annotations

from tests.benchmarks.dashboard_setting import LEET, OURS, Setting, load, median, setting, spread
from tests.benchmarks.pty_meter import Sample, Terminal
from tests.benchmarks.rows import Row

WINDOWS = 3
WARM_SECONDS, WINDOW_SECONDS, IDLE_SECONDS = 6.0, 10.0, 20.0
QUIET_AFTER_SECONDS, QUIET_SECONDS = 12.0, 30.0
"""A step is long when its age has more than one digit: from there on its run is quiet."""
STEPS = ("--steps", "500", "--rate", "50")


def run() -> list[Row]:
    """CPU, bytes and memory while it runs; bytes while it does not."""
    cpu: dict[str, list[float]] = {OURS: [], LEET: []}
    sent: dict[str, list[float]] = {OURS: [], LEET: []}
    held: dict[str, list[float]] = {OURS: [], LEET: []}
    with setting() as place:
        place.record(*STEPS)
        place.record_peer(*STEPS)
        for _ in range(WINDOWS):
            for program in (OURS, LEET):
                terminal, before, after = _window(place, program, WARM_SECONDS, WINDOW_SECONDS)
                seconds = after.t - before.t
                cpu[program].append(100 * (after.cpu - before.cpu) / seconds)
                sent[program].append(terminal.bytes_between(before.t, after.t) / seconds)
                held[program].append(after.rss / 1e6)
    with setting() as place:
        place.record("--steps", "10000")
        place.record_peer("--steps", "10000")
        idle = {each: _sent(place, each, WARM_SECONDS, IDLE_SECONDS) for each in (OURS, LEET)}
    with setting() as place:
        place.record("--steps", "300", "--quiet")
        quiet = _sent(place, OURS, QUIET_AFTER_SECONDS, QUIET_SECONDS)
    return [
        _row("dashboard_live/cpu", cpu, "% of a core", 0.35),
        _row("dashboard_live/bytes", sent, "bytes/s", 0.6),
        _row("dashboard_live/memory", held, "MB", 0.5),
        Row(
            name="dashboard_live/idle",
            ours=idle[OURS],
            peer=idle[LEET],
            unit="bytes/s",
            budget="≤ 60",
            ok=idle[OURS] <= 60,
            note=f"a run that has ended, {IDLE_SECONDS:.0f} s",
        ),
        Row(
            name="dashboard_live/quiet_run",
            ours=quiet,
            unit="bytes/s",
            budget="≤ 60",
            ok=quiet <= 60,
            note=f"a live run in a long step: ages alone, {QUIET_SECONDS:.0f} s; {load()}",
        ),
    ]


def _window(place: Setting, program: str, after: float, seconds: float) -> tuple[Terminal, Sample, Sample]:
    with place.terminal(program) as terminal:
        terminal.wait(after)
        begun = terminal.sample()
        terminal.wait(seconds)
        ended = terminal.sample()
    return terminal, begun, ended


def _sent(place: Setting, program: str, after: float, seconds: float) -> float:
    """Bytes a second, from ``after`` seconds of its life on."""
    terminal, begun, ended = _window(place, program, after, seconds)
    return terminal.bytes_between(begun.t, ended.t) / (ended.t - begun.t)


def _row(name: str, found: dict[str, list[float]], unit: str, allowed: float) -> Row:
    ours, peer = median(found[OURS]), median(found[LEET])
    return Row(
        name=name,
        ours=ours,
        peer=peer,
        unit=unit,
        ratio=ours / peer,
        budget=f"≤ {allowed} × leet",
        ok=ours <= allowed * peer,
        note=f"{spread(found[OURS], 1)} against {spread(found[LEET], 1)}, {WINDOWS} windows of "
        f"{WINDOW_SECONDS:.0f} s by turns; {load()}",
    )

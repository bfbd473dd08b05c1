"""Fifty runs of a million stored events each: the list opens, moves and filters, and a run opens from it.

The journal is built first (minutes, and about 17 GB below the temporary directory, gone afterwards); see
`tests.benchmarks.many_runs` for what in it is the product's own and what is a copy. The peer shows one run
of a million points, because it keeps the points of every run that it shows.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from tests.benchmarks.dashboard_intake import PEER_STEPS
from tests.benchmarks.dashboard_setting import HOME, LEET, Setting, load, median, setting, spread
from tests.benchmarks.pty_keys import Shown, has, latencies, press, row, told
from tests.benchmarks.pty_meter import Terminal
from tests.benchmarks.pty_replay import settled
from tests.benchmarks.rows import Row

RUNS, STEPS = 50, 980_000
STARTS, MOVES, FILTERS, OPENINGS = 5, 60, 10, 10
CHOSEN = re.compile(r"▸\s*(m\d\d)")
CURVE = range(0x2801, 0x2900)


def run() -> list[Row]:
    """Opening, keys, one run, memory."""
    with setting() as place:
        place.record_many("--runs", str(RUNS), "--steps", str(STEPS))
        size = (place.state / "journal.db").stat().st_size / 1e9
        built = float((place.state / "built").read_text())
        starts = [_start(place) for _ in range(STARTS + 1)][1:]
        with place.terminal(HOME) as terminal:
            terminal.wait(2)
            asked = [*_moves(terminal), *_filters(terminal), *_openings(terminal)]
            held = terminal.sample().rss / 1e6
        found = latencies(terminal, asked)
        moves, letters, opening = found[:MOVES], found[MOVES:-OPENINGS], found[-OPENINGS:]
    with setting() as place:
        place.record_peer("--steps", str(PEER_STEPS))
        with place.terminal(LEET) as terminal:
            terminal.wait_quiet(3.0, 60.0)
            peer = terminal.sample().rss / 1e6
    return [
        Row(
            name="dashboard_many/home",
            ours=median(starts),
            unit="s to a complete list",
            budget="≤ 1",
            ok=median(starts) <= 1.0,
            note=f"{spread(starts)} s of {STARTS}; {RUNS} runs, {size:.1f} GB built in {built:.0f} s; "
            f"{load()}",
        ),
        row("dashboard_many/keys", moves, 0.05, "the cursor through the list"),
        row("dashboard_many/filter", letters, 0.05, "a letter of the filter to the list that it leaves"),
        Row(
            name="dashboard_many/open",
            ours=max(opening),
            unit="s from Enter to the curves, worst",
            budget="≤ 1",
            ok=max(opening) <= 1.0,
            note=f"a run of a million events; {told(opening)}; {load()}",
        ),
        Row(
            name="dashboard_many/memory",
            ours=held,
            peer=peer,
            unit="MB after all that",
            ratio=held / peer,
            budget="< leet",
            ok=held < peer,
            note=f"{OPENINGS} runs opened one after the other, against one of a million points; {load()}",
        ),
    ]


def _start(place: Setting) -> float:
    with place.terminal(HOME) as terminal:
        terminal.wait(2.5)
    return settled(terminal.chunks, 2.5) or 99.0


def _moves(terminal: Terminal) -> list[tuple[float, Shown]]:
    """Down the list and up again; the cursor must stand on another run."""
    keys = ["j"] * (MOVES // 2) + ["k"] * (MOVES // 2)
    return [press(terminal, key, _other_run(), 0.2) for key in keys]


def _filters(terminal: Terminal) -> list[tuple[float, Shown]]:
    """A filter typed letter by letter, and taken back."""
    asked: list[tuple[float, Shown]] = []
    for n in range(FILTERS):
        press(terminal, "/", _always, 0.4)
        press(terminal, "m", _always, 0.3)
        asked.append(press(terminal, str(n % 5), has(f"10 of {RUNS}"), 0.3))
        asked.append(press(terminal, "7", has(f"1 of {RUNS}"), 0.3))
        press(terminal, "\r", _always, 0.2)
        press(terminal, "\x1b", _always, 0.4)
    return asked


def _openings(terminal: Terminal) -> list[tuple[float, Shown]]:
    """Into a run and back, the next one each time."""
    asked = []
    for _ in range(OPENINGS):
        press(terminal, "j", _always, 0.3)
        asked.append(press(terminal, "\r", _has_curves, 1.5))
        press(terminal, "\x1b", _always, 0.8)
    return asked


def _other_run() -> Shown:
    """Holds once the cursor stands elsewhere than when it was first asked."""
    seen: list[str] = []

    def shown(rows: Sequence[str]) -> bool:
        found = next((match[1] for row in rows if (match := CHOSEN.search(row))), "")
        seen.append(found)
        return found not in ("", seen[0])

    return shown


def _has_curves(rows: Sequence[str]) -> bool:
    drawn = sum(ord(char) in CURVE for row in rows[3:] for char in row)
    return not any(CHOSEN.search(row) for row in rows) and drawn > 100


def _always(rows: Sequence[str]) -> bool:
    return True

"""Events taken in without loss while a viewer looks on: 5,000 a second for a minute, and a million at once.

The million is also what the viewer's memory is measured after: each event has twelve metrics, so it is twelve
million values for us, and a million (12 × 83,334, as in its own log) for the peer.
"""

from __future__ import annotations

import json
import re
import sqlite3
import time
from collections.abc import Sequence

from tests.benchmarks.dashboard_setting import LEET, OURS, Setting, load, setting, wait_for
from tests.benchmarks.pty_meter import Terminal
from tests.benchmarks.pty_replay import Replay
from tests.benchmarks.rows import Row
from tui_app.journal.reader import JournalReader

RATE, SECONDS, MILLION = 5_000, 60, 1_000_000
PEER_STEPS = 83_334
STEP = re.compile(r"step (\d+)")


def run() -> list[Row]:
    """Sustained, burst, and memory after it."""
    return [*_sustained(), *_burst()]


def _sustained() -> list[Row]:
    with setting() as place:
        place.record("--steps", "0", "--rate", str(RATE), "--seconds", str(SECONDS))
        with place.terminal(OURS) as terminal:
            wait_for((place.state / "done").exists, SECONDS + 60)
            done = terminal.now
            terminal.wait(4)
        steps = int((place.state / "done").read_text())
        lost, gaps = _missing(place, steps)
        looks = place.account()
        shown = Replay(terminal.chunks).when(lambda rows: _step(rows) >= steps, since=done)
    worst = max(look["late"] + look["took"] for look in looks)
    rate = steps / (looks[-1]["t"] - looks[0]["t"])
    return [
        Row(
            name="dashboard_intake/sustained",
            ours=float(lost + gaps),
            unit="events lost or out of order",
            budget=f"0 at {RATE:,}/s for {SECONDS} s",
            ok=not lost and not gaps and rate >= 0.98 * RATE,
            note=f"{steps:,} events, {rate:,.0f}/s, worst look {worst:.2f} s behind, "
            "the viewer showed the last "
            f"after {'no' if shown is None else f'{shown - done:.1f}'} s; {load()}",
        )
    ]


def _burst() -> list[Row]:
    with setting() as place:
        place.record("--burst", str(MILLION))
        with place.terminal(OURS) as terminal:
            wait_for(lambda: (place.state / "done").exists() and (place.state / "done").read_text(), 400)
            told = json.loads((place.state / "done").read_text())
            held = _when_shown(terminal, told["steps"])
        lost, gaps = _missing(place, told["steps"])
    with setting() as place:
        place.record_peer("--steps", str(PEER_STEPS))
        with place.terminal(LEET) as terminal:
            terminal.wait_quiet(3.0, 60.0)
            peer = terminal.sample().rss / 1e6
    return [
        Row(
            name="dashboard_intake/burst",
            ours=told["seconds"],
            unit="s for a million events",
            budget="≤ 20",
            ok=told["seconds"] <= 20 and not lost and not gaps,
            note=f"{told['events'] / told['seconds']:,.0f}/s decoded, folded and on disk, "
            f"{told['cpu']:.0f} s of CPU, viewer open, {lost + gaps} lost; {load()}",
        ),
        Row(
            name="dashboard_intake/memory",
            ours=held,
            peer=peer,
            unit="MB after a million",
            ratio=held / peer,
            budget="≤ 0.4 × leet",
            ok=held <= 0.4 * peer,
            note=f"12 M values against 1 M; {load()}",
        ),
    ]


def _missing(place: Setting, steps: int) -> tuple[int, int]:
    """Steps that are not in the journal, and holes in its numbering."""
    connection = sqlite3.connect(f"file:{place.state / 'journal.db'}?mode=ro", uri=True)
    stored = connection.execute("SELECT count(*) FROM events WHERE type = 'step.completed'").fetchone()[0]
    connection.close()
    reader = JournalReader(place.state / "journal.db")
    (summary,) = reader.views()
    reader.close()
    return steps - int(stored), len(summary.view.gaps)


def _when_shown(terminal: Terminal, step: int) -> float:
    """The viewer's megabytes once it shows this step (or has had two minutes)."""
    replay, deadline = Replay(()), time.monotonic() + 120
    taken = 0
    while time.monotonic() < deadline:
        chunks = terminal.chunks[taken:]
        taken += len(chunks)
        replay.feed(chunks)
        if _step(replay.play()) >= step:
            break
        terminal.wait(0.5)
    terminal.wait(3)
    return terminal.sample().rss / 1e6


def _step(rows: Sequence[str]) -> int:
    found = STEP.search(" ".join(rows[:2]))
    return int(found[1]) if found else 0

"""Every checkpoint of a run and what became of it: recognised, deleted, damaged, or an orphan. Pure.

    book = Checkpoints()
    book.add(news)                      # as it arrives, oldest first
    checkpoint_rows(book, sight, 80)    # newest first

A checkpoint is *recognised* when its commit won a position. An *orphan* was saved, and its attempt
ended without that: no resume will ever use it. Derived from events; no disk is looked at.
"""

from __future__ import annotations

import msgspec

from tui_app.render.formats import NOT_REPORTED, plural, short_age, size, span
from tui_app.render.glyphs import sparkline
from tui_app.render.spans import Line, fit
from tui_app.state.levels import reported
from tui_app.text_safety import plain
from tui_app.widgets.records import CheckpointNews
from tui_app.widgets.sight import Sight, nothing_yet

KEPT = 2000
COLUMNS = (
    ("step", 7),
    ("state", 11),
    ("pos", 5),
    ("size", 8),
    ("save", 7),
    ("commit", 7),
    ("try", 4),
    ("age", 5),
)
HEAD: Line = [(" " + "".join(f"{name:<{cells}}" for name, cells in COLUMNS) + "name", "quiet")]
USUAL = "interval"
"""The reason of most checkpoints, which is not said each time."""
PENDING = ("saved", "failing")
ROLES = {
    "recognised": "good",
    "deleted": "quiet",
    "ORPHAN": "warn",
    "SKIPPED": "bad",
    "failing": "warn",
    "saved": "info",
    "given up": "warn",
}


class Checkpoint(msgspec.Struct):
    """What is known of one name."""

    name: str
    attempt: int
    t: float
    step: int | None = None
    position: int | None = None
    bytes: int | None = None
    save_seconds: float | None = None
    commit_seconds: float | None = None
    tries: int | None = None
    reason: str = ""
    why: str = ""
    failures: int = 0
    deleted: bool = False
    skipped: bool = False


class Checkpoints:
    """All of them by name, in the order in which they were first heard of."""

    def __init__(self) -> None:
        self.known: dict[str, Checkpoint] = {}
        self.took: list[float] = []
        """Durations of commits that went through, oldest first."""
        self.failures = 0

    def add(self, news: CheckpointNews) -> None:
        """Take in one thing that happened."""
        if not news.name:
            return
        entry = self.known.get(news.name)
        if entry is None:
            entry = self.known[news.name] = Checkpoint(news.name, news.attempt, news.t)
        entry.step = news.step if news.step is not None else entry.step
        entry.bytes = news.bytes if news.bytes is not None else entry.bytes
        entry.position = news.position if news.position is not None else entry.position
        if news.kind == "saved":
            entry.save_seconds, entry.reason, entry.t = news.seconds, news.why, news.t
        elif news.kind == "committed":
            entry.commit_seconds, entry.tries, entry.t = news.seconds, news.tries, news.t
            if news.seconds is not None:
                self.took.append(news.seconds)
                del self.took[:-KEPT]
        elif news.kind == "failed":
            entry.failures, entry.why = entry.failures + 1, news.why
            self.failures += 1
        elif news.kind == "deleted":
            entry.deleted = True
        elif news.kind == "skipped":
            entry.skipped, entry.why = True, news.why
        if len(self.known) > KEPT:
            del self.known[next(iter(self.known))]


def state_of(entry: Checkpoint, sight: Sight) -> str:
    """One word; see the module."""
    if entry.skipped:
        return "SKIPPED"
    if entry.deleted:
        return "deleted"
    if entry.position is not None:
        resumed = [a for a in sight.view.attempts if a.number > entry.attempt]
        above = any((entry.step or 0) > a.resumed_from for a in resumed)
        return "given up" if above else "recognised"
    newest = sight.view.attempt
    over = newest is not None and (newest.number > entry.attempt or newest.ended_at is not None)
    if over:
        return "ORPHAN"
    return "failing" if entry.failures else "saved"


def summary_lines(book: Checkpoints, sight: Sight, cells: int, *, ascii_art: bool) -> list[Line]:
    """How many of each state, and the history of commit durations."""
    tally: dict[str, int] = {}
    for entry in book.known.values():
        state = state_of(entry, sight)
        tally[state] = tally.get(state, 0) + 1
    counts: Line = [(" ", "text")]
    for state, count in sorted(tally.items()):
        counts += [(f"{count} ", "text"), (state, ROLES[state]), ("   ", "text")]
    counts += _uncommitted(book, sight)
    took = sorted(book.took)
    counted = reported(sight.view).commits
    history: Line = [(" no commit yet" if counted == 0 else f" commit times {NOT_REPORTED}", "quiet")]
    if took:
        middle = took[len(took) // 2]
        facts = (
            f" commits {span(took[0])} – {span(took[-1])}, middle {span(middle)}, {book.failures} failed  "
        )
        trend = book.took[-max(8, min(60, cells - len(facts) - 1)) :]
        history = [(facts, "text"), (sparkline(trend, 0.0, took[-1], ascii_art=ascii_art), "spark")]
    return [counts, history, HEAD]


def _uncommitted(book: Checkpoints, sight: Sight) -> Line:
    """What a kill now would lose: steps, and bytes that were saved and whose commit has not won yet."""
    pending = [entry.bytes or 0 for entry in book.known.values() if state_of(entry, sight) in PENDING]
    saved = f", {size(sum(pending))} saved" if pending else ""
    steps = reported(sight.view).uncommitted
    words = NOT_REPORTED if steps is None else plural(steps, "step")
    return [("uncommitted ", "quiet"), (f"{words}{saved}", "warn" if pending else "text")]


def checkpoint_rows(book: Checkpoints, sight: Sight) -> list[Line]:
    """A line each, newest first; what is wrong with one below it."""
    rows: list[Line] = []
    for entry in reversed(book.known.values()):
        rows.append(_line(entry, state_of(entry, sight), sight.now))
        if entry.why:
            rows.append([(" " * 8, "text"), (f"{plain(entry.why, 200)}", "warn")])
    return rows or [[(f"  {nothing_yet(sight, 'nothing has been saved yet')}", "quiet")]]


def _line(entry: Checkpoint, state: str, now: float) -> Line:
    def took(seconds: float | None) -> str:
        return "–" if seconds is None else span(seconds)

    values = (
        "?" if entry.step is None else str(entry.step),
        state,
        "–" if entry.position is None else str(entry.position),
        "–" if not entry.bytes else size(entry.bytes),
        took(entry.save_seconds),
        took(entry.commit_seconds),
        "–" if entry.tries is None else str(entry.tries),
        short_age(now - entry.t),
    )
    line: Line = [(" ", "text")]
    for value, (name, cells) in zip(values, COLUMNS, strict=True):
        role = ROLES[state] if name == "state" else ("strong" if name == "step" else "text")
        line += fit([(value, role)], cells)
    reason = "" if entry.reason == USUAL else f" {plain(entry.reason, 20)}"
    return [*line, (plain(entry.name, 64), "quiet"), (reason, "text")]

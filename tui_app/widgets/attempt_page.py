"""Every attempt in full: how it started, what it did, how it ended and how that is known. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from tui_app.render.formats import NOT_REPORTED, age, span
from tui_app.render.spans import Line, fit, wrap
from tui_app.state.levels import Level
from tui_app.state.view import AttemptView
from tui_app.text_safety import plain
from tui_app.widgets.panels import GOOD_ENDS, saved_by, timeline
from tui_app.widgets.sight import Sight

COLUMNS = (
    ("#", 4),
    ("call", 5),
    ("start", 11),
    ("boot", 8),
    ("from", 7),
    ("to", 7),
    ("redone", 7),
    ("lasted", 12),
)
HEAD: Line = [(" " + "".join(f"{name:<{cells}}" for name, cells in COLUMNS) + "ended", "quiet")]


def attempt_rows(sight: Sight, cells: int) -> list[Line]:
    """Newest first: a line of figures, its phases, its evidence."""
    rows: list[Line] = []
    for attempt in reversed(sight.view.attempts):
        rows.append(_figures(attempt, sight.now, sight.view.level))
        spared = saved_by(attempt, [a for a in sight.view.attempts if a.number < attempt.number])
        gain = "" if spared is None else f" · {span(spared)} saved by the warm start"
        phases = timeline(attempt, sight.now, cells - 17 - len(gain))
        phases = phases if sight.view.level.has_records else [(NOT_REPORTED, "quiet")]
        rows.append([("      phases    ", "quiet"), *phases, (gain, "good")])
        rows += _evidence(attempt, cells)
        if attempt.task_id:
            rows.append([("      container ", "quiet"), (plain(attempt.task_id, 60), "quiet")])
        rows.append([])
    return rows[:-1] or [[("  no attempt yet", "quiet")]]


def _figures(attempt: AttemptView, now: float, level: Level) -> Line:
    told = level.has_records
    start = attempt.start.words if attempt.start else "?"
    boot = "?" if attempt.boot_seconds is None else span(attempt.boot_seconds)
    end = attempt.ended_at if attempt.ended_at is not None else now
    values = (
        attempt.number,
        attempt.generation,
        start,
        boot,
        attempt.resumed_from if told else "n/r",
        attempt.last_step if told or attempt.last_step else "n/r",
        attempt.steps_redone if told else "n/r",
        age(max(0.0, end - attempt.claimed_at)),
    )
    line: Line = [(" ", "text")]
    for value, (name, cells) in zip(values, COLUMNS, strict=True):
        role = "strong" if name == "#" else ("warn" if name == "redone" and value and told else "text")
        line += fit([(str(value), role)], cells)
    return [*line, *_ended(attempt)]


def _ended(attempt: AttemptView) -> Line:
    if attempt.cause is None:
        return [("goes on", "good") if attempt.ended_at is None else ("no last word", "warn")]
    guessed = " (inferred)" if attempt.inferred else ""
    return [
        (attempt.cause.replace("_", " "), "good" if attempt.cause in GOOD_ENDS else "warn"),
        (guessed, "quiet"),
    ]


def _evidence(attempt: AttemptView, cells: int) -> Sequence[Line]:
    if not attempt.evidence:
        return ()
    pieces = wrap(plain(attempt.evidence, 600), cells - 17)
    return [
        [("      evidence  " if not row else " " * 16, "quiet"), (piece, "text")]
        for row, piece in enumerate(pieces)
    ]

"""Evaluations by step: what is under way, a column a metric, and what of one has failed. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence

from tui_app.render.formats import NO_REASON, age, metric, numbered, plural, short_age
from tui_app.render.glyphs import sparkline
from tui_app.render.spans import Line, cut, fit, wrap
from tui_app.widgets.evaluation_book import Asked
from tui_app.widgets.records import Evaluation, EvaluationNews

STEP, FROM, AGE = 7, 11, 5
FIRST = ("reward/mean", "exact_match", "prompts", "seconds")
BAR_CELLS = 28
ERROR_LINES = 3
Entry = Evaluation | Asked
LEGEND = "attempt: the trainer's own, in training · asked: a committed checkpoint, scored beside the run"


def names(entries: Sequence[Entry]) -> list[str]:
    """Every metric that was measured, the usual ones first."""
    found = {name for entry in entries for name in entry.metrics}
    return [name for name in FIRST if name in found] + sorted(found - set(FIRST))


def running_lines(asked: Asked, now: float) -> list[Line]:
    """The one that is under way: what it is, and how far it has come."""
    elapsed = max(0.0, now - asked.t)
    where = f"each on one {asked.gpu}" if asked.gpu else "no GPU"
    many = f"{plural(asked.prompts, 'prompt')} in {plural(asked.slices, 'container')}"
    what = f" step {asked.step} · {many}, {where}"
    first: Line = [(" EVALUATING", "info-strong"), (f"{what} · {age(elapsed)}", "text")]
    return [first, [(" ", "text"), *bar(asked, BAR_CELLS), ("  ", "text"), *_course(asked, elapsed)]]


def bar(asked: Asked, cells: int) -> Line:
    """Slices that are scored, that have failed, and that are still to come; a failure is always seen."""
    of = max(1, asked.slices)
    failed = min(cells, max(round(asked.failed / of * cells), bool(asked.failed)))
    done = min(cells - failed, round(asked.done / of * cells))
    left = cells - done - failed
    return [("█" * done, "good"), ("✗" * failed, "bad"), ("░" * left, "grid")]


def _course(asked: Asked, elapsed: float) -> Line:
    left = max(0, asked.slices - asked.done - asked.failed)
    if not asked.done and not asked.failed:
        return [("the containers start; none has answered yet", "quiet")]
    words: Line = [(f"{asked.done} done", "text")]
    if asked.failed:
        words.append((f", {asked.failed} FAILED", "bad-strong"))
    words.append((f", {left} to come", "text"))
    if asked.scored and elapsed > 0:
        words.append((f" · {metric(asked.scored / elapsed)} prompts/s", "quiet"))
    return words


def eval_head(entries: Sequence[Entry], cells: int, *, ascii_art: bool) -> list[Line]:
    """The course of the first metric, and the labels."""
    columns = names(entries)
    if not columns and not entries:
        return []
    lines: list[Line] = []
    if columns:
        measured = [entry for entry in entries if columns[0] in entry.metrics]
        values = [entry.metrics[columns[0]] for entry in measured][-max(1, cells - 20) :]
        finite = [value for value in values if math.isfinite(value)]
        trend = sparkline(values, min([0.0, *finite]), max([1.0, *finite]), ascii_art=ascii_art)
        lines.append([(f" {columns[0]}  ", "text"), (trend, "spark")])
    label = f" {'step':<{STEP}}{'from':<{FROM}}{'age':<{AGE}}"
    widths = _widths(columns)
    return [*lines, [(label, "quiet"), *((cut(name, w - 1).ljust(w), "quiet") for name, w in widths)]]


def eval_rows(entries: Sequence[Entry], now: float, cells: int, nothing: Sequence[str]) -> list[Line]:
    """Newest first, what has failed of each below it; ``nothing`` where there is none."""
    widths = _widths(names(entries))
    rows: list[Line] = []
    for entry in reversed(entries):
        rows.append(_row(entry, now, widths))
        rows += _below(entry, cells) if isinstance(entry, Asked) else []
    if any(isinstance(entry, Asked) for entry in entries):
        rows += [[], *([(f" {line}", "quiet")] for line in wrap(LEGEND, cells - 2))]
    return rows or [[(f"  {line}", "quiet")] for line in nothing]


def _row(entry: Entry, now: float, widths: Sequence[tuple[str, int]]) -> Line:
    whose = "asked" if isinstance(entry, Asked) else f"attempt {entry.attempt}"
    line = [(" ", "text"), *fit([(str(entry.step), "strong")], STEP)]
    line += fit([(whose, "accent" if isinstance(entry, Asked) else "text")], FROM)
    line += fit([(short_age(now - entry.t), "quiet")], AGE)
    for name, cells in widths:
        line += fit([(_figure(entry.metrics.get(name)), "text")], cells)
    return [*line, *_standing(entry)] if isinstance(entry, Asked) else line


def _standing(asked: Asked) -> Line:
    if asked.running:
        return [("under way", "info")]
    if asked.outcome == "done":
        return [(plural(asked.slices, "slice"), "quiet")]
    if asked.outcome == "cancelled":
        return [("CANCELLED", "warn")]
    return [(f"{asked.done}/{asked.slices} slices", "warn")] if asked.done else [("FAILED", "bad-strong")]


def _below(asked: Asked, cells: int) -> list[Line]:
    """What is missing of one, and why."""
    rows: list[Line] = []
    if asked.outcome == "cancelled":
        part = f"{asked.done} of {plural(asked.slices, 'slice')}"
        rows.append([(f"   ended early, when {part} had been scored", "warn")])
    return rows + [line for failure in asked.failures for line in _failure(failure, cells)]


def _failure(failure: EvaluationNews, cells: int) -> list[Line]:
    head = f"✗ slice {failure.slice}, {numbered('prompt', failure.first, failure.last)}: "
    words = wrap(head + (failure.error or NO_REASON), cells - 5)
    shown = words[:ERROR_LINES]
    if len(words) > len(shown):
        shown[-1] = cut(shown[-1] + " …", cells - 5)
    return [[("   " if n == 0 else "     ", "text"), (text, "bad")] for n, text in enumerate(shown)]


def _widths(columns: Sequence[str]) -> list[tuple[str, int]]:
    return [(name, min(20, max(9, len(name) + 2))) for name in columns]


def _figure(value: float | None) -> str:
    return (
        str(int(value))
        if value is not None and value.is_integer() and 1 < abs(value) < 1e6
        else metric(value)
    )

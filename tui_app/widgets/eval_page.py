"""Evaluations by step: a column a metric. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from tui_app.render.formats import metric, short_age
from tui_app.render.glyphs import sparkline
from tui_app.render.spans import Line, cut, fit
from tui_app.widgets.records import Evaluation

STEP, ATTEMPT, AGE = 8, 9, 6
FIRST = ("reward/mean", "exact_match", "prompts", "seconds")


def names(evaluations: Sequence[Evaluation]) -> list[str]:
    """Every metric that was measured, the usual ones first."""
    found = {name for evaluation in evaluations for name in evaluation.metrics}
    return [name for name in FIRST if name in found] + sorted(found - set(FIRST))


def eval_head(evaluations: Sequence[Evaluation], cells: int, *, ascii_art: bool) -> list[Line]:
    """The course of the first metric, and the labels."""
    columns = names(evaluations)
    if not columns:
        return []
    values = [evaluation.metrics.get(columns[0]) for evaluation in evaluations][-max(1, cells - 20) :]
    known = [value for value in values if value is not None]
    course: Line = [(f" {columns[0]}  ", "text")]
    if known:
        course.append((sparkline(values, min(0.0, *known), max(1.0, *known), ascii_art=ascii_art), "spark"))
    label = f" {'step':<{STEP}}{'attempt':<{ATTEMPT}}{'age':<{AGE}}"
    widths = _widths(columns)
    return [course, [(label, "quiet"), *((cut(name, w - 1).ljust(w), "quiet") for name, w in widths)]]


def eval_rows(evaluations: Sequence[Evaluation], now: float, nothing: str) -> list[Line]:
    """Newest first; ``nothing`` where there is none."""
    widths = _widths(names(evaluations))
    rows: list[Line] = []
    for evaluation in reversed(evaluations):
        line = [(" ", "text"), *fit([(str(evaluation.step), "strong")], STEP)]
        line += fit([(str(evaluation.attempt), "text")], ATTEMPT)
        line += fit([(short_age(now - evaluation.t), "quiet")], AGE)
        for name, cells in widths:
            line += fit([(_figure(evaluation.metrics.get(name)), "text")], cells)
        rows.append(line)
    return rows or [[(f"  {nothing}", "quiet")]]


def _widths(columns: Sequence[str]) -> list[tuple[str, int]]:
    return [(name, min(20, max(9, len(name) + 2))) for name in columns]


def _figure(value: float | None) -> str:
    return (
        str(int(value))
        if value is not None and value.is_integer() and 1 < abs(value) < 1e6
        else metric(value)
    )

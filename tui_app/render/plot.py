"""One chart as lines of spans: value labels, curve, attempt boundaries, step axis.

    plot(series, track.marks, columns=48, rows=7, bounds=bounds, total=250, look=Look(smooth=True))

``bounds`` are decimal logarithms where the look is logarithmic. Roles: ``curve``, ``raw`` (behind
a smoothed curve), ``cursor`` (added to that of the chosen step's cells), ``label``,
``grid``, ``mark`` (an attempt's beginning), ``redone`` (steps done again), ``bad`` (not a number).
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import groupby
from typing import NamedTuple

from tui_app.render.axes import LONG, Bounds, labels, steps_shown, ticks
from tui_app.render.buckets import Column, Series
from tui_app.render.formats import metric
from tui_app.render.look import Look, logarithmic, smoothed
from tui_app.render.raster import Raster
from tui_app.render.spans import Line
from tui_app.render.track import Mark

Cell = tuple[str, str]
ALL = Look()
_RUNS = re.compile(" +|┊+|[^ ┊]+")


class Window(NamedTuple):
    """Which steps the width stands for: ``steps`` from ``first`` on."""

    first: int
    steps: int

    def cell(self, step: int, width: int) -> int | None:
        """Where a step stands, None outside."""
        x = (step - self.first) * width // self.steps
        return x if 0 <= x < width else None

    def cells(self, begin: int, end: int, width: int) -> tuple[int, int]:
        """From which cell to before which one these steps stand."""
        low = (begin - self.first) * width // self.steps
        high = (end - self.first) * width // self.steps
        return max(0, low), min(width, high + 1)


class Signs(NamedTuple):
    """What else stands in a chart, by cell."""

    starts: dict[int, Mark]
    broken: set[int]
    cursor: int | None


def plot(
    series: Series,
    marks: Sequence[Mark],
    *,
    columns: int,
    rows: int,
    bounds: Bounds,
    total: int | None = None,
    axis_rows: int | None = None,
    ascii_art: bool = False,
    look: Look = ALL,
) -> list[Line]:
    """Exactly ``rows`` lines of ``columns`` cells: the curve and, below it, the step axis with its labels.

    ``axis_rows`` is 0 (no axis), 1 (labels) or 2 (labels and attempts); by default as there is room.
    """
    if axis_rows is None:
        axis_rows = 2 if rows >= 5 else 1
    height = max(1, rows - axis_rows)
    texts = _value_labels(bounds, height, log=look.log)
    gutter = max((len(text) for text in texts.values()), default=0) + 1
    width = max(4, columns - gutter)
    raster = Raster(width, height, ascii_art=ascii_art)
    dots = raster.dots[0]
    window = _window(look, series, dots, total)
    found = series.columns(dots, window.steps, window.first)
    _draw(raster, logarithmic(found) if look.log else found, bounds)
    line = _smooth_rows(raster, found, bounds, look) if look.smooth else [""] * height
    starts = {
        x: mark for mark in marks if mark.attempt > 1 and (x := window.cell(mark.step, width)) is not None
    }
    broken = {x // raster.per_column for x in series.broken_columns(dots, window.steps, window.first)}
    at = window.cell(look.cursor, width) if look.cursor is not None else None
    signs = Signs(starts, broken, at)
    lines = [
        [(texts.get(row, "").rjust(gutter - 1) + " ", "label"), *_row(text, smooth, row in texts, signs)]
        for row, (text, smooth) in enumerate(zip(raster.rows(), line, strict=True))
    ]
    if axis_rows == 2:
        lines.append([(" " * gutter, "label"), *_axis(width, window, tuple(marks))])
    if axis_rows:
        lines.append([(" " * gutter, "label"), (_step_labels(width, window), "label")])
    return lines


def _window(look: Look, series: Series, dots: int, total: int | None) -> Window:
    if look.last is None:
        return Window(1, steps_shown(series.last_step, dots, total))
    return Window(look.first, max(1, look.last - look.first + 1))


def _smooth_rows(raster: Raster, found: Sequence[Column], bounds: Bounds, look: Look) -> list[str]:
    """The smoothed curve, as rows of its own."""
    above = Raster(raster.columns, raster.rows_count, ascii_art=raster.ascii_art)
    mean = smoothed(found)
    _draw(above, logarithmic(mean) if look.log else mean, bounds)
    return above.rows()


def _value_labels(bounds: Bounds, height: int, *, log: bool) -> dict[int, str]:
    values = ticks(bounds.low, bounds.high, max(2, (height + 1) // 2))
    if len(values) < 2:
        values = [bounds.low, bounds.high]
    rows = [round((bounds.high - value) / bounds.reach * (height - 1)) for value in values]
    texts = [_power(value) for value in values] if log else labels(values)
    return dict(zip(rows, texts, strict=True))


def _power(value: float) -> str:
    """Ten to that power, which need not be a float any more: room is left around the largest."""
    if value < math.log10(LONG):
        return metric(10.0**value)
    whole = math.floor(value)
    return f"{10.0 ** (value - whole):.0f}e{whole}"


def _draw(raster: Raster, columns: Sequence[Column], bounds: Bounds) -> None:
    height = raster.dots[1]
    low, high = bounds.low, bounds.high
    scale = (height - 1) / bounds.reach
    before: tuple[int, int] | None = None
    for x, column in enumerate(columns):
        if column is None:
            before = None
            continue
        top = round((high - min(max(column[1], low), high)) * scale)
        bottom = round((high - min(max(column[0], low), high)) * scale)
        reach = (top, bottom)
        if before is not None and before[1] < top:
            top = before[1] + 1
        elif before is not None and before[0] > bottom:
            bottom = before[0] - 1
        raster.vertical(x, top, bottom)
        before = reach


def _row(text: str, smooth: str, labelled: bool, signs: Signs) -> Line:
    if not smooth and not signs.broken and signs.cursor is None:
        return _plain_row(text, labelled, signs.starts)
    over = smooth or " " * len(text)
    cells = (
        _look(above if above != " " else char, x, labelled, signs, raw=bool(smooth) and above == " ")
        for x, (char, above) in enumerate(zip(text, over, strict=True))
    )
    return _joined(cells)


def _plain_row(text: str, labelled: bool, starts: Iterable[int]) -> Line:
    """A row of a curve and where attempts began: as `_look` has it, by runs instead of cells."""
    for x in starts:
        if text[x] == " ":
            text = f"{text[:x]}┊{text[x + 1 :]}"
    line: Line = []
    for run in _RUNS.findall(text):
        if run[0] == " ":
            line.append(("┈" * len(run), "grid") if labelled else (run, "text"))
        else:
            line.append((run, "mark" if run[0] == "┊" else "curve"))
    return line


def _look(char: str, x: int, labelled: bool, signs: Signs, *, raw: bool) -> Cell:
    if char != " ":
        found = char, ("raw" if raw else "curve")
    elif x in signs.broken:
        found = "✗", "bad"
    elif x == signs.cursor:
        found = "│", "accent"
    elif x in signs.starts:
        found = "┊", "mark"
    else:
        found = ("┈", "grid") if labelled else (" ", "text")
    return (found[0], found[1] + "+cursor") if x == signs.cursor else found


@lru_cache(maxsize=64)
def _axis(width: int, window: Window, marks: tuple[Mark, ...]) -> Line:
    cells: list[Cell] = [("─", "grid")] * width
    for x, _ in _step_ticks(width, window):
        cells[x] = ("┴", "grid")
    for mark in marks:
        if mark.redone_to < mark.step or mark.attempt < 2:
            continue
        for x in range(*window.cells(mark.step, mark.redone_to, width)):
            cells[x] = ("═", "redone")
    for mark in marks:
        at = window.cell(mark.step, width)
        if mark.attempt > 1 and at is not None:
            for offset, char in enumerate(str(mark.attempt)):
                if at + offset < width:
                    cells[at + offset] = (char, "mark")
    return _joined(cells)


def _step_ticks(width: int, window: Window) -> list[tuple[int, int]]:
    begin = window.first if window.first > 1 else 0
    values = ticks(begin, window.first - 1 + window.steps, max(2, width // 8))
    return [
        (max(0, min(width - 1, (round(value) - window.first + 1) * width // window.steps)), round(value))
        for value in values
        if value >= 0
    ]


@lru_cache(maxsize=64)
def _step_labels(width: int, window: Window) -> str:
    row = [" "] * width
    taken = -1
    for x, value in _step_ticks(width, window):
        text = str(value)
        start = max(0, min(x - len(text) // 2, width - len(text)))
        if start > taken:
            row[start : start + len(text)] = text
            taken = start + len(text)
    return "".join(row)


def _joined(cells: object) -> Line:
    line: Line = []
    for role, group in groupby(cells, key=lambda cell: cell[1]):  # type: ignore[call-overload]
        line.append(("".join(char for char, _ in group), role))
    return line

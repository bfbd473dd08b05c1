"""One chart as lines of spans: value labels, curve, attempt boundaries, step axis.

    plot(series, track.marks, columns=48, rows=7, bounds=bounds, total=250)

Roles: ``curve``, ``label``, ``grid``, ``mark`` (an attempt's beginning), ``redone`` (steps done
again), ``bad`` (a value that was not a number).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from tui_app.render.axes import Bounds, labels, steps_shown, ticks
from tui_app.render.buckets import Column, Mark, Series
from tui_app.render.raster import Raster
from tui_app.render.spans import Line

Cell = tuple[str, str]


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
) -> list[Line]:
    """Exactly ``rows`` lines of ``columns`` cells: the curve and, below it, the step axis with its labels.

    ``axis_rows`` is 0 (no axis), 1 (labels) or 2 (labels and attempts); by default as there is room.
    """
    if axis_rows is None:
        axis_rows = 2 if rows >= 5 else 1
    height = max(1, rows - axis_rows)
    texts = _value_labels(bounds, height)
    gutter = max((len(text) for text in texts.values()), default=0) + 1
    width = max(4, columns - gutter)
    raster = Raster(width, height, ascii_art=ascii_art)
    dots, dots_high = raster.dots
    shown = steps_shown(series.last_step, dots, total)
    _draw(raster, series.columns(dots, shown), bounds, dots_high)
    starts = {_cell(mark.step, shown, width): mark for mark in marks if mark.attempt > 1}
    broken = {x // raster.per_column for x in series.broken_columns(dots, shown)}
    lines = [
        [(texts.get(row, "").rjust(gutter - 1) + " ", "label"), *_row(text, row in texts, starts, broken)]
        for row, text in enumerate(raster.rows())
    ]
    if axis_rows == 2:
        lines.append([(" " * gutter, "label"), *_axis(width, shown, marks)])
    if axis_rows:
        lines.append([(" " * gutter, "label"), (_step_labels(width, shown), "label")])
    return lines


def _value_labels(bounds: Bounds, height: int) -> dict[int, str]:
    values = ticks(bounds.low, bounds.high, max(2, (height + 1) // 2))
    if len(values) < 2:
        values = [bounds.low, bounds.high]
    rows = [round((bounds.high - value) / bounds.reach * (height - 1)) for value in values]
    return dict(zip(rows, labels(values), strict=True))


def _draw(raster: Raster, columns: Sequence[Column], bounds: Bounds, height: int) -> None:
    def dot(value: float) -> int:
        return round((bounds.high - min(max(value, bounds.low), bounds.high)) / bounds.reach * (height - 1))

    previous: tuple[int, int] | None = None
    for x, column in enumerate(columns):
        if column is None:
            previous = None
            continue
        top, bottom = dot(column[1]), dot(column[0])
        reach = (top, bottom)
        if previous is not None and previous[1] < top:
            top = previous[1] + 1
        elif previous is not None and previous[0] > bottom:
            bottom = previous[0] - 1
        raster.vertical(x, top, bottom)
        previous = reach


def _row(text: str, labelled: bool, starts: dict[int, Mark], broken: set[int]) -> Line:
    return _joined(_look(char, x, labelled, starts, broken) for x, char in enumerate(text))


def _look(char: str, x: int, labelled: bool, starts: dict[int, Mark], broken: set[int]) -> Cell:
    if char != " ":
        return char, "curve"
    if x in broken:
        return "✗", "bad"
    if x in starts:
        return "┊", "mark"
    return ("┈", "grid") if labelled else (" ", "text")


def _axis(width: int, shown: int, marks: Sequence[Mark]) -> Line:
    cells: list[Cell] = [("─", "grid")] * width
    for x, _ in _step_ticks(width, shown):
        cells[x] = ("┴", "grid")
    for mark in marks:
        if mark.redone_to < mark.step or mark.attempt < 2:
            continue
        for x in range(_cell(mark.step, shown, width), _cell(mark.redone_to, shown, width) + 1):
            cells[x] = ("═", "redone")
    for mark in marks:
        x = _cell(mark.step, shown, width)
        if mark.attempt > 1:
            for offset, char in enumerate(str(mark.attempt)):
                if x + offset < width:
                    cells[x + offset] = (char, "mark")
    return _joined(cells)


def _step_ticks(width: int, shown: int) -> list[tuple[int, int]]:
    values = ticks(0, shown, max(2, width // 8))
    return [(min(width - 1, round(value) * width // shown), round(value)) for value in values if value >= 0]


def _step_labels(width: int, shown: int) -> str:
    row = [" "] * width
    taken = -1
    for x, value in _step_ticks(width, shown):
        text = str(value)
        start = max(0, min(x - len(text) // 2, width - len(text)))
        if start > taken:
            row[start : start + len(text)] = text
            taken = start + len(text)
    return "".join(row)


def _cell(step: int, shown: int, width: int) -> int:
    return max(0, min(width - 1, (step - 1) * width // shown))


def _joined(cells: object) -> Line:
    line: Line = []
    for role, group in groupby(cells, key=lambda cell: cell[1]):  # type: ignore[call-overload]
        line.append(("".join(char for char, _ in group), role))
    return line

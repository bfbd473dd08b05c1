"""One metric of several runs over each other, each with its own sign and its newest value in words."""

from __future__ import annotations

from collections.abc import Mapping

from tui_app.render.axes import around, labels, steps_shown, ticks
from tui_app.render.buckets import Series
from tui_app.render.formats import metric
from tui_app.render.spans import Line, rule
from tui_app.render.track import Track
from tui_app.text_safety import plain
from tui_app.widgets.lines import LineWidget
from tui_app.widgets.metrics import METRICS

SIGNS = "ox+*#@"
ROLES = ("info", "good", "warn", "accent", "bad", "strong")
Cells = list[tuple[str, str]]


class Overlay(LineWidget):
    """At most six runs. A sign a run, so that colour is not needed to tell them apart."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._tracks: dict[str, Track] = {}
        self._chosen = 0

    def show(self, tracks: Mapping[str, Track], chosen: int) -> None:
        """Show metric ``chosen`` of these."""
        self._tracks, self._chosen = dict(tracks), chosen
        self.redraw()

    def lines(self, width: int, height: int) -> list[Line]:
        """Title, picture, step axis, a line a run."""
        what = METRICS[self._chosen]
        found = {run: track.series.get(what.key) for run, track in self._tracks.items()}
        lines = [
            rule(
                [("compare ", "strong"), (what.name, "strong"), (f"  {what.captions[-1]}", "quiet")],
                [],
                width,
            )
        ]
        legend = [_legend(i, run, found[run], self._tracks[run]) for i, run in enumerate(self._tracks)]
        rows = max(3, height - len(lines) - len(legend) - 2)
        picture = _picture(list(found.values()), width, rows, what.include)
        return [*lines, *picture, [], *legend]


def _legend(index: int, run: str, series: Series | None, track: Track) -> Line:
    if series is None or series.extremes is None:
        return [(f" {SIGNS[index]} ", ROLES[index]), (plain(run, 48), "text"), ("  no step yet", "quiet")]
    low, high = series.extremes
    facts = f"  {metric(series.last)} at step {track.last_step} · {metric(low)} – {metric(high)}"
    return [(f" {SIGNS[index]} ", f"{ROLES[index]}-strong"), (plain(run, 48), "strong"), (facts, "text")]


def _picture(every: list[Series | None], width: int, rows: int, include: tuple[float, ...]) -> list[Line]:
    known = [series.extremes for series in every if series is not None and series.extremes is not None]
    if not known:
        return [[("  no step yet", "quiet")], *([[]] * rows)]
    bounds = around(
        min(*include, *(e[0] for e in known), 1e300), max(*include, *(e[1] for e in known), -1e300)
    )
    values = ticks(bounds.low, bounds.high, max(2, rows // 3)) or [bounds.low]
    texts = dict(
        zip(
            (round((bounds.high - v) / bounds.reach * (rows - 1)) for v in values),
            labels(values),
            strict=True,
        )
    )
    gutter = max(len(text) for text in texts.values()) + 1
    columns = max(4, width - gutter)
    last = max(series.last_step for series in every if series is not None)
    shown = steps_shown(last, columns)
    grid: list[Cells] = [
        [("┈", "grid") if row in texts else (" ", "text") for _ in range(columns)] for row in range(rows)
    ]
    for index, series in enumerate(every):
        for x, column in enumerate(series.columns(columns, shown) if series is not None else ()):
            if column is not None:
                row = round((bounds.high - (column[0] + column[1]) / 2) / bounds.reach * (rows - 1))
                grid[row][x] = (SIGNS[index], ROLES[index])
    lines: list[Line] = [
        [(texts.get(row, "").rjust(gutter - 1) + " ", "label"), *cells] for row, cells in enumerate(grid)
    ]
    newest = min(columns, max(8, round(last / shown * columns)))
    axis = f"step 1{str(last).rjust(newest - 6)}"
    return [*lines, [(" " * gutter + axis, "label")]]

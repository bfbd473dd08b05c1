"""A chart of one metric, and the rows of sparklines that stand for charts where room is short."""

from __future__ import annotations

from tui_app.render.axes import Bounds, sticky
from tui_app.render.buckets import Series, Track
from tui_app.render.formats import compact, metric
from tui_app.render.glyphs import sparkline
from tui_app.render.plot import plot
from tui_app.render.spans import Line, cut, fit, rule, width
from tui_app.widgets.lines import LineWidget
from tui_app.widgets.metrics import METRICS, Metric

RULE_CELLS = 10
"""What a heading's rule, gaps and a few dashes need beside its words."""


def figure(what: Metric, value: float | None) -> str:
    """A metric's newest value as its chart's title shows it."""
    return compact(value) if what.name == "throughput" else metric(value)


class Chart(LineWidget):
    """One metric over all steps, with its attempts' beginnings."""

    def __init__(self, metric_index: int, *, id: str | None = None) -> None:
        super().__init__(id=id, classes="chart")
        self.metric_index = metric_index
        self._track = Track()
        self._total: int | None = None
        self._bounds: dict[int, Bounds] = {}

    @property
    def metric(self) -> Metric:
        """What it shows."""
        return METRICS[self.metric_index]

    def show(self, track: Track, total: int | None, metric_index: int) -> None:
        """Show this metric of this track; ``total`` is the goal in steps, None while unknown."""
        if track is not self._track:
            self._bounds.clear()
        self._track, self._total, self.metric_index = track, total, metric_index
        self.redraw()

    def lines(self, width: int, height: int) -> list[Line]:
        """Title with the newest value, curve, step axis."""
        series = self._track.series.get(self.metric.key)
        return [self._title(series, width), *self._body(series, width, height - 1)]

    def _title(self, series: Series | None, cells: int) -> Line:
        name: Line = [(f"{self.metric_index + 1} ", "key"), (self.metric.name, "strong")]
        value: Line = [(figure(self.metric, series.last), "strong")] if series is not None else []
        room = cells - width(name) - width(value) - RULE_CELLS
        caption = next((c for c in self.metric.captions if len(c) <= room), "")
        if caption:
            name.append((f"  {caption}", "quiet"))
        return rule(name, value, cells)

    def _body(self, series: Series | None, cells: int, rows: int) -> list[Line]:
        extremes = series.extremes if series is not None else None
        if series is None or extremes is None or rows < 3:
            return [[], [("  no step yet" if series is None else "  no number yet", "quiet")]]
        bounds = sticky(self._bounds.get(self.metric_index), *extremes, include=self.metric.include)
        self._bounds[self.metric_index] = bounds
        return plot(
            series,
            self._track.marks,
            columns=cells,
            rows=rows,
            bounds=bounds,
            total=self._total,
            ascii_art=self.ascii_art,
        )


class Sparks(LineWidget):
    """A row for each metric that has no chart: key, name, newest value, sparkline."""

    LABEL, VALUE = 22, 8

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._track = Track()
        self._indices: tuple[int, ...] = ()

    def show(self, track: Track, indices: tuple[int, ...]) -> None:
        """Show these metrics of this track, a row each."""
        self._track, self._indices = track, indices
        self.redraw()

    def lines(self, width: int, height: int) -> list[Line]:
        """One row a metric."""
        return [self._row(index, width) for index in self._indices]

    def _row(self, index: int, cells: int) -> Line:
        what = METRICS[index]
        series = self._track.series.get(what.key)
        label = fit([(f"{index + 1} ", "key"), (cut(what.short, self.LABEL - 3), "text")], self.LABEL)
        if series is None:
            return [*label, ("–".rjust(self.VALUE - 1), "quiet")]
        value = figure(what, series.last).rjust(self.VALUE - 1) + " "
        low, high = series.extremes or (0.0, 0.0)
        tail = series.tail(cells - self.LABEL - self.VALUE)
        return [*label, (value, "strong"), (sparkline(tail, low, high, ascii_art=self.ascii_art), "spark")]

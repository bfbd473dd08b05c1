"""The curves of a run: one metric large, the others as smaller charts or, where room is short, as rows
of sparklines. One widget draws them all, because a terminal row is what has to be sent again anyway."""

from __future__ import annotations

import math

from tui_app.render.axes import Bounds, sticky
from tui_app.render.buckets import Series
from tui_app.render.formats import compact, metric
from tui_app.render.glyphs import sparkline
from tui_app.render.look import Look
from tui_app.render.plot import ALL, plot
from tui_app.render.spans import Line, beside, cut, fit, rule, width
from tui_app.render.track import Track
from tui_app.widgets.lines import LineWidget
from tui_app.widgets.metrics import METRICS, Metric

RULE_CELLS = 10
"""What a heading's rule, gaps and a few dashes need beside its words."""
ROOMY_CELLS, ROOMY_ROWS = 58, 18
"""From this size on every metric has a chart."""
LARGE_SHARE = 0.4
"""The large chart's part of the rows where all have one."""
LABEL_CELLS, VALUE_CELLS = 22, 8


class Charts(LineWidget):
    """Every metric over all steps, with where attempts began."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._track = Track()
        self._total: int | None = None
        self._chosen = 0
        self._bounds: dict[tuple[int, bool], Bounds] = {}
        self._look = Look()
        self._nothing = ""

    def show(
        self, track: Track, total: int | None, chosen: int, look: Look = ALL, nothing: str = "no step yet"
    ) -> None:
        """Show this track, looked at so, metric ``chosen`` large; ``total`` is the goal in steps, None
        while unknown, and ``nothing`` stands for a metric that has not come."""
        if track is not self._track:
            self._bounds.clear()
        self._track, self._total, self._chosen, self._look = track, total, chosen, look
        self._nothing = nothing
        self.redraw()

    def lines(self, width: int, height: int) -> list[Line]:
        """The large chart, then the others."""
        others = [index for index in range(len(METRICS)) if index != self._chosen]
        if width < ROOMY_CELLS or height < ROOMY_ROWS:
            large = self._chart(self._chosen, width, height - len(others))
            return large + [self._spark_row(index, width) for index in others]
        each = int(height * (1 - LARGE_SHARE)) // 2
        lines = self._chart(self._chosen, width, height - 2 * each)
        half = (width - 1) // 2
        for left, right in (others[:2], others[2:]):
            pair = self._chart(left, half, each), self._chart(right, width - half - 1, each)
            lines += beside(*pair, half, gap=1)
        return lines

    def _chart(self, index: int, cells: int, rows: int) -> list[Line]:
        """Title with the newest value, curve, step axis: ``rows`` lines."""
        what = METRICS[index]
        series = self._track.series.get(what.key)
        body = self._curve(index, series, cells, rows - 1)
        return [_title(index, what, series, cells, self._look), *body, *([[]] * (rows - 1 - len(body)))]

    def _curve(self, index: int, series: Series | None, cells: int, rows: int) -> list[Line]:
        if series is None or rows < 3:
            return [[], [(f"  {self._nothing}", "quiet")]]
        bounds = self._reach(index, series)
        if bounds is None:
            why = "nothing above 0 to show: L for a linear axis" if self._look.log else "no number yet"
            return [[], [(f"  {why}", "quiet")]]
        return plot(
            series,
            self._track.marks,
            columns=cells,
            rows=rows,
            bounds=bounds,
            total=self._total,
            ascii_art=self.ascii_art,
            look=self._look,
        )

    def _reach(self, index: int, series: Series) -> Bounds | None:
        """What the value axis shows: it changes only when it must."""
        log = self._look.log
        extremes, include = series.positive() if log else series.extremes, METRICS[index].include
        if extremes is None:
            return None
        if log:
            extremes, include = (math.log10(extremes[0]), math.log10(extremes[1])), ()
        key = (index, log)
        self._bounds[key] = bounds = sticky(self._bounds.get(key), *extremes, include=include)
        return bounds

    def _spark_row(self, index: int, cells: int) -> Line:
        """Key, name, newest value, sparkline."""
        what = METRICS[index]
        series = self._track.series.get(what.key)
        label = fit([(f"{index + 1} ", "key"), (cut(what.short, LABEL_CELLS - 3), "text")], LABEL_CELLS)
        if series is None:
            return [*label, ("–".rjust(VALUE_CELLS - 1), "quiet")]
        value = _figure(what, series.last).rjust(VALUE_CELLS - 1) + " "
        low, high = series.extremes or (0.0, 0.0)
        tail = series.tail(cells - LABEL_CELLS - VALUE_CELLS)
        return [*label, (value, "strong"), (sparkline(tail, low, high, ascii_art=self.ascii_art), "spark")]


def _title(index: int, what: Metric, series: Series | None, cells: int, look: Look) -> Line:
    name: Line = [(f"{index + 1} ", "key"), (what.name, "strong")]
    value: Line = [(_figure(what, series.last), "strong")] if series is not None else []
    ways = [
        word for word, on in (("log", look.log), ("smoothed", look.smooth), ("zoomed", not look.whole)) if on
    ]
    name += [(f"  {' · '.join(ways)}", "accent")] if ways else []
    room = cells - width(name) - width(value) - RULE_CELLS
    caption = next((text for text in what.captions if len(text) <= room), "")
    return rule([*name, (f"  {caption}" if caption else "", "quiet")], value, cells)


def _figure(what: Metric, value: float | None) -> str:
    return compact(value) if what.name == "throughput" else metric(value)


def values_at(track: Track, step: int) -> Line:
    """Every metric at a step, exactly; the range of its bucket where a long run keeps no more."""
    line: Line = []
    for what in METRICS:
        series = track.series.get(what.key)
        found = series.at(step) if series is not None else None
        line += [(f" {what.name} ", "quiet"), ("–" if found is None else _exact(*found), "strong")]
    return line


def _exact(low: float, high: float) -> str:
    return f"{low:.6g}" if low == high else f"{low:.4g}…{high:.4g}"

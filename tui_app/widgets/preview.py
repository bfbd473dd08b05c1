"""The chosen run of the home table, in words, with its newest rewards."""

from __future__ import annotations

from tui_app.render.axes import sticky
from tui_app.render.buckets import Series
from tui_app.render.formats import metric
from tui_app.render.plot import plot
from tui_app.render.spans import Line, crop, flow, rule
from tui_app.text_safety import plain
from tui_app.widgets.lines import LineWidget
from tui_app.widgets.outlook import outlook
from tui_app.widgets.sight import Sight
from tui_app.widgets.words import facts, in_state

MOST_CHART_ROWS = 16


class Preview(LineWidget):
    """Header and news of one run, and the curve of its newest rewards below."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._sight: Sight | None = None

    def show(self, sight: Sight | None) -> None:
        """Show this run, or nothing."""
        self._sight = sight
        self.redraw()

    def lines(self, width: int, height: int) -> list[Line]:
        """What fits."""
        sight = self._sight
        if sight is None:
            return []
        name = rule([(plain(sight.view.run, 48), "strong")], _hints(width), width)
        words = flow([in_state(sight), *facts(sight)], width - 1)
        ahead = flow(outlook(sight), width - 1)[:1]
        lines = [name, *([(" ", "text"), *crop(line, width - 1)] for line in (*words, *ahead))]
        room = min(height - len(lines), MOST_CHART_ROWS)
        return lines + (self._rewards(sight, width, room) if room >= 3 else [])

    def _rewards(self, sight: Sight, cells: int, rows: int) -> list[Line]:
        tail = sight.view.reward_tail
        if not tail:
            return []
        series = Series(128)
        for index, value in enumerate(tail):
            series.add(index + 1, value)
        low, high = series.extremes or (0.0, 1.0)
        newest = [(metric(tail[-1]), "strong")]
        title = rule([("reward", "strong"), (f"  newest {len(tail)} steps", "quiet")], newest, cells)
        picture = plot(
            series,
            (),
            columns=cells,
            rows=rows - 1,
            bounds=sticky(None, low, high, include=(0.0, 1.0)),
            total=len(tail),
            axis_rows=0,
            ascii_art=self.ascii_art,
        )
        return [title, *picture]


def _hints(cells: int) -> Line:
    """Keys of the list above, as many as there is room for beside a name."""
    line: Line = [("enter", "key"), (" opens", "quiet")]
    if cells >= 80:
        line += [("  /", "key"), (" filter", "quiet"), ("  t", "key"), (" sort", "quiet")]
        line += [("  space =", "key"), (" compare", "quiet")]
    return line

"""The first lines of home: the target, how many runs are in which state, and how well we are informed."""

from __future__ import annotations

from collections.abc import Sequence

from tui_app.render.spans import Line, flow
from tui_app.text_safety import plain
from tui_app.widgets.lines import FlowWidget
from tui_app.widgets.run_order import health
from tui_app.widgets.run_table import counts
from tui_app.widgets.sight import Link, Sight
from tui_app.widgets.status_line import watching


class HomeHeader(FlowWidget):
    """Target, counts, watcher."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._link = Link("local")
        self._sights: Sequence[Sight] = ()
        self._now = 0.0
        self._notes: tuple[str, ...] = ()

    def show(self, link: Link, sights: Sequence[Sight], now: float, notes: tuple[str, ...] = ()) -> None:
        """Show this; ``notes`` are words such as READ-ONLY."""
        self._link, self._sights, self._now, self._notes = link, sights, now, notes
        self.redraw()

    def text_lines(self, width: int) -> list[Line]:
        """The groups, wrapped."""
        link = self._link
        first: Line = [(f" {link.target.upper()} ", f"target-{link.target}"), ("  middlewatch", "strong")]
        if link.target != "local" and link.workspace:
            first.append((f"  workspace {plain(link.workspace, 40)}", "quiet"))
        total, *by_state = counts(self._sights)
        first.append((f"  {total}", "text"))
        if self._sights:
            first.append((f": {health(self._sights)}", "text"))
        notes: list[Line] = [[(note, "warn")] for note in self._notes]
        tally: list[Line] = [[(text, "text")] for text in by_state]
        top, *rest = flow([first, *notes, *tally, watching(link, self._now)], width - 1)
        return [top, *([(" ", "text"), *line] for line in rest)]

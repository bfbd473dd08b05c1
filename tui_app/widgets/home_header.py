"""The first lines of home: the target, how many runs are in which state, and how well we are informed.

Always the same number of rows in one width, so that the list below does not move.
"""

from __future__ import annotations

from collections.abc import Sequence

from textual.geometry import Size

from tui_app.render.spans import Line, crop, joined
from tui_app.render.spans import width as width_of
from tui_app.text_safety import plain
from tui_app.widgets.lines import FlowWidget
from tui_app.widgets.run_header import WIDE_CELLS
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
        """The groups, each in its row."""
        link = self._link
        total, *by_state = counts(self._sights)
        badge: Line = [(f" {link.target.upper()} ", f"target-{link.target}")]
        name: Line = [("  middlewatch", "strong")]
        if link.target != "local" and link.workspace:
            name.append((f"  workspace {plain(link.workspace, 40)}", "quiet"))
        health_of_all = f": {health(self._sights)}" if self._sights else ""
        said: Line = [(f"  {total}{health_of_all}", "text")]
        first = [*badge, *name, *said]
        if width_of(first) > width:
            first = [*badge, *said, *name[1:]]
        notes: list[Line] = [[(note, "warn")] for note in self._notes]
        tally: list[Line] = [[(text, "text")] for text in by_state]
        informed, indent = watching(link, self._now), (" ", "text")
        if self.get_content_height(self.size, self.size, width) == 2:
            return [joined([first, *notes, *tally], width), [indent, *crop(informed, width - 1)]]
        return [first, [indent, *joined([*notes, *tally], width - 1)], [indent, *crop(informed, width - 1)]]

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """The same whatever there is to say."""
        return 2 if width >= WIDE_CELLS else 3

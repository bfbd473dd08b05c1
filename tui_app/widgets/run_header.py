"""The first lines of a run's screen, in words, and the line below them: what happens next.

A loud alert stands where the counters stand otherwise: nothing below it moves when it comes or goes, and
the panels beside the charts say the counters too.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from textual.geometry import Size

from tui_app.render.spans import Line, crop, flow
from tui_app.widgets.banner import worst_of
from tui_app.widgets.header_rows import in_rows
from tui_app.widgets.lines import FlowWidget, LineWidget
from tui_app.widgets.outlook import outlook
from tui_app.widgets.sight import Sight

if TYPE_CHECKING:
    from tui_app.state.alert_book import Alert

WIDE_CELLS = 112
"""From this width on two rows hold the header; below it, three."""


class RunHeader(FlowWidget):
    """State, freshness, GPUs, commit, attempt: always in the same number of rows, so that nothing below
    it moves when a word becomes longer."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._sight: Sight | None = None
        self._notes: tuple[str, ...] = ()
        self._alerts: Sequence[Alert] = ()

    def show(self, sight: Sight, notes: tuple[str, ...] = (), alerts: Sequence[Alert] = ()) -> None:
        """Show this run; ``notes`` are words such as PAUSED, ``alerts`` its own, the worst first."""
        self._sight, self._notes, self._alerts = sight, notes, alerts
        self.redraw()

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """The same for every run in this width."""
        return 2 if width >= WIDE_CELLS else 3

    def text_lines(self, width: int) -> list[Line]:
        """The groups, each in its row."""
        if self._sight is None:
            return [[]]
        rows = self.get_content_height(self.size, self.size, width)
        now = self._sight.now
        first, *rest = in_rows(
            self._sight, self._notes, width - 1, rows, lambda cells: worst_of(self._alerts, now, cells)
        )
        return [first, *([(" ", "text"), *line] for line in rest)]


class NewsLine(LineWidget):
    """One line: NEXT, BACKOFF, DRAINING, or how the run ended."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._sight: Sight | None = None
        self._instead: Line = []

    def show(self, sight: Sight, instead: Line | None = None) -> None:
        """Show what comes next for this run, or what was asked for ``instead``."""
        self._sight, self._instead = sight, instead or []
        self.redraw()

    def lines(self, width: int, height: int) -> list[Line]:
        """The most urgent groups that fit."""
        if self._sight is None:
            return []
        if self._instead:
            return [[(" ", "text"), *crop(self._instead, width - 1)]]
        return [
            [(" ", "text"), *crop(line, width - 1)] for line in flow(outlook(self._sight), width - 1)[:height]
        ]

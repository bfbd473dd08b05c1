"""The first lines of a run's screen, in words, and the line below them: what happens next."""

from __future__ import annotations

from tui_app.render.spans import Line, crop, flow
from tui_app.widgets.lines import FlowWidget, LineWidget
from tui_app.widgets.sight import Sight
from tui_app.widgets.words import header, news


class RunHeader(FlowWidget):
    """State, freshness, GPUs, commit, attempt: wrapped between groups, never inside one."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._sight: Sight | None = None

    def show(self, sight: Sight) -> None:
        """Show this run."""
        self._sight = sight
        self.redraw()

    def text_lines(self, width: int) -> list[Line]:
        """The groups, wrapped."""
        if self._sight is None:
            return [[]]
        first, *rest = flow(header(self._sight), width - 1)
        return [first, *([(" ", "text"), *line] for line in rest)]


class NewsLine(LineWidget):
    """One line: NEXT, BACKOFF, DRAINING, or how the run ended."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._sight: Sight | None = None

    def show(self, sight: Sight) -> None:
        """Show what comes next for this run."""
        self._sight = sight
        self.redraw()

    def lines(self, width: int, height: int) -> list[Line]:
        """The most urgent groups that fit."""
        if self._sight is None:
            return []
        return [
            [(" ", "text"), *crop(line, width - 1)] for line in flow(news(self._sight), width - 1)[:height]
        ]

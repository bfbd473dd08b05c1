"""The column of panels beside the charts."""

from __future__ import annotations

from tui_app.render.spans import Line
from tui_app.widgets.lines import LineWidget
from tui_app.widgets.panel import stack
from tui_app.widgets.panels import panels
from tui_app.widgets.sight import Sight


class Rail(LineWidget):
    """As many panels as there is room for, the most important ones first."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._sight: Sight | None = None

    def show(self, sight: Sight) -> None:
        """Show this run."""
        self._sight = sight
        self.redraw()

    def lines(self, width: int, height: int) -> list[Line]:
        """The panels, stacked."""
        if self._sight is None:
            return []
        return stack(panels(self._sight, width, ascii_art=self.ascii_art), height)

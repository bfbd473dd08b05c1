"""A block of given lines: the text of dialogs."""

from __future__ import annotations

from collections.abc import Sequence

from tui_app.render.spans import Line
from tui_app.widgets.lines import FlowWidget


class Prose(FlowWidget):
    """Lines that somebody else has written; each is cut at the right edge."""

    MAX_LINES = 60

    def __init__(
        self, lines: Sequence[Line] = (), *, id: str | None = None, classes: str | None = None
    ) -> None:
        super().__init__(id=id, classes=classes)
        self._given = list(lines)

    def write(self, lines: Sequence[Line]) -> None:
        """Say something else."""
        self._given = list(lines)
        self.redraw()

    def text_lines(self, width: int) -> list[Line]:
        """The lines as given."""
        return self._given

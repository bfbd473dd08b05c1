"""Said instead of a broken layout: the terminal is too small, and how large it must be."""

from __future__ import annotations

from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from tui_app.least_size import COLUMNS, ROWS
from tui_app.screens.dialog import Dialog
from tui_app.widgets.prose import Prose


class TooSmallScreen(Dialog[None]):
    """Goes away by itself when the terminal is large enough."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("q", "app.exit", "quit", show=False)]

    def compose(self) -> ComposeResult:
        """Three lines."""
        yield Prose(id="message")

    def on_resize(self, event: events.Resize) -> None:
        """Name the size that is needed and the one that is there."""
        now = event.size
        self.query_one(Prose).write(
            [
                [(f"Terminal too small: {now.width}x{now.height}", "strong")],
                [(f"Middlewatch needs {COLUMNS}x{ROWS}.", "text")],
                [("Enlarge it; q quits, runs go on.", "quiet")],
            ]
        )

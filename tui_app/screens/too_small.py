"""Said instead of a broken layout: the terminal is too small, and how large it must be."""

from __future__ import annotations

from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.geometry import Size

from tui_app.screens.dialog import Dialog
from tui_app.widgets.prose import Prose

LEAST = Size(80, 24)


def too_small(size: Size) -> bool:
    """Whether nothing sensible can be shown in this size."""
    return size.width < LEAST.width or size.height < LEAST.height


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
                [(f"Middlewatch needs {LEAST.width}x{LEAST.height}.", "text")],
                [("Enlarge it; q quits, runs go on.", "quiet")],
            ]
        )

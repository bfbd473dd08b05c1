"""One line at the bottom in which something is typed: a search, a filter."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.renderables.background_screen import BackgroundScreen
from textual.widget import _RenderCache
from textual.widgets import Input

from tui_app.screens.dialog import Dialog
from tui_app.widgets.prose import Prose


class PromptScreen(Dialog[str | None]):
    """Closes with the text, or None if it was left with esc. ``on_change`` hears of every letter.

    The screen behind it goes on, and is shown as it is: Textual would make each of its lines anew, for a
    background that this one does not have."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "cancel", "cancel", show=False)]

    def __init__(self, label: str, text: str, on_change: Callable[[str], None] | None = None) -> None:
        super().__init__()
        self._label, self._start, self._on_change = label, text, on_change

    def _render_content(self) -> None:
        behind = self.render()
        if isinstance(behind, BackgroundScreen):
            strips = behind.screen._compositor.render_strips(self.size)
            self._render_cache = _RenderCache(self.size, strips)
            self._dirty_regions.clear()
        else:
            super()._render_content()

    def compose(self) -> ComposeResult:
        """Label and box."""
        with Horizontal(classes="prompt"):
            yield Prose([[(f" {self._label}: ", "key")]], classes="name")
            box = Input(self._start, compact=True, max_length=60)
            box.cursor_blink = False
            yield box
            yield Prose([[("enter keeps it, esc does not", "quiet")]], classes="note")

    @on(Input.Changed)
    def _typed(self, message: Input.Changed) -> None:
        if self._on_change is not None:
            self._on_change(message.value)

    @on(Input.Submitted)
    def _done(self, message: Input.Submitted) -> None:
        self.dismiss(message.value.strip())

    def action_cancel(self) -> None:
        """Leave things as they were."""
        self.dismiss(None)

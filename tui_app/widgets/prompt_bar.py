"""One line over the foot of a screen in which something is typed: a search, a filter.

    await screen.ask_line(PromptBar("filter", "before", on_end, on_change))

A widget of the screen that it is about, not a screen of its own: a letter costs one frame, and all that
the screen shows goes on.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.geometry import Size
from textual.reactive import Reactive
from textual.widget import Widget
from textual.widgets import Input

from tui_app.widgets.prose import Prose

LONGEST = 60


class LineBox(Input):
    """Textual's own, but that a letter is no new layout of the screen (whatever its width, it is scrolled),
    and is heard of at once, so that box and screen change in one frame."""

    virtual_size: Reactive[Size] = Reactive(Size(0, 0))
    _on_change: Callable[[str], None] | None = None

    def __init__(self, text: str, on_change: Callable[[str], None] | None) -> None:
        super().__init__(text, compact=True, max_length=LONGEST)
        self.cursor_blink = False
        self._on_change = on_change

    def watch_value(self, value: str) -> None:
        """Tell."""
        if self._on_change is not None:
            self._on_change(value)


class PromptBar(Horizontal):
    """Goes when it is answered; ``on_end`` is given the text, or None if it was left with esc.
    ``on_change`` hears of every letter. Whoever chooses another widget of the screen has answered."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "cancel", "cancel", show=False)]

    def __init__(
        self,
        label: str,
        text: str,
        on_end: Callable[[str | None], None],
        on_change: Callable[[str], None] | None = None,
    ) -> None:
        super().__init__()
        self._label, self._start, self._on_end, self._on_change = label, text, on_end, on_change
        self._came_from: Widget | None = None
        self.ended = False

    def compose(self) -> ComposeResult:
        """Label and box."""
        yield Prose([[(f" {self._label}: ", "key")]], classes="name")
        yield LineBox(self._start, self._on_change)
        yield Prose([[("enter keeps it, esc does not", "quiet")]], classes="note")

    def on_mount(self) -> None:
        """Take the keys."""
        self._came_from = self.screen.focused
        self.screen.set_focus(self.box)

    @property
    def box(self) -> LineBox:
        """Where it is typed."""
        return self.query_one(LineBox)

    def type(self, text: str) -> None:
        """What was typed before the keys came here: it takes the place of what is selected, as any letter."""
        self.box.replace(text, *self.box.selection)

    @on(Input.Submitted)
    def _done(self, message: Input.Submitted) -> None:
        message.stop()
        self._end(message.value.strip())

    def on_descendant_blur(self, event: events.DescendantBlur) -> None:
        """The keys go elsewhere: to another widget, or nowhere while the terminal is not in front."""
        if self.screen.focused is not None and not self.ended:
            self._came_from = self.screen.focused
            self._end(self.box.value.strip())

    def action_cancel(self) -> None:
        """Leave things as they were."""
        self._end(None)

    def _end(self, text: str | None) -> None:
        self.ended = True
        self.screen.set_focus(self._came_from)
        self.remove()
        self._on_end(text)

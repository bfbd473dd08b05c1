"""The base of every widget here: lines of spans in, strips out, and only changed rows sent.

A subclass implements `lines(width, height)` from its own values, and calls `redraw()` when those
change. The base compares the new picture with the old one row by row and refreshes the difference,
turns roles into colours (`tui_app.widgets.palette`), and lets nothing unprintable through, whoever
forgot to clean it.
"""

from __future__ import annotations

from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.geometry import Region, Size
from textual.strip import Strip
from textual.widget import Widget

from tui_app.render.glyphs import to_ascii
from tui_app.render.spans import Line, fit
from tui_app.text_safety import plain
from tui_app.widgets.palette import style

ASCII_CLASS = "-ascii"


class LineWidget(Widget):
    """A widget that is a list of lines."""

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._drawn: list[Line] = []
        self._strips: list[Strip] = []
        self._colours: dict[str, Style] = {}

    def lines(self, width: int, height: int) -> list[Line]:
        """The picture in ``width`` × ``height`` cells; missing rows are blank."""
        raise NotImplementedError

    @property
    def ascii_art(self) -> bool:
        """Whether this terminal is to be shown ASCII alone."""
        return self.app.has_class(ASCII_CLASS)

    def redraw(self) -> None:
        """Draw anew, and send the rows that differ."""
        width, height = self.size
        if not width or not height:
            return
        drawn = self.lines(width, height)[:height]
        if len(drawn) != len(self._drawn):
            self._drawn, self._strips = drawn, [self._strip(line, width) for line in drawn]
            self.refresh()
            return
        changed = []
        for row, line in enumerate(drawn):
            if line != self._drawn[row]:
                old, self._strips[row] = self._strips[row], self._strip(line, width)
                start, end = difference(old, self._strips[row])
                changed.append(Region(start, row, end - start, 1))
        self._drawn = drawn
        if changed:
            self.refresh(*changed)

    def render_line(self, y: int) -> Strip:
        """One row of the picture, which is drawn now where nothing has asked for it before."""
        width, height = self.size
        if not self._drawn and width and height:
            self._drawn = self.lines(width, height)[:height]
            self._strips = [self._strip(line, width) for line in self._drawn]
        if y < len(self._strips):
            return self._strips[y]
        return Strip.blank(self.size.width, self.rich_style)

    def on_resize(self, event: events.Resize) -> None:
        """A new size is a new picture."""
        self.forget()

    def on_unmount(self) -> None:
        """Leave no rows behind. Textual keeps a styles cache for long after its widget (as an argument
        of a cached method), and with it every row that was ever shown."""
        self._styles_cache.clear()

    def notify_style_update(self) -> None:
        """New colours are a new picture too."""
        super().notify_style_update()
        self._colours.clear()
        if self.is_mounted:
            self.forget()

    def forget(self) -> None:
        """Draw everything again, whatever is on the screen."""
        self._drawn, self._strips = [], []
        self.redraw()

    def shown(self) -> str:
        """The picture as text, for tests and for copying."""
        return "\n".join(strip.text.rstrip() for strip in self._strips)

    def _strip(self, line: Line, width: int) -> Strip:
        spans = fit([(self._safe(text), role) for text, role in line if text], width)
        if self.ascii_art:
            spans = [(to_ascii(text), role) for text, role in spans]
        return Strip([Segment(text, self._colour(role)) for text, role in spans], width)

    def _safe(self, text: str) -> str:
        text = text if text.isprintable() else plain(text)
        return to_ascii(text) if self.ascii_art else text

    def _colour(self, role: str) -> Style:
        if role not in self._colours:
            self._colours[role] = self.rich_style + style(role, self.app.theme_variables)
        return self._colours[role]


def difference(old: Strip, new: Strip) -> tuple[int, int]:
    """From which cell to before which one two strips of the same length may differ, by whole segments."""
    start, end = 0, new.cell_length
    for before, after in zip(old, new, strict=False):
        if before != after:
            break
        start += after.cell_length
    for before, after in zip(reversed(old), reversed(new), strict=False):
        if before != after or end <= start:
            break
        end -= after.cell_length
    return start, max(start, end)


class FlowWidget(LineWidget):
    """A `LineWidget` as high as its text: a change of the number of lines is a new layout."""

    MAX_LINES: ClassVar[int] = 4

    def text_lines(self, width: int) -> list[Line]:
        """All lines of the text, wrapped to ``width``."""
        raise NotImplementedError

    def lines(self, width: int, height: int) -> list[Line]:
        """The text's first lines."""
        return self.text_lines(width)[: self.MAX_LINES]

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """As many rows as the text needs at this width."""
        return max(1, min(self.MAX_LINES, len(self.text_lines(width)))) if width else 1

    def redraw(self) -> None:
        """Draw anew; ask for another height where the text needs it."""
        width, height = self.size
        if width and height != self.get_content_height(self.size, self.size, width):
            self.refresh(layout=True)
        super().redraw()

"""A tab's body: a heading, lines that stay, and rows that scroll or follow their end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Generic, Protocol, TypeVar

from textual import events

from tui_app.render.spans import Line, Span, rule
from tui_app.render.spans import width as width_of
from tui_app.widgets.lines import LineWidget

Item = TypeVar("Item")
RULE_CELLS = 16
"""What a heading needs beside its words; what stands at its right gives way first."""


class Rows(Protocol):
    """Rows that can be counted and cut; a list of lines is one."""

    def __len__(self) -> int:
        """How many there are."""

    def __getitem__(self, part: slice, /) -> Sequence[Line]:
        """Some of them."""


class Drawn(Generic[Item]):
    """Rows that are drawn only where they are looked at."""

    def __init__(self, items: Sequence[Item], draw: Callable[[Item], Line]) -> None:
        self._items, self._draw = items, draw

    def __len__(self) -> int:
        return len(self._items)

    def __getitem__(self, part: slice) -> Sequence[Line]:
        return [self._draw(item) for item in self._items[part]]


class Page(LineWidget):
    """Shows what it was last written; scrolled by its screen's keys and by the wheel."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._title: Line = []
        self._right: Line = []
        self._fixed: Sequence[Line] = ()
        self._rows: Rows = []
        self._follow = False
        self._top: int | None = None
        """The first visible row; None is the first, or the end where it is followed."""

    def write(
        self,
        title: Line,
        rows: Rows,
        *,
        fixed: Sequence[Line] = (),
        right: Sequence[Span] = (),
        follow: bool = False,
    ) -> None:
        """Show these rows under these fixed lines; ``follow`` keeps the end in sight."""
        self._title, self._right, self._fixed = title, list(right), fixed
        self._rows, self._follow = rows, follow
        self.redraw()

    @property
    def room(self) -> int:
        """Rows that can be seen at once."""
        return max(1, self.size.height - 1 - len(self._fixed))

    @property
    def top(self) -> int:
        """The first visible row."""
        last = max(0, len(self._rows) - self.room)
        if self._top is None:
            return last if self._follow else 0
        return min(self._top, last)

    @property
    def following(self) -> bool:
        """Whether new rows come into sight by themselves."""
        return self._follow and self._top is None

    def scroll_rows(self, rows: int) -> None:
        """Move by rows; moving to the end of what is followed follows again."""
        self.go_to(self.top + rows)

    def go_to(self, row: int) -> None:
        """Make this the first visible row."""
        last = max(0, len(self._rows) - self.room)
        self._top = max(0, min(row, last))
        if self._follow and self._top == last and row >= last:
            self._top = None
        self.redraw()

    def go_to_end(self) -> None:
        """Show the last rows."""
        self.go_to(len(self._rows))

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Down."""
        self.scroll_rows(3)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Up."""
        self.scroll_rows(-3)

    def lines(self, width: int, height: int) -> list[Line]:
        """Heading, fixed lines, visible rows."""
        top, count, room = self.top, len(self._rows), self.room
        place: Line = []
        if count > room:
            place = [(f"{top + 1}–{min(count, top + room)} of {count}", "quiet")]
        if self._follow:
            word = ("following", "quiet") if self.following else ("G follows", "accent")
            place = [*place, (" · ", "quiet"), word] if place else [word]
        about = self._right if width_of([*self._title, *self._right, *place]) + RULE_CELLS <= width else []
        right: Line = [*about, (" · ", "quiet"), *place] if about and place else [*about, *place]
        return [rule(self._title, right, width), *self._fixed, *self._rows[top : top + room]]

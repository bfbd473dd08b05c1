"""The home table: one line a run, what needs an eye first; a cursor that stays on its run."""

from __future__ import annotations

from collections.abc import Sequence

from textual import events
from textual.geometry import Size
from textual.message import Message

from remote.vocabulary.run_states import RunState
from tui_app.render.glyphs import sparkline
from tui_app.render.spans import Line, Span, cut_middle, fit
from tui_app.widgets.lines import LineWidget
from tui_app.widgets.run_columns import SPARK, Column, chosen, fitted, gap
from tui_app.widgets.run_order import Sorting, arranged
from tui_app.widgets.sight import Sight

EMPTY = ("No runs yet.", "Press s to spawn one, or start the demo: middlewatch demo")

NO_MATCH = "No run has “{}”. Press esc to see all."


class RunTable(LineWidget, can_focus=True):
    """Every run. j, k and the arrows move the cursor, Enter or a second click opens the run."""

    class Opened(Message):
        """The operator wants to see ``run``."""

        def __init__(self, run: str) -> None:
            super().__init__()
            self.run = run

    class Moved(Message):
        """The cursor stands on another run."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._sights: list[Sight] = []
        self._known = 0
        """How many runs there are, shown or not."""
        self._cursor = ""
        self._first = 0
        self.sought = ""
        self.sorting = Sorting.PROBLEMS
        self.marked: set[str] = set()
        """Runs that were chosen to be compared."""

    def show(self, sights: Sequence[Sight]) -> None:
        """Show these runs."""
        self._sights = arranged(sights, self.sorting, self.sought)
        if self._known != len(sights):
            self._known = len(sights)
            self.refresh(layout=True)
        if self.selected is None and self._sights:
            self._cursor = self._sights[0].view.run
        self.redraw()

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """A line a run, and the labels; a filter leaves the rest of the screen where it is."""
        return 1 + max(len(EMPTY), self._known)

    @property
    def selected(self) -> Sight | None:
        """The run under the cursor."""
        return next((s for s in self._sights if s.view.run == self._cursor), None)

    @property
    def count(self) -> int:
        """How many runs are shown."""
        return len(self._sights)

    def select(self, run: str) -> None:
        """Put the cursor on this run."""
        self._cursor = run
        self.redraw()

    def move(self, rows: int) -> None:
        """Move the cursor down (positive) or up, at most to the end."""
        if self._sights:
            row = max(0, min(len(self._sights) - 1, self._row() + rows))
            self._cursor = self._sights[row].view.run
            self.post_message(self.Moved())
            self.redraw()

    def mark(self) -> None:
        """Choose the run under the cursor for a comparison, or take it back."""
        if self.selected is not None:
            self.marked ^= {self._cursor}
            self.move(1)

    def open_selected(self) -> None:
        """Ask for the screen of the run under the cursor."""
        if self.selected is not None:
            self.post_message(self.Opened(self._cursor))

    def on_click(self, event: events.Click) -> None:
        """Choose a run, or open the one that is chosen."""
        row = self._first + event.y - 1
        if event.y >= 1 and row < len(self._sights):
            before, self._cursor = self._cursor, self._sights[row].view.run
            self.open_selected() if before == self._cursor else self.move(0)

    def lines(self, width: int, height: int) -> list[Line]:
        """Labels and the rows around the cursor."""
        if not self._sights:
            texts = (NO_MATCH.format(self.sought),) if self.sought else EMPTY
            return [[], *([(f"  {text}", "quiet")] for text in texts)]
        room = max(1, height - 1)
        row = self._row()
        self._first = max(min(self._first, row), row - room + 1, 0)
        shown = self._sights[self._first : self._first + room]
        columns = chosen(width)
        cells = [[column.cell(sight) for column in columns] for sight in shown]
        widths = fitted(columns, cells, width - 1, gap(width))
        heads = [(column.label, "quiet") for column in columns]
        lines = [self._line(columns, heads, widths, width, None)]
        for sight, row_cells in zip(shown, cells, strict=True):
            lines.append(self._line(columns, row_cells, widths, width, sight))
        return lines

    def _row(self) -> int:
        return next((i for i, s in enumerate(self._sights) if s.view.run == self._cursor), 0)

    def _line(
        self,
        columns: Sequence[Column],
        cells: Sequence[Span],
        widths: list[int],
        width: int,
        sight: Sight | None,
    ) -> Line:
        chosen_row = sight is not None and sight.view.run == self._cursor
        marked = sight is not None and sight.view.run in self.marked
        line: Line = [("▸" if chosen_row else ("=" if marked else " "), "accent")]
        if marked and chosen_row:
            line = [("=", "key")]
        for index, (column, (text, role), cell_width) in enumerate(zip(columns, cells, widths, strict=True)):
            if index:
                line.append((" " * gap(width), "text"))
            if text == SPARK and sight is not None:
                text = self._spark(sight, cell_width)
            text = cut_middle(text, cell_width)
            line += [(text.rjust(cell_width), role)] if column.right else fit([(text, role)], cell_width)
        if not chosen_row:
            return line
        return [(text, f"{role}+cursor") for text, role in fit(line, width)]

    def _spark(self, sight: Sight, cells: int) -> str:
        tail = sight.view.reward_tail[-cells:]
        low, high = min(tail, default=0.0), max(tail, default=1.0)
        return sparkline(tail, min(0.0, low), max(1.0, high), ascii_art=self.ascii_art)


def counts(sights: Sequence[Sight]) -> list[str]:
    """``3 runs`` and ``1 RUNNING · 1 FAILED``."""
    tally: dict[RunState, int] = {}
    for sight in sights:
        tally[sight.view.state] = tally.get(sight.view.state, 0) + 1
    total = f"{len(sights)} run" + ("" if len(sights) == 1 else "s")
    by_state = " · ".join(f"{tally[state]} {state}" for state in RunState if state in tally)
    return [total, by_state] if by_state else [total]

"""Home: one line a run, and the chosen one in words below."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from tui_app.desk import Desk
from tui_app.screens.desk_screen import DeskScreen
from tui_app.widgets.home_header import HomeHeader
from tui_app.widgets.key_bar import KeyBar
from tui_app.widgets.preview import Preview
from tui_app.widgets.run_table import RunTable
from tui_app.widgets.status_line import StatusLine


class HomeScreen(DeskScreen):
    """Every run of this target."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j,down", "move(1)", "down", show=False),
        Binding("k,up", "move(-1)", "up", show=False),
        Binding("g,home", "move(-100000)", "first", show=False),
        Binding("G,end", "move(100000)", "last", show=False),
        Binding("enter,l,right", "open", "open", show=False),
    ]

    def __init__(self, selected: str | None = None) -> None:
        super().__init__()
        self._selected = selected

    def compose(self) -> ComposeResult:
        """Header, table, preview, status, keys."""
        self.take_size()
        yield HomeHeader(id="header")
        yield RunTable(id="table")
        yield Preview(id="preview")
        yield StatusLine(id="status")
        yield KeyBar(id="keys")

    @property
    def subject(self) -> str | None:
        """The run under the cursor."""
        selected = self.query_one(RunTable).selected
        return None if selected is None else selected.view.run

    def show_desk(self, desk: Desk, now: float) -> None:
        """Show every run."""
        sights = desk.sights(now)
        table = self.query_one(RunTable)
        if self._selected is not None:
            table.select(self._selected)
        table.show(sights)
        if self._selected in desk.summaries:
            self._selected = None
        notes = ("READ-ONLY",) if self.board.read_only else ()
        self.query_one(HomeHeader).show(desk.link, sights, now, notes)
        self.query_one(Preview).show(table.selected)
        self.show_foot(desk, now, None)

    def action_move(self, rows: int) -> None:
        """Move the cursor."""
        self.query_one(RunTable).move(rows)

    def action_open(self) -> None:
        """Look at the run under the cursor."""
        self.query_one(RunTable).open_selected()

    @on(RunTable.Moved)
    def _moved(self) -> None:
        self.board.tick()

    @on(RunTable.Opened)
    def _opened(self, message: RunTable.Opened) -> None:
        self.board.open_run(message.run)

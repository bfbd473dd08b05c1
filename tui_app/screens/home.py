"""Home: one line a run, and the chosen one in words below."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from msgspec.structs import replace
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from tui_app.desk import Desk
from tui_app.render.spans import width
from tui_app.screens.desk_screen import DeskScreen
from tui_app.text_safety import plain
from tui_app.widgets.banner import Banner
from tui_app.widgets.home_header import HomeHeader
from tui_app.widgets.key_bar import KeyBar
from tui_app.widgets.preview import Preview
from tui_app.widgets.run_order import Sorting
from tui_app.widgets.run_table import RunTable
from tui_app.widgets.status_line import StatusLine, watching

if TYPE_CHECKING:
    from tui_app.state.alert_book import Alert


class HomeScreen(DeskScreen):
    """Every run of this target."""

    moves = (
        ("enter", "open the run"),
        ("/", "filter by text or state"),
        ("t", "sort: problems, newest, name"),
        ("space =", "mark runs, compare them"),
        ("j k g G", "move in the list"),
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "filter", "filter", show=False),
        Binding("t", "sort", "sort", show=False),
        Binding("space", "mark", "mark", show=False),
        Binding("equals_sign", "compare", "compare", show=False),
        Binding("escape", "all", "all runs", show=False),
        Binding("j,down", "move(1)", "down", show=False),
        Binding("k,up", "move(-1)", "up", show=False),
        Binding("g,home", "move(-100000)", "first", show=False),
        Binding("G,end", "move(100000)", "last", show=False),
        Binding("enter,right", "open", "open", show=False),
    ]

    def __init__(self, selected: str | None = None) -> None:
        super().__init__()
        self._selected = selected

    def compose(self) -> ComposeResult:
        """Header, table, preview, status, keys."""
        self.take_size()
        yield HomeHeader(id="header")
        yield Banner(id="banner")
        table = RunTable(id="table")
        if (sorting := self.board.layout_kept.sorting) in list(Sorting):
            table.sorting = Sorting(sorting)
        yield table
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
        if self._selected in desk.summaries:
            table.select(self._selected)
            self._selected = None
        table.show(sights)
        notes = [*self.notes(now), *self._table_notes(table, len(sights))]
        self.query_one(HomeHeader).show(desk.link, sights, now, tuple(notes))
        self.query_one(Preview).show(table.selected)
        informed = watching(desk.link, now)
        self.show_foot(desk, now, desk.link if width(informed) > self.size.width - 2 else None)

    def alerts(self, desk: Desk) -> Sequence[Alert]:
        """Those of every run."""
        return desk.alerts

    def expect(self, run: str) -> None:
        """Put the cursor on this run as soon as it is known, unless it is moved before."""
        self._selected = run

    def _table_notes(self, table: RunTable, count: int) -> list[str]:
        """What is not as it is by default."""
        notes = [str(table.sorting)] if table.sorting is not Sorting.PROBLEMS else []
        if table.sought:
            notes.append(f"/{plain(table.sought, 30)}: {table.count} of {count}")
        if table.marked:
            notes.append(f"{len(table.marked)} marked, = compares")
        return notes

    async def action_filter(self) -> None:
        """Ask which runs to show; the table follows what is typed."""
        from tui_app.widgets.prompt_bar import PromptBar

        table = self.query_one(RunTable)
        before = table.sought

        def seek(text: str | None) -> None:
            table.sought = before if text is None else text
            self.board.tick()

        await self.ask_line(PromptBar("filter", before, seek, seek))

    def action_all(self) -> None:
        """No filter, no marks."""
        table = self.query_one(RunTable)
        table.sought = ""
        table.marked.clear()
        self.board.tick()

    def action_sort(self) -> None:
        """Another order."""
        table = self.query_one(RunTable)
        table.sorting = table.sorting.following
        self.board.keep_layout(replace(self.board.layout_kept, sorting=str(table.sorting)))
        self.board.tick()

    def action_mark(self) -> None:
        """Choose a run to compare."""
        self.query_one(RunTable).mark()
        self.board.tick()

    def action_compare(self) -> None:
        """One metric of the marked runs over each other."""
        from tui_app.screens.compare import CompareScreen

        marked = sorted(self.query_one(RunTable).marked & set(self.board.desk.summaries))
        if len(marked) < 2:
            self.board.say("refused", "compare: mark two runs or more with space first")
        else:
            self.app.push_screen(CompareScreen(tuple(marked[:6])))

    def action_move(self, rows: int) -> None:
        """Move the cursor."""
        self._selected = None
        self.query_one(RunTable).move(rows)

    def action_open(self) -> None:
        """Look at the run under the cursor."""
        self.query_one(RunTable).open_selected()

    @on(RunTable.Moved)
    def _moved(self) -> None:
        self.board.tick()

    @on(RunTable.Opened)
    def _opened(self, message: RunTable.Opened) -> None:
        self.board.call_later(self.board.open_run, message.run)  # no key comes before the screen is there

"""What the tabs of a run have in common: the run's first lines, one page, and keys that scroll it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from tui_app.desk import Desk
from tui_app.lookup import Topic, Wanted
from tui_app.screens.desk_screen import DeskScreen
from tui_app.screens.tabs import TAB_BY_ID
from tui_app.text_safety import plain
from tui_app.widgets.key_bar import KeyBar
from tui_app.widgets.page import Page
from tui_app.widgets.records import Record
from tui_app.widgets.run_header import RunHeader
from tui_app.widgets.sight import Sight
from tui_app.widgets.status_line import StatusLine

SCROLLING: tuple[tuple[str, str], ...] = (
    ("j k", "scroll; pageup, pagedown"),
    ("g G", "to the first, to the last"),
    ("esc", "back"),
)


class TabScreen(DeskScreen):
    """Takes what it wants of the journal, and writes its page."""

    topic: ClassVar[Topic | None] = None
    """What it has looked up; None where the run's view is enough."""
    moves: ClassVar[tuple[tuple[str, str], ...]] = SCROLLING
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,h,left,backspace", "back", "back", show=False),
        Binding("j,down", "scroll_rows(1)", "down", show=False),
        Binding("k,up", "scroll_rows(-1)", "up", show=False),
        Binding("pagedown", "scroll_pages(1)", "page down", show=False),
        Binding("pageup", "scroll_pages(-1)", "page up", show=False),
        Binding("g,home", "first", "first", show=False),
        Binding("G,end", "last", "last", show=False),
    ]

    def __init__(self, run: str | None) -> None:
        super().__init__()
        self.run_name = run
        self._wanted = None if self.topic is None else Wanted(self.topic, self.runs)

    @property
    def runs(self) -> tuple[str, ...]:
        """Whose records it wants."""
        return () if self.run_name is None else (self.run_name,)

    def compose(self) -> ComposeResult:
        """First lines of the run, page, status, tabs, keys."""
        self.take_size()
        yield RunHeader(id="header")
        yield Page(id="page")
        yield StatusLine(id="status")
        yield KeyBar(id="tabs")
        yield KeyBar(id="keys")

    @property
    def subject(self) -> str | None:
        """The run."""
        return self.run_name

    @property
    def page(self) -> Page:
        """The body."""
        return self.query_one(Page)

    def on_mount(self) -> None:
        """Ask for what it shows."""
        if self._wanted is not None:
            self.board.look(self._wanted)

    def on_unmount(self) -> None:
        """Ask for it no more, unless another tab has asked for something already."""
        if self.board.desk.wanted is self._wanted:
            self.board.look(None)

    def show_desk(self, desk: Desk, now: float) -> None:
        """Take what was found, and write the page."""
        if desk.wanted is self._wanted and self._wanted is not None:
            if desk.found_anew:
                self.begin()
                desk.found_anew = False
            found, desk.found = desk.found, []
            if found:
                self.add(found)
        sight = desk.sight(self.run_name, now) if self.run_name is not None else None
        if sight is not None:
            self.query_one(RunHeader).show(sight, self.notes(now), self.alerts(desk))
        self.write(sight, now)
        self.show_foot(desk, now, desk.link)

    def begin(self) -> None:
        """What was taken so far is about to come again."""

    def add(self, records: Sequence[Record]) -> None:
        """Take in records, oldest first."""

    def write(self, sight: Sight | None, now: float) -> None:
        """Write the page."""
        raise NotImplementedError

    @property
    def twin(self) -> str:
        """The command that tells the same."""
        return self.board.twin(TAB_BY_ID[self.tab_id].command.format(run=plain(self.run_name or "RUN", 48)))

    def action_back(self) -> None:
        """To where it was opened from."""
        self.app.pop_screen()

    def action_scroll_rows(self, rows: int) -> None:
        """Move the page by rows."""
        self.page.scroll_rows(rows)

    def action_scroll_pages(self, pages: int) -> None:
        """Move the page by what can be seen at once."""
        self.page.scroll_rows(pages * max(1, self.page.room - 1))

    def action_first(self) -> None:
        """The first row."""
        self.page.go_to(0)

    def action_last(self) -> None:
        """The last row."""
        self.page.go_to_end()

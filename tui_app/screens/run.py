"""One run: its state in words, its curves, its panels, what happened."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal

from tui_app.desk import Desk
from tui_app.screens.desk_screen import DeskScreen
from tui_app.widgets.chart import Charts
from tui_app.widgets.event_list import EventList
from tui_app.widgets.key_bar import KeyBar
from tui_app.widgets.metrics import METRICS
from tui_app.widgets.rail import Rail
from tui_app.widgets.run_header import NewsLine, RunHeader
from tui_app.widgets.sight import Sight
from tui_app.widgets.status_line import StatusLine


class RunScreen(DeskScreen):
    """Everything about one run. The chosen metric has the large chart, the others what is left."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,h,left,backspace", "back", "back", show=False),
        *(Binding(str(n + 1), f"metric({n})", m.name, show=False) for n, m in enumerate(METRICS)),
        Binding("m,tab", "next_metric(1)", "next chart", show=False, priority=True),
        Binding("M,shift+tab", "next_metric(-1)", "previous chart", show=False, priority=True),
        Binding("e", "events", "events only", show=False),
        Binding("j,down", "scroll_events(1)", "newer", show=False),
        Binding("k,up", "scroll_events(-1)", "older", show=False),
        Binding("pagedown", "page_events(1)", "page newer", show=False),
        Binding("pageup", "page_events(-1)", "page older", show=False),
        Binding("g,home", "oldest", "oldest", show=False),
        Binding("G,end", "newest", "newest", show=False),
    ]

    def __init__(self, run: str) -> None:
        super().__init__()
        self.run_name = run
        self.chosen = 0
        self._charted: tuple[int, int, int | None] | None = None

    def compose(self) -> ComposeResult:
        """Header, news, charts beside panels, events, status, keys."""
        self.take_size()
        yield RunHeader(id="header")
        yield NewsLine(id="news")
        with Horizontal(id="middle"):
            yield Charts(id="charts")
            yield Rail(id="rail")
        yield EventList(id="events")
        yield StatusLine(id="status")
        yield KeyBar(id="keys")

    @property
    def subject(self) -> str | None:
        """This run."""
        return self.run_name

    def show_desk(self, desk: Desk, now: float) -> None:
        """Hand the visible widgets what changed."""
        sight = desk.sight(self.run_name, now)
        self._take_events(desk)
        if sight is not None:
            self.query_one(RunHeader).show(sight)
            self.query_one(NewsLine).show(sight)
            if not self.has_class("-events"):
                self.query_one(Rail).show(sight)
                self._show_charts(desk, sight)
            self.query_one(EventList).note_missing(sum(g.last - g.first + 1 for g in sight.view.gaps))
        self.show_foot(desk, now, desk.link)

    def _take_events(self, desk: Desk) -> None:
        log = self.query_one(EventList)
        if desk.began_anew:
            log.clear()
            desk.began_anew = False
        if desk.unseen:
            log.add(desk.unseen)
            desk.unseen = []

    def _show_charts(self, desk: Desk, sight: Sight) -> None:
        picture = (self.chosen, desk.track.version, sight.view.of)
        if picture == self._charted:
            return
        self._charted = picture
        self.query_one(Charts).show(desk.track, sight.view.of, self.chosen)

    def on_resize(self) -> None:
        """Another size may show other charts."""
        self._charted = None
        self.call_after_refresh(self.board.tick)

    def action_back(self) -> None:
        """To the list of runs."""
        if self.has_class("-events"):
            self.action_events()
        else:
            self.board.open_home(self.run_name)

    def action_metric(self, index: int) -> None:
        """Give this metric the large chart."""
        self.chosen = index
        self.board.tick()

    def action_next_metric(self, step: int) -> None:
        """Give the next one the large chart."""
        self.action_metric((self.chosen + step) % len(METRICS))

    def action_events(self) -> None:
        """Give the events the whole screen, or take it back."""
        self.toggle_class("-events")
        self._charted = None
        self.call_after_refresh(self.board.tick)

    def action_scroll_events(self, lines: int) -> None:
        """Move the events by lines."""
        self.query_one(EventList).scroll_lines(lines)

    def action_page_events(self, pages: int) -> None:
        """Move the events by pages."""
        log = self.query_one(EventList)
        log.scroll_lines(pages * max(1, log.page - 1))

    def action_oldest(self) -> None:
        """The first event that is kept."""
        self.query_one(EventList).scroll_oldest()

    def action_newest(self) -> None:
        """Follow the newest event."""
        self.query_one(EventList).scroll_newest()

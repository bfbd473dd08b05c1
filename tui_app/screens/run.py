"""One run: its state in words, its curves, its panels, what happened."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from msgspec.structs import replace
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.events import Resize

from tui_app.desk import Desk
from tui_app.render.look import Look
from tui_app.render.spans import Line
from tui_app.screens.desk_screen import DeskScreen
from tui_app.screens.tabs import TABS
from tui_app.widgets.chart import Charts, values_at
from tui_app.widgets.event_list import EventLine, EventList
from tui_app.widgets.key_bar import KeyBar
from tui_app.widgets.metrics import METRICS
from tui_app.widgets.rail import Rail
from tui_app.widgets.run_header import NewsLine, RunHeader
from tui_app.widgets.sight import Sight, nothing_yet
from tui_app.widgets.status_line import StatusLine

DOTS = 100
"""A move of the cursor is about a hundredth of what is shown, and never less than a step."""


class RunScreen(DeskScreen):
    """Everything about one run. The chosen metric has the large chart, the others what is left."""

    moves = (
        ("1-5 m", "which chart is large"),
        (", .", "cursor back, on (or arrows)"),
        ("+ - 0", "zoom in, out, all steps"),
        ("< >", "earlier, later steps"),
        ("L S", "log scale, smoothing"),
        ("n N", "next, previous anomaly"),
        ("space", "pause the view"),
        ("e w", "events alone; wrapped, or cut"),
        ("j k g G", "through the events"),
        ("esc", "cursor off; back"),
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,h,backspace", "back", "back", show=False),
        Binding("left,comma", "cursor(-1)", "a step back", show=False),
        Binding("right,full_stop", "cursor(1)", "a step on", show=False),
        Binding("shift+left", "cursor(-10)", "ten steps back", show=False),
        Binding("shift+right", "cursor(10)", "ten steps on", show=False),
        Binding("plus,equals_sign", "zoom(2.0)", "zoom in", show=False),
        Binding("minus", "zoom(0.5)", "zoom out", show=False),
        Binding("0", "zoom(0.0)", "all steps", show=False),
        Binding("less_than_sign", "pan(-0.5)", "earlier", show=False),
        Binding("greater_than_sign", "pan(0.5)", "later", show=False),
        Binding("L", "log", "log scale", show=False),
        Binding("S", "smooth", "smoothing", show=False),
        Binding("n", "anomaly(1)", "next anomaly", show=False),
        Binding("N", "anomaly(-1)", "previous anomaly", show=False),
        Binding("space", "pause", "pause the view", show=False),
        *(Binding(str(n + 1), f"metric({n})", m.name, show=False) for n, m in enumerate(METRICS)),
        Binding("m,tab", "next_metric(1)", "next chart", show=False, priority=True),
        Binding("M,shift+tab", "next_metric(-1)", "previous chart", show=False, priority=True),
        Binding("e", "events", "events only", show=False),
        Binding("w", "wrap", "wrap long events", show=False),
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
        self.look = Look()
        self.paused = False
        self._charted: tuple[object, ...] | None = None

    def compose(self) -> ComposeResult:
        """Header, news, charts beside panels, events, status, keys."""
        self.take_size()
        kept = self.board.layout_kept
        self.chosen = kept.metric if 0 <= kept.metric < len(METRICS) else 0
        self.look = Look(log=kept.log, smooth=kept.smooth)
        yield RunHeader(id="header")
        yield NewsLine(id="news")
        with Horizontal(id="middle"):
            yield Charts(id="charts")
            yield Rail(id="rail")
        with Vertical(id="foot"):
            yield EventList(id="events")
            yield StatusLine(id="status")
        yield KeyBar(id="tabs")
        yield KeyBar(id="keys")

    @property
    def subject(self) -> str | None:
        """This run."""
        return self.run_name

    def show_desk(self, desk: Desk, now: float) -> None:
        """Hand the visible widgets what changed."""
        sight = desk.sight(self.run_name, now)
        if not self.paused:
            self._take_events(desk)
        if sight is not None:
            paused = ("PAUSED, space goes on",) if self.paused else ()
            self.query_one(RunHeader).show(sight, (*paused, *self.notes(now)), self.alerts(desk))
            self.query_one(NewsLine).show(sight, self._read_out(desk))
            if not self.has_class("-events"):
                self.query_one(Rail).show(sight)
                self._show_charts(desk, sight)
            self.query_one(EventList).note_missing(sum(g.last - g.first + 1 for g in sight.view.gaps))
        self.show_foot(desk, now, desk.link)

    @property
    def events(self) -> Sequence[EventLine]:
        """What the event list keeps."""
        return self.query_one(EventList).kept

    def _hint(self) -> Line:
        """The tabs, where they have no line of their own."""
        if not self.has_class("-low"):
            return []
        first = [span for tab in TABS[:4] for span in ((tab.key, "key"), (f" {tab.label} ", "quiet"))]
        return [*first, ("? more", "quiet")]

    def _take_events(self, desk: Desk) -> None:
        log = self.query_one(EventList)
        log.hint(self._hint())
        log.wrap(self.board.layout_kept.wrap_events)
        if desk.began_anew:
            log.clear()
            desk.began_anew = False
        if desk.unseen:
            log.add(desk.unseen)
            desk.unseen = []

    def _show_charts(self, desk: Desk, sight: Sight) -> None:
        picture = (self.chosen, desk.track.version, sight.view.of, self.look)
        held = self.paused and self._charted is not None and self._charted[::3] == picture[::3]
        if held or picture == self._charted:
            return
        self._charted = picture
        nothing = nothing_yet(sight, "no step yet")
        self.query_one(Charts).show(desk.track, sight.view.of, self.chosen, self.look, nothing)

    def _read_out(self, desk: Desk) -> Line | None:
        """Every metric at the cursor."""
        step = self.look.cursor
        if step is None:
            return None
        return [(f"CURSOR step {step}", "accent-strong"), *values_at(desk.track, step)]

    def on_resize(self, event: Resize) -> None:
        """Another size may show other charts."""
        self._charted = None
        self.call_after_refresh(self.board.tick)

    def action_back(self) -> None:
        """To the list of runs."""
        if self.has_class("-events"):
            self.action_events()
        elif self.look.cursor is not None:
            self._look(replace(self.look, cursor=None))
            self.query_one(EventList).choose(None)
        else:
            self.board.open_home(self.run_name)

    def action_metric(self, index: int) -> None:
        """Give this metric the large chart."""
        self.chosen = index
        self._look(self.look)

    def action_next_metric(self, step: int) -> None:
        """Give the next one the large chart."""
        self.action_metric((self.chosen + step) % len(METRICS))

    def _look(self, look: Look) -> None:
        self.look = look
        kept = replace(self.board.layout_kept, metric=self.chosen, log=look.log, smooth=look.smooth)
        self.board.keep_layout(kept)
        self.board.tick()

    @property
    def _steps(self) -> int:
        return max(1, self.board.desk.track.last_step)

    def action_cursor(self, steps: int) -> None:
        """Move the cursor over the steps, and the events with it."""
        count = self._steps if self.look.last is None else self.look.last - self.look.first + 1
        look = self.look.moved(steps * max(1, count // DOTS), self._steps)
        log = self.query_one(EventList)
        log.choose(log.at_step(look.cursor or 0))
        self._look(look)

    def action_zoom(self, factor: float) -> None:
        """Fewer steps (2) or more (0.5) in the charts; 0 is all of them."""
        if factor:
            self._look(self.look.zoomed(factor, self._steps))
        else:
            self._look(replace(self.look, first=1, last=None))

    def action_pan(self, windows: float) -> None:
        """Earlier or later steps."""
        self._look(self.look.panned(windows, self._steps))

    def action_log(self) -> None:
        """A logarithmic value axis, or a linear one."""
        self._look(replace(self.look, log=not self.look.log))

    def action_smooth(self) -> None:
        """A smoothed line over the raw values, or those alone."""
        self._look(replace(self.look, smooth=not self.look.smooth))

    def action_pause(self) -> None:
        """Hold charts and events still while recording goes on, or catch up."""
        self.paused = not self.paused
        self.board.tick()

    def action_anomaly(self, direction: int) -> None:
        """To the next retry, backoff, preemption, failed commit or gap, in the events and the charts."""
        log = self.query_one(EventList)
        line = log.anomaly(direction)
        if line is None:
            self.board.say("refused", f"no {'later' if direction > 0 else 'earlier'} anomaly")
            return
        log.choose(line)
        self._look(self.look.looking_at(max(1, line.step), self._steps))

    def action_events(self) -> None:
        """Give the events the whole screen, or take it back."""
        self.toggle_class("-events")
        self._charted = None
        self.call_after_refresh(self.board.tick)

    def action_wrap(self) -> None:
        """Wrap events that are too long, or cut them."""
        kept = self.board.layout_kept
        self.board.keep_layout(replace(kept, wrap_events=not kept.wrap_events))
        self.query_one(EventList).wrap(not kept.wrap_events)

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

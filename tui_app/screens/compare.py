"""Several runs over each other, one metric at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from tui_app.desk import Desk
from tui_app.lookup import Topic
from tui_app.render.track import Track
from tui_app.screens.tab import TabScreen
from tui_app.widgets.home_header import HomeHeader
from tui_app.widgets.key_bar import Key, KeyBar
from tui_app.widgets.metrics import METRICS
from tui_app.widgets.overlay import Overlay
from tui_app.widgets.records import CurvesOf, Record, StepOf
from tui_app.widgets.sight import Sight
from tui_app.widgets.status_line import StatusLine


class CompareScreen(TabScreen):
    """The runs that were marked on home."""

    tab_id = "compare"
    topic = Topic.COMPARE
    moves = (("1-5 m", "which metric"), ("esc", "back"))
    BINDINGS: ClassVar[list[BindingType]] = [
        *(Binding(str(n + 1), f"metric({n})", m.name, show=False) for n, m in enumerate(METRICS)),
        Binding("m,tab", "next_metric(1)", "next metric", show=False, priority=True),
        Binding("M,shift+tab", "next_metric(-1)", "previous metric", show=False, priority=True),
        Binding("equals_sign", "back", "back", show=False),
    ]

    def __init__(self, runs: tuple[str, ...]) -> None:
        self._compared = runs
        self._tracks = {run: Track() for run in runs}
        self._chosen = 0
        super().__init__(None)

    @property
    def runs(self) -> tuple[str, ...]:
        """The runs that are compared."""
        return self._compared

    def compose(self) -> ComposeResult:
        """Header of home, picture, status, keys."""
        self.take_size()
        yield HomeHeader(id="header")
        yield Overlay(id="page")
        yield StatusLine(id="status")
        yield KeyBar(id="tabs")
        yield KeyBar(id="keys")

    def tab_keys(self) -> list[Key]:
        """The metrics."""
        every = [Key(str(n + 1), m.name, chosen=n == self._chosen) for n, m in enumerate(METRICS)]
        return [*every, Key("esc", "back")]

    def begin(self) -> None:
        """Forget every curve."""
        self._tracks = {run: Track() for run in self._compared}

    def add(self, records: Sequence[Record]) -> None:
        """Draw on."""
        for record in records:
            if isinstance(record, CurvesOf) and record.run in self._tracks:
                self._tracks[record.run] = record.track
            elif isinstance(record, StepOf) and record.run in self._tracks:
                self._tracks[record.run].add(record.step, record.attempt, record.metrics)

    def show_desk(self, desk: Desk, now: float) -> None:
        """The header is home's: it is about several runs."""
        self.query_one(HomeHeader).show(desk.link, desk.sights(now), now)
        super().show_desk(desk, now)

    def write(self, sight: Sight | None, now: float) -> None:
        """The curves."""
        self.query_one(Overlay).show(self._tracks, self._chosen)

    def action_metric(self, index: int) -> None:
        """Another metric."""
        self._chosen = index
        self.board.tick()

    def action_next_metric(self, step: int) -> None:
        """The next one."""
        self.action_metric((self._chosen + step) % len(METRICS))

    def action_scroll_rows(self, rows: int) -> None:
        """There is nothing to scroll."""

    def action_scroll_pages(self, pages: int) -> None:
        """There is nothing to scroll."""

    def action_first(self) -> None:
        """There is nothing to scroll."""

    def action_last(self) -> None:
        """There is nothing to scroll."""

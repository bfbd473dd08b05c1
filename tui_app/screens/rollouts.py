"""What the policy writes, step by step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType

from tui_app.lookup import Topic
from tui_app.render.formats import ago
from tui_app.screens.tab import SCROLLING, TabScreen
from tui_app.widgets.records import Record, Rollouts
from tui_app.widgets.rollout_page import Order, sample_rows
from tui_app.widgets.sight import Sight, nothing_yet

KEPT = 4000
"""Sampled steps that are kept; the oldest are dropped."""


class RolloutsScreen(TabScreen):
    """One sampled step at a time; the newest until another one is chosen."""

    tab_id = "rollouts"
    topic = Topic.ROLLOUTS
    moves = (
        ("[ ]", "the sampled step before, after"),
        ("{ }", "the first, the newest (follows)"),
        ("t", "best, worst or as sampled"),
        *SCROLLING,
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left_square_bracket", "turn(-1)", "before", show=False),
        Binding("right_square_bracket", "turn(1)", "after", show=False),
        Binding("left_curly_bracket", "turn(-1000000)", "first", show=False),
        Binding("right_curly_bracket", "turn(1000000)", "newest", show=False),
        Binding("t", "order", "order", show=False),
    ]

    def __init__(self, run: str | None) -> None:
        super().__init__(run)
        self._kept: list[Rollouts] = []
        self._chosen: Rollouts | None = None
        """None follows the newest."""
        self._order = Order.BEST

    def begin(self) -> None:
        """Forget what was kept."""
        self._kept.clear()

    def add(self, records: Sequence[Record]) -> None:
        """Keep the samples."""
        self._kept += [record for record in records if isinstance(record, Rollouts)]
        del self._kept[:-KEPT]

    def write(self, sight: Sight | None, now: float) -> None:
        """The chosen step's samples."""
        if not self._kept:
            rows = [[(f"  {nothing_yet(sight, 'no rollout has been sampled yet')}", "quiet")]]
            self.page.write([("rollouts", "strong")], rows, right=[(self.twin, "quiet")])
            return
        index = self._index()
        shown = self._kept[index]
        state = ("newest, following", "good") if self._chosen is None else ("newer ones: ]", "accent")
        title = [
            ("rollouts ", "strong"),
            (f"step {shown.step}", "strong"),
            (f" · attempt {shown.attempt} · {ago(shown.t, now)} ago", "text"),
        ]
        where = f" {index + 1} of {len(self._kept)} sampled steps · [ ] turn · {self._order}, t sorts · "
        cells = self.page.size.width
        rows = sample_rows(shown, self._order, cells)
        self.page.write(title, rows, fixed=[[(where, "quiet"), state], []], right=[(self.twin, "quiet")])

    def _index(self) -> int:
        if self._chosen in self._kept:
            return self._kept.index(self._chosen)
        return len(self._kept) - 1

    def action_turn(self, steps: int) -> None:
        """Another sampled step; the newest follows."""
        if not self._kept:
            return
        index = max(0, min(len(self._kept) - 1, self._index() + steps))
        self._chosen = None if index == len(self._kept) - 1 else self._kept[index]
        self.page.go_to(0)
        self.board.tick()

    def action_order(self) -> None:
        """Another order of the samples."""
        self._order = self._order.following
        self.page.go_to(0)
        self.board.tick()

"""The evaluations of a run: the trainer's own, and those that are asked for here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.binding import BindingType

from tui_app.actions import ACTIONS
from tui_app.desk import Desk
from tui_app.lookup import Topic
from tui_app.render.formats import plural
from tui_app.render.spans import Line
from tui_app.screens.desk_screen import LAST_KEYS, bindings_of
from tui_app.screens.tab import SCROLLING, TabScreen
from tui_app.widgets.eval_page import eval_head, eval_rows, running_lines
from tui_app.widgets.evaluation_book import EvaluationBook
from tui_app.widgets.key_bar import Key
from tui_app.widgets.records import Evaluation, EvaluationNews, Record
from tui_app.widgets.sight import Sight, nothing_yet

OWN = tuple(action for action in ACTIONS.values() if action.tab == "eval")
ROOMY_CELLS = 110
"""Where the keys of every screen are shown beside those of this one."""
HOW = "e scores the newest committed checkpoint on held-out prompts, beside the run"


class EvalScreen(TabScreen):
    """A line an evaluation, newest first; above them the one that is under way."""

    tab_id = "eval"
    topic = Topic.EVAL
    moves = (("e", "evaluate a checkpoint"), ("X", "end the evaluation"), *SCROLLING)
    BINDINGS: ClassVar[list[BindingType]] = bindings_of(OWN)

    def __init__(self, run: str | None) -> None:
        super().__init__(run)
        self._book = EvaluationBook()

    def begin(self) -> None:
        """Forget every evaluation."""
        self._book.clear()

    def add(self, records: Sequence[Record]) -> None:
        """Keep them."""
        for record in records:
            if isinstance(record, Evaluation | EvaluationNews):
                self._book.add(record)

    def write(self, sight: Sight | None, now: float) -> None:
        """What is under way, course and table."""
        page, entries, running = self.page, self._book.entries, self._book.running
        cells = page.size.width
        fixed = running_lines(running, now) if running is not None else []
        fixed += eval_head(entries, cells, ascii_art=page.ascii_art)
        count = plural(len(entries), "evaluation")
        title: Line = [("eval ", "strong"), (count if entries else nothing_yet(sight, count), "text")]
        if running is not None:
            title.append((", 1 under way", "text"))
        nothing = [nothing_yet(sight, "no evaluation yet"), HOW]
        page.write(title, eval_rows(entries, now, cells, nothing), fixed=fixed, right=[(self.twin, "quiet")])

    def keys(self, desk: Desk) -> list[Key]:
        """Its own keys first; those of every screen where there is room."""
        own = self.keys_of(OWN, desk)
        rest = super().keys(desk) if self.size.width >= ROOMY_CELLS else [Key("esc", "back"), *LAST_KEYS]
        return [*own, *rest]

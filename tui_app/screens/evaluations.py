"""The evaluations of a run."""

from __future__ import annotations

from collections.abc import Sequence

from tui_app.lookup import Topic
from tui_app.render.formats import plural
from tui_app.screens.tab import TabScreen
from tui_app.widgets.eval_page import eval_head, eval_rows
from tui_app.widgets.records import Evaluation, Record
from tui_app.widgets.sight import Sight, nothing_yet

KEPT = 4000


class EvalScreen(TabScreen):
    """A line an evaluation, newest first."""

    tab_id = "eval"
    topic = Topic.EVAL

    def __init__(self, run: str | None) -> None:
        super().__init__(run)
        self._kept: list[Evaluation] = []

    def begin(self) -> None:
        """Forget every evaluation."""
        self._kept.clear()

    def add(self, records: Sequence[Record]) -> None:
        """Keep them."""
        self._kept += [record for record in records if isinstance(record, Evaluation)]
        del self._kept[:-KEPT]

    def write(self, sight: Sight | None, now: float) -> None:
        """Course and table."""
        page = self.page
        fixed = eval_head(self._kept, page.size.width, ascii_art=page.ascii_art)
        count = plural(len(self._kept), "evaluation")
        title = [("eval ", "strong"), (count if self._kept else nothing_yet(sight, count), "text")]
        rows = eval_rows(self._kept, now, nothing_yet(sight, "no evaluation yet"))
        page.write(title, rows, fixed=fixed, right=[(self.twin, "quiet")])

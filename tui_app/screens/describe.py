"""A run described."""

from __future__ import annotations

from tui_app.description import described
from tui_app.listing import run_facts
from tui_app.screens.tab import TabScreen
from tui_app.widgets.sight import Sight


class DescribeScreen(TabScreen):
    """Every fact and every field, as `middlewatch show` tells them."""

    tab_id = "describe"

    def write(self, sight: Sight | None, now: float) -> None:
        """From the view alone."""
        desk, page = self.board.desk, self.page
        summary = desk.summaries.get(self.run_name or "")
        if summary is None:
            return
        facts = run_facts(summary, desk.status, now, desk.prices)
        rows = described(facts, summary.view, self.board.twin, page.size.width)
        page.write([("described", "strong")], rows, right=[(self.twin, "quiet")])

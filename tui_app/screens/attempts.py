"""Every attempt of a run, with its cause and its evidence."""

from __future__ import annotations

from tui_app.render.formats import plural
from tui_app.screens.tab import TabScreen
from tui_app.widgets.attempt_page import HEAD, attempt_rows
from tui_app.widgets.sight import Sight


class AttemptsScreen(TabScreen):
    """The full table, newest first."""

    tab_id = "attempts"

    def write(self, sight: Sight | None, now: float) -> None:
        """All attempts of the view."""
        if sight is None:
            return
        count = plural(len(sight.view.attempts), "attempt")
        rows = attempt_rows(sight, self.page.size.width)
        self.page.write([(count, "strong")], rows, fixed=[HEAD], right=[(self.twin, "quiet")])

"""Who did what, on one run or on all of them."""

from __future__ import annotations

from collections.abc import Sequence

from tui_app.lookup import Topic
from tui_app.render.formats import plural
from tui_app.screens.tab import TabScreen
from tui_app.text_safety import plain
from tui_app.widgets.audit_page import HEAD, audit_rows
from tui_app.widgets.records import Deed, Record
from tui_app.widgets.sight import Sight


class AuditScreen(TabScreen):
    """Every intent with its outcome, and what colleagues asked for according to the run's own log."""

    tab_id = "audit"
    topic = Topic.AUDIT

    def __init__(self, run: str | None) -> None:
        super().__init__(run)
        self._deeds: dict[str, Deed] = {}

    def begin(self) -> None:
        """Forget every deed."""
        self._deeds.clear()

    def add(self, records: Sequence[Record]) -> None:
        """Keep what is known of each last."""
        self._deeds.update({record.id: record for record in records if isinstance(record, Deed)})

    def write(self, sight: Sight | None, now: float) -> None:
        """Newest first."""
        whose = plain(self.run_name, 48) if self.run_name is not None else "every run"
        title = [("audit ", "strong"), (f"{whose} · {plural(len(self._deeds), 'deed')}", "text")]
        rows = audit_rows(self._deeds.values(), self.page.size.width)
        self.page.write(title, rows, fixed=[HEAD], right=[("by keys and by command line", "quiet")])

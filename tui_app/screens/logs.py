"""What the containers of a run printed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType

from tui_app.lookup import Topic
from tui_app.render.formats import plural
from tui_app.render.spans import Line
from tui_app.screens.tab import SCROLLING, TabScreen
from tui_app.text_safety import plain
from tui_app.widgets.log_page import matches, printed_row
from tui_app.widgets.page import Drawn
from tui_app.widgets.records import Printed, Record
from tui_app.widgets.sight import Sight

KEPT = 20_000


class LogsScreen(TabScreen):
    """Follows the end until it is scrolled; `/` finds, n and N go from match to match."""

    tab_id = "logs"
    topic = Topic.LOGS
    moves = (("/", "search"), ("n N", "next, previous match"), *SCROLLING)
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "search", "search", show=False),
        Binding("n", "match(1)", "next match", show=False),
        Binding("N", "match(-1)", "previous match", show=False),
    ]

    def __init__(self, run: str | None) -> None:
        super().__init__(run)
        self._lines: list[Printed] = []
        self._sought = ""

    def begin(self) -> None:
        """Forget every line."""
        self._lines.clear()

    def add(self, records: Sequence[Record]) -> None:
        """Keep the lines."""
        self._lines += [record for record in records if isinstance(record, Printed)]
        del self._lines[:-KEPT]

    def write(self, sight: Sight | None, now: float) -> None:
        """The lines, those in sight drawn."""
        if not self._lines:
            nothing: list[Line] = [[("  the containers have printed nothing yet", "quiet")]]
            self.page.write([("logs", "strong")], nothing, right=[(self.twin, "quiet")])
            return
        title = [("logs ", "strong"), (plural(len(self._lines), "line"), "text")]
        if self._sought:
            found = sum(matches(line, self._sought) for line in self._lines)
            role = "accent" if found else "warn"
            title.append((f" · /{plain(self._sought, 30)}: {plural(found, 'line')}", role))
        rows = Drawn(self._lines, lambda printed: printed_row(printed, self._sought))
        right = [] if self._sought else [(self.twin, "quiet")]
        self.page.write(title, rows, right=right, follow=True)

    def action_search(self) -> None:
        """Ask what to look for; Enter goes to the newest match above."""
        from tui_app.screens.prompt import PromptScreen

        def decided(text: str | None) -> None:
            if text is not None:
                self._sought = text
                self.board.tick()
                self.action_match(-1)

        self.app.push_screen(PromptScreen("search", self._sought), decided)

    def action_match(self, direction: int) -> None:
        """To the next line (1) or the one before (-1) that has what is sought."""
        page, top = self.page, self.page.top
        if not self._sought:
            return
        start = top + page.room if page.following else top
        rows = (
            range(start + 1, len(self._lines))
            if direction > 0
            else range(min(start, len(self._lines)) - 1, -1, -1)
        )
        for row in rows:
            if matches(self._lines[row], self._sought):
                page.go_to(row)
                return
        self.board.say(
            "refused", f"search: no {'later' if direction > 0 else 'earlier'} line has “{self._sought}”"
        )

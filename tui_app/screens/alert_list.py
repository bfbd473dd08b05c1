"""Every alert that stands, of one run or of all; seen or snoozed by key."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType

from remote.vocabulary.commands import Verb
from tui_app.acting_feed import Wish
from tui_app.desk import Desk
from tui_app.render.formats import plural
from tui_app.screens.tab import TabScreen
from tui_app.state.alert_book import Alert
from tui_app.text_safety import plain
from tui_app.widgets.banner import alert_rows
from tui_app.widgets.sight import Sight

SNOOZE_SECONDS = 3600.0
ROWS = 3
"""Lines an alert."""


class AlertsScreen(TabScreen):
    """The worst first, with a cursor."""

    tab_id = "alerts"
    moves = (("j k", "which alert"), ("w", "I have seen it"), ("z", "quiet for an hour"), ("esc", "back"))
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("w", "about('acknowledge')", "seen", show=False),
        Binding("z", "about('snooze')", "snooze", show=False),
    ]

    def __init__(self, run: str | None) -> None:
        super().__init__(run)
        self._chosen: tuple[str, str] | None = None

    def alerts(self, desk: Desk) -> Sequence[Alert]:
        """None above the list of them all."""
        return ()

    @property
    def standing(self) -> list[Alert]:
        """What stands."""
        every = self.board.desk.alerts
        return [alert for alert in every if self.run_name is None or alert.run == self.run_name]

    @property
    def _index(self) -> int:
        keys = [(alert.run, alert.rule) for alert in self.standing]
        return keys.index(self._chosen) if self._chosen in keys else 0

    def write(self, sight: Sight | None, now: float) -> None:
        """The list."""
        alerts, page = self.standing, self.page
        whose = plain(self.run_name, 48) if self.run_name is not None else "every run"
        title = [("alerts ", "strong"), (f"{whose} · {plural(len(alerts), 'alert')}", "text")]
        right = [("w", "key"), (" seen  ", "quiet"), ("z", "key"), (" snooze 1 h", "quiet")]
        page.write(title, alert_rows(alerts, self._index, now, page.size.width), right=right)

    def action_scroll_rows(self, rows: int) -> None:
        """Another alert."""
        alerts = self.standing
        if not alerts:
            return
        index = max(0, min(len(alerts) - 1, self._index + (1 if rows > 0 else -1)))
        self._chosen = (alerts[index].run, alerts[index].rule)
        page = self.page
        if not page.top <= index * ROWS <= page.top + page.room - ROWS:
            page.go_to(index * ROWS)
        self.board.tick()

    def action_about(self, verb: str) -> None:
        """Write down that somebody has seen it, or wants to hear of it later."""
        alerts = self.standing
        if not alerts:
            self.board.say("refused", f"{verb}: no alert stands")
            return
        alert = alerts[self._index]
        args: dict[str, object] = {"rule": alert.rule}
        if verb == Verb.SNOOZE:
            args["until"] = self.board.clock() + SNOOZE_SECONDS
        self.board.ask(Wish(Verb(verb), alert.run, None, args))

"""What home and run have in common: the keys, the status line, and being shown the desk at each tick."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, cast

from textual.binding import Binding, BindingType
from textual.screen import Screen

from remote.vocabulary.run_states import RunState
from tui_app.actions import ACTIONS, Action
from tui_app.desk import Desk
from tui_app.widgets.key_bar import Key, KeyBar
from tui_app.widgets.sight import Link
from tui_app.widgets.status_line import StatusLine

if TYPE_CHECKING:
    from tui_app.app import Middlewatch

VERBS = tuple(action for action in ACTIONS.values() if action.verb is not None)
"""What can be asked of a run (or to get one), in the order in which the keys are shown."""
LIVELY = (RunState.QUEUED, RunState.STARTING, RunState.PREEMPTING, RunState.BACKOFF, RunState.RECOVERING)
"""States in which a clock on the screen moves faster than once a second."""


def verb_bindings() -> list[BindingType]:
    """A key for each verb, from the table."""
    return [Binding(action.key, f"ask('{action.id}')", action.label, show=False) for action in VERBS]


class DeskScreen(Screen[None]):
    """A screen that shows the desk and can ask for things."""

    BINDINGS: ClassVar[list[BindingType]] = [
        *verb_bindings(),
        Binding("question_mark", "help", "help", show=False),
        Binding("q", "leave", "quit", show=False),
        Binding("ctrl+l", "repaint", "repaint", show=False),
    ]

    def __init__(self) -> None:
        super().__init__()
        self.ready = False
        """Whether its widgets are there."""
        self.HORIZONTAL_BREAKPOINTS = [(0, "-tight"), (100, "-roomy")]
        self.VERTICAL_BREAKPOINTS = [(0, "-low"), (32, "-tall"), (52, "-taller")]

    def take_size(self) -> None:
        """Put on the classes of the terminal's size before any widget is there to be styled twice."""
        width, height = self.app.size
        for size, breakpoints in ((width, self.HORIZONTAL_BREAKPOINTS), (height, self.VERTICAL_BREAKPOINTS)):
            fitting = [name for least, name in breakpoints or [] if size >= least]
            self.add_class(*fitting[-1:])

    @property
    def board(self) -> Middlewatch:
        """The app, with its own type."""
        return cast("Middlewatch", self.app)

    @property
    def subject(self) -> str | None:
        """The run that a key is about."""
        raise NotImplementedError

    def show_desk(self, desk: Desk, now: float) -> None:
        """Hand every visible widget what it shows."""
        raise NotImplementedError

    @property
    def lively(self) -> bool:
        """Whether a clock of this screen moves fast."""
        summary = self.board.desk.summaries.get(self.subject or "") if self.ready else None
        return summary is not None and summary.view.state in LIVELY

    def on_mount(self) -> None:
        """Show at once what is known."""
        self.ready = True
        self.call_after_refresh(self.board.tick)

    def on_unmount(self) -> None:
        """From here on there is nothing left to show it on."""
        self.ready = False

    def show_foot(self, desk: Desk, now: float, link: Link | None) -> None:
        """The last two lines; ``link`` where the screen says nowhere else how well we are informed."""
        self.query_one(StatusLine).show(desk.report, link, now)
        self.query_one(KeyBar).show(self.keys(desk))

    def keys(self, desk: Desk) -> list[Key]:
        """The key bar, with what is possible now."""
        summary = desk.summaries.get(self.subject or "")
        view = summary.view if summary is not None else None
        verbs = [Key(a.key, a.label, self._possible(a) and a.refusal(view) is None) for a in VERBS]
        return [*verbs, Key("?", "help"), Key("q", "quit", note=", runs go on")]

    def _possible(self, action: Action) -> bool:
        return not self.board.read_only

    def action_ask(self, action_id: str) -> None:
        """A verb's key."""
        self.board.perform(action_id, self.subject)

    def action_help(self) -> None:
        """Every key, and what it would do now."""
        from tui_app.screens.help import HelpScreen

        self.app.push_screen(HelpScreen(self.subject))

    def action_leave(self) -> None:
        """Close the dashboard; nothing else ends."""
        self.app.exit(0)

    def action_repaint(self) -> None:
        """Send the whole screen again."""
        self.refresh(layout=True)

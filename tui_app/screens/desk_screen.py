"""What home and run have in common: the keys, the status line, and being shown the desk at each tick."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, cast

from textual import events
from textual.binding import Binding, BindingType
from textual.screen import Screen

from remote.vocabulary.run_states import RunState
from tui_app.actions import ACTIONS, Action
from tui_app.desk import Desk
from tui_app.screens.newest_size import NewestSize
from tui_app.screens.tabs import TAB_BY_ID, TABS
from tui_app.widgets.banner import Banner
from tui_app.widgets.event_list import EventLine
from tui_app.widgets.key_bar import Key, KeyBar
from tui_app.widgets.sight import Link
from tui_app.widgets.status_line import StatusLine

if TYPE_CHECKING:
    from tui_app.app import Middlewatch
    from tui_app.state.alert_book import Alert
    from tui_app.widgets.prompt_bar import PromptBar

Keep = Callable[[str, Path, str, str, float], Path]

VERBS = tuple(action for action in ACTIONS.values() if action.verb is not None and not action.tab)
"""What can be asked of a run (or to get one) on every screen, in the order in which the keys are shown."""
LAST_KEYS = (Key("?", "help"), Key("q", "quit", note=", runs go on"))
KEY_NAMES = {"!": "exclamation_mark"}
LIVELY = (RunState.QUEUED, RunState.STARTING, RunState.PREEMPTING, RunState.BACKOFF, RunState.RECOVERING)
"""States in which a clock on the screen moves faster than once a second."""


def bindings_of(actions: Iterable[Action]) -> list[BindingType]:
    """A key for each of these verbs, from the table."""
    return [Binding(action.key, f"ask('{action.id}')", action.label, show=False) for action in actions]


class DeskScreen(NewestSize, Screen[None]):
    """A screen that shows the desk and can ask for things."""

    tab_id: ClassVar[str] = ""
    """Which of the tabs this is, empty for none."""
    moves: ClassVar[tuple[tuple[str, str], ...]] = ()
    """Keys of this screen and what they do, for the help."""
    BINDINGS: ClassVar[list[BindingType]] = [
        *bindings_of(VERBS),
        *(
            Binding(KEY_NAMES.get(tab.key, tab.key), f"tab('{tab.id}')", tab.label, show=False)
            for tab in TABS
        ),
        Binding("question_mark", "help", "help", show=False),
        Binding("colon", "app.command_palette", "every command", show=False),
        Binding("q", "leave", "quit", show=False),
        Binding("ctrl+l", "repaint", "repaint", show=False),
        Binding("y", "hand_over", "copy a hand-over", show=False),
        Binding("ctrl+s", "picture", "save a picture", show=False),
        Binding("W", "arm", "arm, disarm", show=False),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._stands = False
        self.asking: PromptBar | None = None
        """The line that is being typed, or was last."""
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
    def ready(self) -> bool:
        """Whether its widgets are there. They are taken away before it is told of its own end."""
        return self._stands and self.is_running

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """A key that comes before the widgets, or after them, does nothing, but for the one that leaves."""
        return self.ready or action == "leave"

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
        """Show at once what is known, so that the first frame is a whole one."""
        self._stands = True
        self.board.begin()
        self.call_after_refresh(self.board.tick)

    def on_screen_resume(self) -> None:
        """Below another screen nothing was shown."""
        if self.ready:
            self.call_after_refresh(self.board.tick)

    def on_screen_suspend(self) -> None:
        """What was refused here is not said on the next screen."""
        report = self.board.desk.report
        if report is not None and report.state == "refused":
            self.board.desk.report = None

    def on_unmount(self) -> None:
        """From here on there is nothing left to show it on; its rows go as those of its widgets do."""
        self._stands = False
        self._styles_cache.clear()

    def show_foot(self, desk: Desk, now: float, link: Link | None) -> None:
        """The last two lines; ``link`` where the screen says nowhere else how well we are informed."""
        self.query_one(StatusLine).show(desk.report, link, now)
        self.query_one("#keys", KeyBar).show(self.keys(desk))
        for banner in self.query("#banner").results(Banner):
            banner.show(self.alerts(desk), now)
        for bar in self.query("#tabs").results(KeyBar):
            bar.show(self.tab_keys())

    def alerts(self, desk: Desk) -> Sequence[Alert]:
        """Those that are to be seen on this screen: of its run, or of every run where it has none."""
        run = self.subject
        return desk.alerts if run is None else [alert for alert in desk.alerts if alert.run == run]

    def tab_keys(self) -> list[Key]:
        """The other screens about this run, the open one marked."""
        return [Key(tab.key, tab.label, chosen=tab.id == self.tab_id, spare=tab.spare) for tab in TABS]

    def keys(self, desk: Desk) -> list[Key]:
        """The key bar, with what is possible now."""
        return [*self.keys_of(VERBS, desk), *LAST_KEYS]

    def keys_of(self, actions: Iterable[Action], desk: Desk) -> list[Key]:
        """Those of these verbs, in brackets what is not possible now."""
        summary = desk.summaries.get(self.subject or "")
        view = summary.view if summary is not None else None
        return [Key(a.key, a.label, self._possible(a) and a.refusal(view) is None) for a in actions]

    def _possible(self, action: Action) -> bool:
        return self.board.arming.armed(self.board.clock())

    def notes(self, now: float) -> tuple[str, ...]:
        """What the header must say beside the run: whether keys may act."""
        note = self.board.arming.note(now)
        return () if note is None else (note,)

    async def ask_line(self, bar: PromptBar) -> None:
        """Let a line be typed at the foot of the screen."""
        self.asking = bar
        await self.mount(bar)

    def typed_ahead(self, event: events.Key) -> bool:
        """Give a line that is being typed the letters that were on their way when it was opened: on a slow
        link several keys come at once. Whether it took this one."""
        bar = self.asking
        if bar is None or bar.ended or event.character is None or not event.is_printable:
            return False
        bar.type(event.character)
        return True

    def action_arm(self) -> None:
        """Let keys act, or no longer."""
        self.board.toggle_arming()

    def action_ask(self, action_id: str) -> None:
        """A verb's key."""
        self.board.perform(action_id, self.subject)

    def action_tab(self, tab_id: str) -> None:
        """A tab's key; that of the open one goes back."""
        if tab_id == self.tab_id:
            self.app.pop_screen()
        elif self.subject is None and TAB_BY_ID[tab_id].needs_run:
            self.board.say("refused", f"{TAB_BY_ID[tab_id].label}: no run is selected")
        else:
            self.board.open_tab(tab_id, self.subject)

    def action_help(self) -> None:
        """Every key, and what it would do now."""
        from tui_app.screens.help import HelpScreen

        self.app.push_screen(HelpScreen(self.subject, self.moves))

    @property
    def events(self) -> Sequence[EventLine]:
        """The sentences that this screen has of its run, oldest first."""
        return ()

    async def action_hand_over(self) -> None:
        """Copy the run's state and last events, and keep them in a file."""
        from tui_app.handover import keep, markdown

        board, run = self.board, self.subject
        sight = board.desk.sight(run, board.clock()) if run is not None else None
        if sight is None:
            board.say("refused", "hand-over: no run is selected")
            return
        command = board.twin("middlewatch")
        text = markdown(sight, board.desk.alerts, self.events, command)
        self.app.copy_to_clipboard(text)
        await self._keep(keep, text, sight.view.run, ".md", "copied, if the terminal lets us, and in")

    async def action_picture(self) -> None:
        """Keep this screen as SVG."""
        from tui_app.handover import keep

        svg = self.app.export_screenshot(title="middlewatch")
        await self._keep(keep, svg, self.subject or "home", ".svg", "picture in")

    async def _keep(self, keep: Keep, text: str, name: str, suffix: str, words: str) -> None:
        from tui_app.handover import shortened

        board = self.board
        folder = board.locations.state / "kept"
        try:
            path = await asyncio.to_thread(keep, text, folder, name, suffix, board.clock())
        except OSError as error:
            board.say("failed", f"cannot write to {folder}: {error.strerror}")
        else:
            board.say("done", f"{words} {shortened(path)}")

    def action_leave(self) -> None:
        """Close the dashboard; nothing else ends."""
        self.app.exit(0)

    def action_repaint(self) -> None:
        """Send the whole screen again."""
        self.board.repaint()

"""A key becomes an intent: refused with a sentence, asked for first where it costs, or written down.

An app that has a desk to look at and, unless it only looks, a feed that writes. Which keys there are is
`tui_app.actions`; whether they may act, `tui_app.arming`. What is drawn is somebody else's matter.
"""

from __future__ import annotations

from collections.abc import Callable

from textual.events import Event, Key, MouseDown

from tui_app.acting_feed import ActingFeed, Wish
from tui_app.actions import ACTIONS, Action, Danger, aim
from tui_app.arming import HOW, Arming
from tui_app.desk import Desk
from tui_app.locations import TARGETS, Locations
from tui_app.state.cost import at_stake
from tui_app.state.view import RunView
from tui_app.terminal import TerminalApp
from tui_app.widgets.status_line import Report


class ActingApp(TerminalApp[int]):
    """``actor`` is None for one that only looks; ``rw`` arms it from the start."""

    def __init__(
        self, locations: Locations, actor: ActingFeed | None, *, rw: bool, clock: Callable[[], float]
    ) -> None:
        super().__init__()
        self.locations, self.read_only, self.clock = locations, actor is None, clock
        self.arming = Arming(locations.target, self.read_only, clock() if rw else None)
        self.desk = Desk(locations.target)
        self._actor = actor

    @property
    def unwritten(self) -> list[str]:
        """What was decided and could not be written down before the end, with the reasons."""
        return [] if self._actor is None else self._actor.unwritten

    def tick(self) -> None:
        """Show what changed."""
        raise NotImplementedError

    def say(self, state: str, text: str) -> None:
        """Put a sentence on the status line."""
        self.desk.report = Report(state, text, self.clock())
        self.tick()

    def perform(self, action_id: str, run: str | None) -> None:
        """What a verb's key does: refuse with a sentence, ask first where it costs, or ask for it."""
        action = ACTIONS[action_id]
        summary = self.desk.summaries.get(run or "")
        view = summary.view if summary is not None else None
        refusal = self.arming.refusal(action.label, self.clock()) or action.refusal(view)
        if refusal is not None:
            self.say("refused", refusal)
        elif action.id == "spawn":
            self._spawn_form()
        elif view is not None and action.id == "evaluate":
            from tui_app.screens.evaluate import ask_for_evaluation

            ask_for_evaluation(self, action, view)
        elif view is not None and action.danger is not Danger.NONE:
            self._confirm(action, view)
        elif view is not None:
            self._ask(action, view)

    def toggle_arming(self) -> None:
        """Let keys act on this target, or no longer."""
        target = self.locations.target.upper()
        if self.read_only:
            self.say("refused", "this dashboard is read-only")
        elif self.locations.target == TARGETS[0]:
            self.say("done", f"{target} is always armed")
        else:
            self.arming = self.arming.toggled(self.clock())
            armed = self.arming.armed(self.clock())
            self.say(
                "done", f"keys act on {target} now; W disarms" if armed else f"{target} is disarmed; {HOW}"
            )

    async def on_event(self, event: Event) -> None:
        """Every key begins the idle time anew, before it does what it is for."""
        if isinstance(event, Key | MouseDown):
            self.arming = self.arming.touched(self.clock())
        await super().on_event(event)

    def _confirm(self, action: Action, view: RunView) -> None:
        from tui_app.screens.confirm import ConfirmScreen

        def decided(yes: bool | None) -> None:
            if yes:
                self._ask(action, view)
            else:
                self.say("cancelled", f"{action.label} {view.run}: nothing was done")

        typed = action.danger is Danger.DESTRUCTIVE and self.locations.target != TARGETS[0]
        stake = at_stake(view, self.clock(), self.desk.prices)
        twin = self.twin(action.cli(view.run))
        self.push_screen(ConfirmScreen(action, view, twin, at_stake=stake, typed=typed), decided)

    def _ask(self, action: Action, view: RunView) -> None:
        if action.verb is not None:
            attempt = None if view.state.is_terminal else aim(view)
            self.act(action.label, Wish(action.verb, view.run, attempt, action.args(view)))

    def act(self, label: str, wish: Wish) -> bool:
        """Ask for what was decided if keys may act still, whenever the deciding began; whether they may."""
        refusal = self.arming.refusal(label, self.clock())
        if refusal is not None:
            self.say("refused", refusal)
        else:
            self.ask(wish)
        return refusal is None

    def ask(self, wish: Wish) -> None:
        """Write a wish down, unless this dashboard only looks. Whether keys may act is the caller's matter: a
        wish about our own alerts touches no run, and so needs no arming."""
        if self._actor is None:
            self.say("refused", f"{wish.words}: this dashboard is read-only")
        else:
            self._actor.ask(wish)

    def twin(self, command: str) -> str:
        """The command line that does the same here: with the target where it is not the default."""
        if self.locations.target == TARGETS[0]:
            return command
        return command.replace("middlewatch", f"middlewatch --target {self.locations.target}", 1)

    def _spawn_form(self) -> None:
        from tui_app.screens.home import HomeScreen
        from tui_app.screens.spawn import SpawnScreen

        def decided(wish: Wish | None) -> None:
            if wish is None:
                self.say("cancelled", "spawn: nothing was started")
            elif self.act("spawn", wish):
                for home in (screen for screen in self.screen_stack if isinstance(screen, HomeScreen)):
                    home.expect(wish.run)

        self.push_screen(SpawnScreen(set(self.desk.summaries), self.twin), decided)

"""Before an evaluation: which step, how many prompts, how many containers, and what that would cost.

What stands in the fields is the usual evaluation; Cancel has the focus, so that a hasty Enter starts nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar

from msgspec.structs import asdict
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import Button, Input

from remote.vocabulary.commands import Verb
from tui_app.acting_feed import Wish
from tui_app.actions import Action
from tui_app.evaluating import hour_of, plan_costs
from tui_app.evaluation_plan import MOST_DIGITS, MOST_PROMPTS, MOST_SLICES, Plan, PlanError, planned, typed
from tui_app.render.spans import Line, crop, wrap
from tui_app.screens.dialog import Dialog
from tui_app.state.cost import Cost
from tui_app.state.view import RunView
from tui_app.text_safety import plain
from tui_app.widgets.prose import Prose

if TYPE_CHECKING:
    from tui_app.acting_app import ActingApp

TEXT_CELLS, NOTE_CELLS = 66, 31
FIELDS = {"step": "step", "prompts": "prompts", "slices": "containers"}
KEYS: Line = [
    ("up down", "key"),
    (" fields  ", "quiet"),
    ("ctrl+y", "key"),
    (" copy the command  ", "quiet"),
    ("esc", "key"),
    (" cancel", "quiet"),
]


def ask_for_evaluation(board: ActingApp, action: Action, view: RunView) -> None:
    """Show the form, and ask for what comes of it, if keys may still act by then."""

    def decided(wish: Wish | None) -> None:
        if wish is None:
            board.say("cancelled", f"{action.label} {view.run}: nothing was done")
        else:
            board.act(action.label, wish)

    board.push_screen(EvaluateScreen(view, hour_of(view, board.desk.prices), board.twin), decided)


class EvaluateScreen(Dialog[Wish | None]):
    """Closes with what to ask for, or None. ``hour`` is the cost of one container's hour."""

    AUTO_FOCUS = "#cancel"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "cancel", "cancel", show=False),
        Binding("up,left", "app.focus_previous", show=False),
        Binding("down,right", "app.focus_next", show=False),
        Binding("ctrl+y", "copy", "copy the command", show=False),
    ]

    def __init__(self, view: RunView, hour: Cost, twin: Callable[[str], str]) -> None:
        super().__init__()
        self._view, self._hour, self._twin = view, hour, twin
        self._values = {name: str(value) for name, value in asdict(planned(view)).items()}

    def compose(self) -> ComposeResult:
        """Question, fields, costs, the same on the command line, buttons."""
        run = plain(self._view.run, 48)
        with Vertical(classes="box"):
            yield Prose([[(f"evaluate {run}?", "warn-strong")], []])
            for name, label in FIELDS.items():
                with Horizontal(classes="field"):
                    yield Prose([[(label, "text")]], classes="name")
                    box = Input(self._values[name], id=name, compact=True, max_length=MOST_DIGITS)
                    box.cursor_blink = False
                    yield box
                    yield Prose(id=f"note-{name}", classes="note")
            yield Prose(id="text")
            with Horizontal(classes="buttons"):
                yield Button("Cancel", id="cancel", compact=True)
                yield Button("Yes, evaluate", id="do", compact=True)
            yield Prose([KEYS], id="hint")

    def on_mount(self) -> None:
        """Say what the usual evaluation comes to."""
        self._check()

    @on(Input.Changed)
    def _typed(self, message: Input.Changed) -> None:
        if message.input.id in self._values:
            self._values[message.input.id] = message.value
            self._check()

    @property
    def _plan(self) -> Plan | PlanError:
        try:
            return typed(self._view, self._values)
        except PlanError as error:
            return error

    def _check(self) -> None:
        plan = self._plan
        wrong = plan.field if isinstance(plan, PlanError) else ""
        for name in FIELDS:
            note: Line = (
                [("✗ not allowed", "bad")] if name == wrong else [("✓ ", "good"), (self._hint(name), "quiet")]
            )
            self.query_one(f"#note-{name}", Prose).write([crop(note, NOTE_CELLS)])
        self.query_one("#text", Prose).write(self._text(plan))
        self.query_one("#do", Button).disabled = isinstance(plan, PlanError)

    def _hint(self, name: str) -> str:
        newest = f"committed; the newest is {self._view.committed_step}"
        return {"step": newest, "prompts": f"held out; 1 to {MOST_PROMPTS}", "slices": f"1 to {MOST_SLICES}"}[
            name
        ]

    def _text(self, plan: Plan | PlanError) -> list[Line]:
        if isinstance(plan, PlanError):
            return [[], *([(line, "bad")] for line in wrap(plain(str(plan), 300), TEXT_CELLS))]
        lines: list[Line] = [[]]
        for sentence in plan_costs(self._view, plan, self._hour):
            first, *rest = wrap(plain(sentence, 400), TEXT_CELLS)
            lines.append([("· ", "quiet"), (first, "text")])
            lines += [[("  ", "text"), (line, "text")] for line in rest]
        same = wrap(plain(self._command(plan), 300), TEXT_CELLS - 9)
        lines += [[], [("same as  ", "quiet"), (same[0], "accent")]]
        return lines + [[(" " * 9 + line, "accent")] for line in same[1:]]

    def _command(self, plan: Plan) -> str:
        return self._twin(f"middlewatch evaluate {self._view.run} {plan.options}")

    @on(Input.Submitted)
    def _next(self) -> None:
        self.focus_next()

    def action_copy(self) -> None:
        """Copy the command that does the same."""
        if isinstance(plan := self._plan, Plan):
            self.app.copy_to_clipboard(plain(self._command(plan), 400))
            self.query_one("#hint", Prose).write([[("copied, if the terminal lets us", "good")]])

    @on(Button.Pressed, "#do")
    def _do(self) -> None:
        if isinstance(plan := self._plan, Plan):
            self.dismiss(Wish(Verb.EVALUATE, self._view.run, None, asdict(plan)))

    @on(Button.Pressed, "#cancel")
    def action_cancel(self) -> None:
        """Start nothing."""
        self.dismiss(None)

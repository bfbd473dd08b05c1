"""Are you sure: what it is, what it would cost, and Cancel as the answer to a hasty Enter.

Where it would end a run elsewhere than on this machine, the run's name must be typed first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import Button

from tui_app.actions import Action, Danger
from tui_app.render.spans import Line, wrap
from tui_app.screens.dialog import Dialog
from tui_app.state.cost import Cost
from tui_app.state.levels import reported
from tui_app.state.view import RunView
from tui_app.text_safety import plain
from tui_app.widgets.prose import Prose
from tui_app.widgets.words import told

if TYPE_CHECKING:
    from textual.widgets import Input

TEXT_WIDTH = 68


class ConfirmScreen(Dialog[bool]):
    """Closes with True only if the operator went to the button that does it and pressed that."""

    AUTO_FOCUS = "#cancel"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,n,q", "cancel", "cancel", show=False),
        Binding("left,h,up,k", "app.focus_previous", show=False),
        Binding("right,l,down,j", "app.focus_next", show=False),
        Binding("y,ctrl+y", "copy", "copy the command", show=False),
    ]

    def __init__(
        self, action: Action, view: RunView, twin: str, *, at_stake: Cost | None = None, typed: bool = False
    ) -> None:
        super().__init__()
        self._stake = at_stake
        self._typed, self._copied = typed, False
        self._action, self._view, self._twin = action, view, twin

    def on_mount(self) -> None:
        """What is to be typed comes first."""
        if self._typed:
            self.query_one("#name").focus()

    def compose(self) -> ComposeResult:
        """Question, costs, the same on the command line, buttons."""
        danger = " -danger" if self._action.danger is Danger.DESTRUCTIVE else ""
        with Vertical(classes="box" + danger):
            yield Prose(self._text(), id="text")
            if self._typed:
                yield from self._name_field()
            with Horizontal(classes="buttons"):
                yield Button("Cancel", id="cancel", compact=True)
                yield Button(f"Yes, {self._action.label}", id="do", compact=True, disabled=self._typed)

    def _name_field(self) -> ComposeResult:
        from textual.widgets import Input

        with Horizontal(classes="field confirm"):
            yield Prose([[("type the run's name", "warn")]], classes="name")
            box = Input(id="name", compact=True, max_length=60)
            box.cursor_blink = False
            yield box

    def on_input_changed(self, message: Input.Changed) -> None:
        """The button wakes when the name is right."""
        self.query_one("#do", Button).disabled = message.value.strip() != self._view.run

    def on_input_submitted(self, message: Input.Submitted) -> None:
        """Enter in the field goes on to the buttons, and does nothing else."""
        self.focus_next()

    def _text(self) -> list[Line]:
        action, view = self._action, self._view
        run = plain(view.run, 48)
        attempt = f"attempt {view.attempt.number}" if view.attempt is not None else "no attempt yet"
        lines: list[Line] = [
            [
                (
                    f"{action.label} {run}?",
                    "bad-strong" if action.danger is Danger.DESTRUCTIVE else "warn-strong",
                )
            ],
            [(f"{view.state} · {attempt} · step {told(reported(view).step)}", "quiet")],
            [],
        ]
        for sentence in action.cost(view, self._stake):
            first, *rest = wrap(plain(sentence, 400), TEXT_WIDTH - 2)
            lines.append([("· ", "quiet"), (first, "text")])
            lines += [[("  ", "text"), (line, "text")] for line in rest]
        lines += [[], [("same as  ", "quiet"), (plain(self._twin, 200), "accent")]]
        copy = "copied, if the terminal lets us" if self._copied else ""
        key = "ctrl+y" if self._typed else "y"
        lines.append(
            [(" " * 9, "text"), (copy, "good")] if copy else [(f"{' ' * 9}{key} copies it", "quiet")]
        )
        return lines

    def action_copy(self) -> None:
        """Copy the command that does the same."""
        self.app.copy_to_clipboard(plain(self._twin, 400))
        self._copied = True
        self.query_one("#text", Prose).write(self._text())

    @on(Button.Pressed, "#cancel")
    def action_cancel(self) -> None:
        """Leave everything as it is."""
        self.dismiss(False)

    @on(Button.Pressed, "#do")
    def _do(self) -> None:
        if self._typed and self.query_one("#do", Button).disabled:
            return
        self.dismiss(True)

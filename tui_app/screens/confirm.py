"""Are you sure: what it is, what it would cost, and Cancel as the answer to a hasty Enter."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import Button

from tui_app.actions import Action, Danger
from tui_app.render.spans import Line, wrap
from tui_app.screens.dialog import Dialog
from tui_app.state.view import RunView
from tui_app.text_safety import plain
from tui_app.widgets.prose import Prose

TEXT_WIDTH = 68


class ConfirmScreen(Dialog[bool]):
    """Closes with True only if the operator went to the button that does it and pressed that."""

    AUTO_FOCUS = "#cancel"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,n,q", "cancel", "cancel", show=False),
        Binding("left,h,up,k", "app.focus_previous", show=False),
        Binding("right,l,down,j", "app.focus_next", show=False),
    ]

    def __init__(self, action: Action, view: RunView, twin: str) -> None:
        super().__init__()
        self._action, self._view, self._twin = action, view, twin

    def compose(self) -> ComposeResult:
        """Question, costs, the same on the command line, buttons."""
        danger = " -danger" if self._action.danger is Danger.DESTRUCTIVE else ""
        with Vertical(classes="box" + danger):
            yield Prose(self._text())
            with Horizontal(classes="buttons"):
                yield Button("Cancel", id="cancel", compact=True)
                yield Button(f"Yes, {self._action.label}", id="do", compact=True)

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
            [(f"{view.state} · {attempt} · step {view.step}", "quiet")],
            [],
        ]
        for sentence in action.cost(view):
            first, *rest = wrap(plain(sentence, 400), TEXT_WIDTH - 2)
            lines.append([("· ", "quiet"), (first, "text")])
            lines += [[("  ", "text"), (line, "text")] for line in rest]
        lines += [[], [("same as  ", "quiet"), (plain(self._twin, 200), "accent")]]
        return lines

    @on(Button.Pressed, "#cancel")
    def action_cancel(self) -> None:
        """Leave everything as it is."""
        self.dismiss(False)

    @on(Button.Pressed, "#do")
    def _do(self) -> None:
        self.dismiss(True)

"""The spawn form: seven fields, each checked as it is typed, and the same on the command line."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import Button, Input

from remote.vocabulary.commands import Verb
from tui_app.feed import Wish
from tui_app.render.spans import Line, wrap
from tui_app.screens.dialog import Dialog
from tui_app.screens.spawn_fields import FIELDS, Field, command, config, initial, troubles
from tui_app.text_safety import plain
from tui_app.widgets.prose import Prose


class SpawnScreen(Dialog[Wish | None]):
    """Closes with what to spawn, or None."""

    AUTO_FOCUS = "#steps"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "cancel", "cancel", show=False),
        Binding("up", "app.focus_previous", show=False),
        Binding("down", "app.focus_next", show=False),
    ]

    def __init__(self, taken: Collection[str], twin: Callable[[str], str]) -> None:
        super().__init__()
        self._twin = twin
        self._taken = frozenset(taken)
        self._start = initial(self._taken)

    def compose(self) -> ComposeResult:
        """A line a field, the command, buttons."""
        with Vertical(classes="box"):
            yield Prose([[("spawn a run", "strong"), ("   enter moves on, esc cancels", "quiet")], []])
            for field in FIELDS.values():
                with Horizontal(classes="field"):
                    yield Prose([[(field.label, "text")]], classes="name")
                    box = Input(self._start[field.id], id=field.id, compact=True, max_length=60)
                    box.cursor_blink = False
                    yield box
                    yield Prose(id=f"note-{field.id}", classes="note")
            yield Prose(id="command")
            with Horizontal(classes="buttons"):
                yield Button("Spawn", id="do", compact=True)
                yield Button("Cancel", id="cancel", compact=True)

    def on_mount(self) -> None:
        """Say what is allowed, and what the defaults come to."""
        self._check()

    @property
    def values(self) -> dict[str, str]:
        """What stands in the fields."""
        return {field_id: self.query_one(f"#{field_id}", Input).value for field_id in FIELDS}

    @on(Input.Changed)
    def _check(self) -> None:
        values = self.values
        found = troubles(values, self._taken)
        for field in FIELDS.values():
            self.query_one(f"#note-{field.id}", Prose).write([_note(field, found.get(field.id))])
        first, *rest = wrap(plain(self._twin(command(values)), 400), 59)
        same: list[Line] = [[("same as  ", "quiet"), (first, "accent")]]
        same += [[(" " * 9, "text"), (line, "accent")] for line in rest]
        self.query_one("#command", Prose).write([[], *same])
        self.query_one("#do", Button).disabled = bool(found)

    @on(Input.Submitted)
    def _next(self) -> None:
        self.focus_next()

    @on(Button.Pressed, "#do")
    def _do(self) -> None:
        values = self.values
        if not troubles(values, self._taken):
            asked = {"config": config(values).to_json()}
            self.dismiss(Wish(Verb.SPAWN, values["run"].strip(), None, asked))

    @on(Button.Pressed, "#cancel")
    def action_cancel(self) -> None:
        """Start nothing."""
        self.dismiss(None)


def _note(field: Field, trouble: str | None) -> Line:
    if trouble is not None:
        return [("✗ ", "bad"), (trouble, "bad")]
    return [("✓ ", "good"), (field.hint, "quiet")]

"""The spawn form: every field of a run's config on five pages, each checked as it is typed, and the same
on the command line. What can be said and what is allowed is `tui_app.run_fields`."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.events import DescendantFocus
from textual.widgets import Button, Input

from remote.vocabulary.commands import Verb
from tui_app.acting_feed import Wish
from tui_app.render.spans import Line, crop, wrap
from tui_app.run_fields import FIELDS, LONGEST, Field, Section, command, config, initial, troubles
from tui_app.screens.dialog import Dialog
from tui_app.text_safety import plain
from tui_app.widgets.prose import Prose

COMMAND_ROWS, COMMAND_CELLS = 3, 59
ABOUT_CELLS = 69
NOTE_CELLS = 31
KEYS: Line = [
    ("pgup pgdn", "key"),
    (" page  ", "quiet"),
    ("enter", "key"),
    (" next  ", "quiet"),
    ("ctrl+s", "key"),
    (" spawn  ", "quiet"),
    ("ctrl+y", "key"),
    (" copy it  ", "quiet"),
    ("esc", "key"),
    (" cancel", "quiet"),
]


class SpawnScreen(Dialog[Wish | None]):
    """Closes with what to spawn, or None."""

    AUTO_FOCUS = "#steps"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "cancel", "cancel", show=False),
        Binding("up", "move(-1)", show=False),
        Binding("down", "move(1)", show=False),
        Binding("pageup", "turn(-1)", "page before", show=False),
        Binding("pagedown", "turn(1)", "next page", show=False),
        Binding("ctrl+y", "copy", "copy the command", show=False),
        Binding("ctrl+s", "spawn", "spawn it as it stands", show=False),
    ]

    def __init__(self, taken: Collection[str], twin: Callable[[str], str]) -> None:
        super().__init__()
        self._twin = twin
        self._taken = frozenset(taken)
        self.values = initial(self._taken)
        """What stands in the fields, shown yet or not."""
        self._page = Section.RUN
        self._about: Field | None = None

    def compose(self) -> ComposeResult:
        """Pages, a line a field, what the chosen field is, the command, buttons."""
        with Vertical(classes="box"):
            yield Prose(id="pages")
            with Vertical(id="fields"):
                yield self._page_of(Section.RUN)
            yield Prose(id="about")
            yield Prose(id="command")
            with Horizontal(classes="buttons"):
                yield Button("Spawn", id="do", compact=True)
                yield Button("Cancel", id="cancel", compact=True)
            yield Prose([KEYS])

    def _page_of(self, section: Section) -> Vertical:
        rows = [self._row(field) for field in FIELDS.values() if field.section is section]
        return Vertical(*rows, id=f"page-{section}", classes="page")

    def _row(self, field: Field) -> Horizontal:
        box = Input(self.values[field.id], id=field.id, compact=True, max_length=LONGEST)
        box.cursor_blink = False
        note = Prose(id=f"note-{field.id}", classes="note")
        return Horizontal(Prose([[(field.label, "text")]], classes="name"), box, note, classes="field")

    def on_mount(self) -> None:
        """Say what is allowed, and what the defaults come to."""
        self._check()

    @on(Input.Changed)
    def _typed(self, message: Input.Changed) -> None:
        if message.input.id in self.values:
            self.values[message.input.id] = message.value
            self._check()

    def _check(self) -> None:
        found = troubles(self.values, self._taken)
        for field in FIELDS.values():
            for note in self.query(f"#note-{field.id}").results(Prose):
                note.write([_note(field, found.get(field.id))])
        self.query_one("#pages", Prose).write([self._pages(found), []])
        self._explain(found)
        lines = wrap(plain(self._twin(command(self.values)), 2000), COMMAND_CELLS)
        if len(lines) > COMMAND_ROWS:
            lines = [*lines[: COMMAND_ROWS - 1], "… ctrl+y copies all of it"]
        first, *rest = lines
        same: list[Line] = [[("same as  ", "quiet"), (first, "accent")]]
        self.query_one("#command", Prose).write([*same, *([(" " * 9 + line, "accent")] for line in rest)])
        self.query_one("#do", Button).disabled = bool(found)

    def _pages(self, found: Collection[str]) -> Line:
        """Every page; the open one marked, and those with something wrong."""
        wrong = {FIELDS[field].section for field in found}
        line: Line = [("spawn a run  ", "strong")]
        for section in Section:
            name = f"{'▸' if section is self._page else ' '}{section}{'✗' if section in wrong else ' '}"
            here = "strong+cursor" if section is self._page else ("bad" if section in wrong else "quiet")
            line += [(" ", "text"), (name, here)]
        return line

    def _explain(self, found: dict[str, str]) -> None:
        """The chosen field in full."""
        field = self._about
        if field is None:
            self.query_one("#about", Prose).write([])
            return
        trouble = found.get(field.id)
        what = f"allowed: {field.hint}"
        if trouble is not None:
            what = trouble if trouble.startswith("allowed") else f"{trouble}; {what}"
        said = wrap(plain(what, 400), ABOUT_CELLS)
        role = "quiet" if trouble is None else "bad"
        self.query_one("#about", Prose).write(
            [[], [(field.help, "text")], *([(line, role)] for line in said)]
        )

    @on(DescendantFocus)
    def _chosen(self, event: DescendantFocus) -> None:
        self._about = FIELDS.get(event.widget.id or "")
        self._explain(troubles(self.values, self._taken))

    @on(Input.Submitted)
    def _next(self) -> None:
        self.focus_next()

    def action_move(self, step: int) -> None:
        """The field before or after, over the pages' edges; from the buttons back to the fields."""
        order = [field.id for field in FIELDS.values() if field.section is self._page]
        at = self.focused.id if self.focused is not None else None
        if at not in order:
            self.focus_next() if step > 0 else self.focus_previous()
        elif 0 <= order.index(at) + step < len(order):
            self.query_one(f"#{order[order.index(at) + step]}").focus()
        else:
            self._turn(step, last=step < 0)

    def action_turn(self, step: int) -> None:
        """Another page."""
        self._turn(step)

    def _turn(self, step: int, *, last: bool = False) -> None:
        every = list(Section)
        index = every.index(self._page) + step
        if not 0 <= index < len(every):
            return
        self._page = every[index]
        if not self.query(f"#page-{self._page}"):
            self.query_one("#fields").mount(self._page_of(self._page))
        for page in self.query(".page"):
            page.display = page.id == f"page-{self._page}"
        order = [field.id for field in FIELDS.values() if field.section is self._page]
        self.call_after_refresh(self._arrive, order[-1 if last else 0])

    def _arrive(self, field: str) -> None:
        for widget in self.query(f"#{field}"):  # none if the form was closed meanwhile
            widget.focus()
            self._check()

    def action_copy(self) -> None:
        """Copy the whole command."""
        self.app.copy_to_clipboard(plain(self._twin(command(self.values)), 4000))
        self.query_one("#about", Prose).write([[], [("copied, if the terminal lets us", "good")]])

    @on(Button.Pressed, "#do")
    def action_spawn(self) -> None:
        """Start it, unless a field is wrong."""
        if not troubles(self.values, self._taken):
            asked = {"config": config(self.values).to_json()}
            self.dismiss(Wish(Verb.SPAWN, self.values["run"].strip(), None, asked))

    @on(Button.Pressed, "#cancel")
    def action_cancel(self) -> None:
        """Start nothing."""
        self.dismiss(None)


def _note(field: Field, trouble: str | None) -> Line:
    if trouble is not None:
        return crop([("✗ ", "bad"), (trouble, "bad")], NOTE_CELLS)
    return crop([("✓ ", "good"), (field.hint, "quiet")], NOTE_CELLS)

"""Every key, what it does, what it is called on the command line, and whether it is possible now."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar, cast

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical

from tui_app.actions import ACTIONS
from tui_app.render.spans import Line, beside, crop
from tui_app.screens.desk_screen import VERBS
from tui_app.screens.dialog import Dialog
from tui_app.screens.tabs import TABS
from tui_app.state.view import RunView
from tui_app.text_safety import plain
from tui_app.widgets.prose import Prose

Moves = tuple[tuple[str, str], ...]
EVERYWHERE = (
    ("d", "describe: facts and config"),
    ("y", "copy a hand-over"),
    ("ctrl+s", "save a picture (SVG)"),
    (": ctrl+p", "every command by name"),
    ("ctrl+l", "paint the screen again"),
    ("W", "arm or disarm keys on MODAL"),
)
HALF = 38


class HelpScreen(Dialog[None]):
    """Closed by esc, ? or q."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,question_mark,q,enter", "close", "close", show=False)
    ]

    def __init__(self, run: str | None, moves: Moves) -> None:
        super().__init__()
        self._run, self._moves = run, moves

    def compose(self) -> ComposeResult:
        """One box."""
        from tui_app.app import Middlewatch

        board = cast(Middlewatch, self.app)
        summary = board.desk.summaries.get(self._run or "")
        view = summary.view if summary is not None else None
        with Vertical(classes="box"):
            held = board.arming.refusal("", board.clock())
            held = held.removeprefix(": ") if held is not None else None
            yield Prose(help_lines(view, moves=self._moves, held=held, twin=board.twin))

    def action_close(self) -> None:
        """Back to work."""
        self.dismiss(None)


def help_lines(
    view: RunView | None, *, moves: Moves, held: str | None, twin: Callable[[str], str]
) -> list[Line]:
    """The help text for a run as it stands; ``held`` is why no key acts at all, None where keys do."""
    run = plain(view.run, 48) if view is not None else "RUN"
    lines: list[Line] = [[("keys", "strong"), (f"   for {run}" if view is not None else "", "quiet")]]
    for action in VERBS:
        refusal = held or action.refusal(view)
        lines.append([(f"{action.key:<3}", "key"), (f"{action.label:<13}", "text"), (action.help, "quiet")])
        command: Line = [(" " * 16, "text"), (twin(action.cli(run)), "accent")]
        if refusal is not None:
            command = [(" " * 16, "text"), ("not now: ", "warn"), (plain(refusal, 200), "quiet")]
        lines.append(command)
    lines += [[(f"{'q':<3}", "key"), (f"{'quit':<13}", "text"), (ACTIONS["quit"].help, "quiet")], []]
    return lines + _two_by_two([*_tab_moves(), *moves, *EVERYWHERE])


def _tab_moves() -> list[tuple[str, str]]:
    """The tabs, four an entry."""
    bar = [tab for tab in TABS if not tab.spare]
    parts = [bar[start : start + 4] for start in range(0, len(bar), 4)]
    return [(" ".join(tab.key for tab in part), " ".join(tab.label for tab in part)) for part in parts]


def _two_by_two(entries: Sequence[tuple[str, str]]) -> list[Line]:
    half = (len(entries) + 1) // 2
    columns = [[_entry(*entry) for entry in part] for part in (entries[:half], entries[half:])]
    return beside(columns[0], columns[1], HALF, gap=0)


def _entry(keys: str, what: str) -> Line:
    return crop([(f"{keys:<7} ", "key"), (what, "quiet")], HALF - 1)
